#include "base/log.hpp"

#include <atomic>
#include <cstdio>
#include <memory>

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/stdout_sinks.h>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "base/thread_name.hpp"

namespace herald::log {
namespace {

constexpr std::size_t kQueuedLines = 8192;

std::atomic<Level> threshold{Level::info};
std::shared_ptr<spdlog::details::thread_pool> pool;
std::shared_ptr<spdlog::async_logger> logger;

std::string_view name(Level level) {
    switch (level) {
        case Level::debug:
            return "debug";
        case Level::info:
            return "info";
        case Level::warning:
            return "warning";
        case Level::error:
            return "error";
    }
    return "error";
}

}  // namespace

void start(Level level) {
    threshold = level;
    pool = std::make_shared<spdlog::details::thread_pool>(kQueuedLines, 1, [] { name_this_thread("log"); });
    auto sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
    logger = std::make_shared<spdlog::async_logger>("herald", std::move(sink), pool,
                                                    spdlog::async_overflow_policy::overrun_oldest);
    logger->set_pattern("%v");
    logger->set_level(spdlog::level::trace);
}

void stop() {
    logger.reset();
    pool.reset();  // joins the writing thread after it has drained the queue
}

bool enabled(Level level) { return level >= threshold.load(std::memory_order_relaxed); }

void write(Level level, std::string_view event, Fields fields) {
    if (!enabled(level)) return;
    JsonWriter line;
    line.begin_object();
    line.member("time", to_rfc3339(SystemClock{}.now()));
    line.member("level", name(level));
    line.member("event", event);
    for (const auto& field : fields) {
        std::visit([&](const auto& value) { line.member(field.key, value); }, field.value);
    }
    line.end_object();
    if (logger) {
        logger->log(spdlog::level::info, spdlog::string_view_t(line.text()));
    } else {
        std::fprintf(stderr, "%s\n", line.text().c_str());
    }
}

}  // namespace herald::log
