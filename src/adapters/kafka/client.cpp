#include "adapters/kafka/client.hpp"

#include <array>
#include <set>
#include <string_view>

#include <fmt/format.h>

#include "base/log.hpp"

namespace herald::kafka {
namespace {

/// The promises rest on these, or the configuration of Herald says them already. Aliases are librdkafka's.
const std::set<std::string_view>& refused_properties() {
    static const std::set<std::string_view> all = {
        "acks",
        "allow.auto.create.topics",
        "auto.commit.enable",
        "auto.commit.interval.ms",
        "auto.offset.reset",
        "bootstrap.servers",
        "client.id",
        "delivery.timeout.ms",
        "enable.auto.commit",
        "enable.auto.offset.store",
        "enable.gapless.guarantee",
        "enable.idempotence",
        "enable.partition.eof",
        "enable.random.seed",
        "enabled_events",
        "group.id",
        "group.instance.id",
        "isolation.level",
        "max.in.flight",
        "max.in.flight.requests.per.connection",
        "message.max.bytes",
        "message.send.max.retries",
        "message.timeout.ms",
        "metadata.broker.list",
        "partition.assignment.strategy",
        "partitioner",
        "queue.buffering.max.kbytes",
        "queue.buffering.max.messages",
        "request.required.acks",
        "retries",
        "test.mock.num.brokers",
        "transactional.id",
    };
    return all;
}

/// Reconnects fast enough to be back within 5 s of a broker's return, and finds out within 6 s that packets
/// go nowhere.
const Properties& common_properties() {
    static const Properties all = {
        {"socket.nagle.disable", "true"},
        {"socket.keepalive.enable", "true"},
        {"socket.timeout.ms", "6000"},
        {"socket.connection.setup.timeout.ms", "4000"},
        {"reconnect.backoff.ms", "100"},
        {"reconnect.backoff.max.ms", "1000"},
        {"topic.metadata.refresh.interval.ms", "60000"},
        {"log.connection.close", "false"},
    };
    return all;
}

Status set(rd_kafka_conf_t& conf, const std::string& name, const std::string& value) {
    std::array<char, 512> reason{};
    if (rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), reason.data(), reason.size()) ==
        RD_KAFKA_CONF_OK) {
        return {};
    }
    // The reason may quote the value, which may be a password.
    return fail(ErrorCode::invalid,
                fmt::format("librdkafka does not take the property {} with this value", name));
}

/// librdkafka repeats itself while a broker is away; changes of state are logged once, by who watches them.
void write_log(const rd_kafka_t* client, int, const char* facility, const char* text) {
    if (!log::enabled(log::Level::debug)) return;
    log::debug("kafka.client", {{"client", rd_kafka_name(client)}, {"facility", facility}, {"text", text}});
}

}  // namespace

Error error_of(rd_kafka_resp_err_t code, const std::string& doing, const std::string& detail) {
    const auto message =
        fmt::format("{}: {}", doing, detail.empty() ? rd_kafka_err2str(code) : detail.c_str());
    switch (code) {
        case RD_KAFKA_RESP_ERR__QUEUE_FULL:
            return {ErrorCode::busy, message};
        case RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_RECORD_LIST_TOO_LARGE:
        case RD_KAFKA_RESP_ERR_INVALID_RECORD:
        case RD_KAFKA_RESP_ERR_INVALID_TIMESTAMP:
            return {ErrorCode::refused_content, message};
        case RD_KAFKA_RESP_ERR__TIMED_OUT:
        case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
        case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
        case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
            return {ErrorCode::timeout, message};
        case RD_KAFKA_RESP_ERR__DESTROY:
        case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
        case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
            return {ErrorCode::closed, message};
        case RD_KAFKA_RESP_ERR__INVALID_ARG:
            return {ErrorCode::internal, message};
        default:
            return {ErrorCode::unavailable, message};
    }
}

Result<Conf> configure(const KafkaLogOptions& options, const Properties& own) {
    Conf conf(rd_kafka_conf_new());
    rd_kafka_conf_set_log_cb(conf.get(), write_log);
    Properties all = common_properties();
    all.emplace_back("bootstrap.servers", options.bootstrap_servers);
    all.emplace_back("client.id", options.client_id);
    all.insert(all.end(), own.begin(), own.end());
    for (const auto& [name, value] : options.properties) {
        if (refused_properties().contains(name)) {
            return fail(
                ErrorCode::invalid,
                fmt::format("the Kafka property {} may not be set: Herald's guarantees rest on it", name));
        }
        all.emplace_back(name, value);
    }
    for (const auto& [name, value] : all) {
        if (auto status = set(*conf, name, value); !status) return fail(status.error());
    }
    return conf;
}

Result<Client> make_client(const KafkaLogOptions& options, rd_kafka_type_t type, const Properties& own,
                           void (*prepare)(rd_kafka_conf_t*), void* opaque) {
    auto conf = configure(options, own);
    if (!conf) return fail(conf.error());
    if (prepare != nullptr) prepare(conf->get());
    rd_kafka_conf_set_opaque(conf->get(), opaque);
    std::array<char, 512> reason{};
    Client client(rd_kafka_new(type, conf->get(), reason.data(), reason.size()));
    if (!client) return fail(ErrorCode::invalid, fmt::format("make a client of Kafka: {}", reason.data()));
    (void)conf->release();  // the client's from here on
    return client;
}

}  // namespace herald::kafka
