#include "main/commands.hpp"

#include <csignal>
#include <cstdio>

#include <fmt/format.h>
#include <pthread.h>
#include <CLI/CLI.hpp>

#include "base/log.hpp"
#include "main/listen_address.hpp"
#include "main/service.hpp"
#include "main/settings.hpp"
#include "pipeline/topics.hpp"
#include "simulator/simulator.hpp"

namespace herald {
namespace {

constexpr int kFailed = 1;
constexpr int kWrongSettings = 2;

int complain(const Error& error) {
    std::fprintf(stderr, "herald: %s\n", error.message.c_str());
    return error.code == ErrorCode::invalid ? kWrongSettings : kFailed;
}

/// Before any thread starts, so that all of them inherit the mask and only the waiting call below gets the
/// signals.
sigset_t block_stop_signals() {
    sigset_t signals;
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    pthread_sigmask(SIG_BLOCK, &signals, nullptr);
    std::signal(SIGPIPE, SIG_IGN);
    return signals;
}

void wait_for_stop(const sigset_t& signals) {
    int signal = 0;
    sigwait(&signals, &signal);
    // A second signal ends the process at once.
    pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
}

log::Level log_level(const Settings& settings) {
    const auto& name = settings.text("LOG_LEVEL");
    return name == "DEBUG"     ? log::Level::debug
           : name == "WARNING" ? log::Level::warning
           : name == "ERROR"   ? log::Level::error
                               : log::Level::info;
}

int serve(const Settings& settings) {
    const auto signals = block_stop_signals();
    log::start(log_level(settings));
    auto service = Service::start(settings);
    if (!service) {
        log::stop();
        return complain(service.error());
    }
    log::info("serve.ready", {{"version", HERALD_VERSION},
                              {"listen", settings.text("HERALD_LISTEN")},
                              {"port", (*service)->port()}});
    wait_for_stop(signals);
    log::info("serve.stopping");
    (*service)->stop();
    service->reset();
    log::info("serve.stopped");
    log::stop();
    return 0;
}

int simulate(const Settings& settings) {
    const auto signals = block_stop_signals();
    log::start(log_level(settings));
    const auto& dir = settings.text("HERALD_SIMULATOR_DIR");
    const auto options =
        simulator_options(settings, dir.empty() ? settings.text("HERALD_DATA_DIR") + "/simulator" : dir);
    auto simulator = simulator::Simulator::start(options);
    if (!simulator) {
        log::stop();
        return complain(simulator.error());
    }
    const auto& ports = (*simulator)->ports();
    log::info("simulate.ready", {{"dir", options.dir},
                                 {"apns", ports.apns},
                                 {"fcm", ports.fcm},
                                 {"twilio", ports.twilio},
                                 {"sendgrid", ports.sendgrid},
                                 {"apns_control", ports.apns_control},
                                 {"fcm_control", ports.fcm_control}});
    wait_for_stop(signals);
    (*simulator)->stop();
    log::stop();
    return 0;
}

/// The embedded stores bring themselves up to date when they are opened.
int migrate(const Settings& settings) {
    auto folder = DataFolder::open(settings.text("HERALD_DATA_DIR"));
    if (!folder) return complain(folder.error());
    SystemClock clock;
    SqliteLogOptions log_options;
    log_options.path = (*folder)->path() / "log.db";
    log_options.clock = &clock;
    for (auto& [group, topic] : topics::consumed())
        log_options.groups.push_back({std::move(group), std::move(topic)});
    auto log = SqliteEventLog::open(log_options);
    if (!log) return complain(log.error());
    SqliteStoreOptions store_options;
    store_options.path = (*folder)->path() / "store.db";
    store_options.clock = &clock;
    auto store = SqliteStore::open(store_options);
    if (!store) return complain(store.error());
    std::printf("%s is up to date\n", (*folder)->path().c_str());
    return 0;
}

std::string environment_help() {
    std::string help = "Environment (`herald config` shows the values in force):\n";
    for (const auto& setting : setting_table()) {
        help += fmt::format("  {:<34} {}{}\n", setting.name, setting.meaning,
                            setting.fallback.empty() ? "" : fmt::format(" [{}]", setting.fallback));
    }
    return help;
}

}  // namespace

int run_herald(int argc, char** argv, std::span<const std::string_view> tolerated) {
    CLI::App app{"Herald delivers notifications: one call names a person and a template.", "herald"};
    app.require_subcommand(1);
    app.footer(environment_help());
    auto* const serve_command =
        app.add_subcommand("serve", "Run everything in this process, on the embedded engines");
    auto* const simulate_command =
        app.add_subcommand("simulate", "Run servers that behave like APNs, FCM, Twilio and SendGrid");
    auto* const migrate_command = app.add_subcommand("migrate", "Bring the data folder up to this version");
    auto* const config_command = app.add_subcommand("config", "Print the settings in force");
    bool markdown = false;
    config_command->add_flag("--markdown", markdown, "Print the documentation of all settings instead");
    auto* const version_command = app.add_subcommand("version", "Print the version");
    CLI11_PARSE(app, argc, argv);

    if (version_command->parsed()) {
        std::printf("herald %s\n", HERALD_VERSION);
        return 0;
    }
    if (config_command->parsed() && markdown) {
        std::fputs(settings_markdown().c_str(), stdout);
        return 0;
    }
    const auto settings = Settings::read(Settings::process_environment(), tolerated);
    if (!settings) return complain(settings.error());
    if (config_command->parsed()) {
        std::fputs(describe(*settings).c_str(), stdout);
        return 0;
    }
    if (simulate_command->parsed()) return simulate(*settings);
    if (migrate_command->parsed()) return migrate(*settings);
    CHECK(serve_command->parsed());
    return serve(*settings);
}

}  // namespace herald
