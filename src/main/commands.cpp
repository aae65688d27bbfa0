#include "main/commands.hpp"

#include <csignal>
#include <cstdio>
#include <future>

#include <fmt/format.h>
#include <pthread.h>
#include <CLI/CLI.hpp>

#include "base/log.hpp"
#include "main/engines.hpp"
#include "main/listen_address.hpp"
#include "main/service.hpp"
#include "main/settings.hpp"
#include "net/curl_client.hpp"
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

int serve(const Settings& settings, const Roles& roles) {
    const auto signals = block_stop_signals();
    log::start(log_level(settings));
    auto service = Service::start(settings, roles);
    if (!service) {
        log::stop();
        return complain(service.error());
    }
    log::info("serve.ready", {{"role", roles.name},
                              {"version", HERALD_VERSION},
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

int migrate(const Settings& settings, const MigrateOptions& options) {
    log::start(log_level(settings));
    SystemClock clock;
    Metrics metrics;
    const auto done = migrate_engines(settings, clock, metrics, options);
    log::stop();
    if (!done) return complain(done.error());
    for (const auto& line : *done) std::printf("%s\n", line.c_str());
    return 0;
}

/// Whether the process that listens at HERALD_LISTEN is ready: for health checks where there is no curl.
int health(const Settings& settings) {
    auto listen = ListenAddress::parse(settings.text("HERALD_LISTEN"));
    if (!listen) return complain(listen.error());
    if (listen->host == "0.0.0.0" || listen->host == "::") listen->host = "localhost";
    if (listen->host.find(':') != std::string::npos) listen->host = "[" + listen->host + "]";
    net::HttpRequest request;
    request.method = "GET";
    request.url = fmt::format("http://{}:{}/ready", listen->host, listen->port);
    request.deadline = Millis{3'000};
    std::promise<net::HttpResult> answered;
    auto client = net::make_curl_client({});
    client->send(std::move(request),
                 {{}, [&](net::HttpResult result) { answered.set_value(std::move(result)); }});
    const auto answer = answered.get_future().get();
    std::printf("%s\n", answer ? answer->body.c_str() : answer.error().detail.c_str());
    return answer && answer->status == 200 ? 0 : kFailed;
}

/// What every group has not finished, as a table for a person.
int lag(const Settings& settings) {
    log::start(log_level(settings));
    SystemClock clock;
    Metrics metrics;
    const auto rows = read_lag(settings, clock, metrics);
    log::stop();
    if (!rows) return complain(rows.error());
    std::printf("%-10s %-28s %9s %12s %10s\n", "GROUP", "TOPIC", "PARTITION", "RECORDS", "OLDEST");
    for (const auto& row : *rows) {
        std::printf("%-10s %-28s %9d %12lld %9.1fs\n", row.group.c_str(), row.topic.c_str(), row.partition,
                    static_cast<long long>(row.records), std::chrono::duration<double>(row.age).count());
    }
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
    auto* const serve_command = app.add_subcommand("serve", "Run all of Herald in this process");
    auto* const api_command = app.add_subcommand("api", "Run the HTTP API only");
    auto* const planner_command = app.add_subcommand("planner", "Run a planner only");
    auto* const worker_command = app.add_subcommand("worker", "Run the senders of one or more channels only");
    std::vector<std::string> channels;
    worker_command->add_option("channels", channels, "push, sms, email")
        ->required()
        ->check(CLI::IsMember({"push", "sms", "email"}));
    auto* const scheduler_command = app.add_subcommand("scheduler", "Run a scheduler only");
    auto* const simulate_command =
        app.add_subcommand("simulate", "Run servers that behave like APNs, FCM, Twilio and SendGrid");
    auto* const migrate_command =
        app.add_subcommand("migrate", "Bring topics, tables and the data folder up to this version");
    MigrateOptions migrate_options;
    migrate_command->add_option("--from", migrate_options.from,
                                "Carry this embedded data folder over to the engines that are set");
    migrate_command->add_flag("--demo", migrate_options.demo,
                              "Write the demo person user123 and the template welcome");
    migrate_command->add_flag("--finish", migrate_options.finish,
                              "Every process runs this version: write its records from now on");
    auto* const health_command =
        app.add_subcommand("health", "Ask the process at HERALD_LISTEN whether it is ready");
    auto* const lag_command = app.add_subcommand("lag", "Show what every consumer has not finished");
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
    if (migrate_command->parsed()) return migrate(*settings, migrate_options);
    if (health_command->parsed()) return health(*settings);
    if (lag_command->parsed()) return lag(*settings);
    Roles roles;
    if (serve_command->parsed()) return serve(*settings, Roles::all());
    roles.api = api_command->parsed();
    roles.planner = planner_command->parsed();
    roles.scheduler = scheduler_command->parsed();
    for (const auto& channel : channels) roles.workers.insert(*parse_channel(channel));
    roles.name = app.get_subcommands().front()->get_name();
    return serve(*settings, roles);
}

}  // namespace herald
