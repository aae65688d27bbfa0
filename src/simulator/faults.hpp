#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/json.hpp"
#include "net/http.hpp"

namespace herald::simulator {

enum class Fault {
    status,             ///< answers this status instead of judging
    latency,            ///< answers later; goes together with whatever else acts
    hang,               ///< never answers: held until released, at most `ms`, then reset
    reset_before_body,  ///< reset when the head is there, the body unread
    reset_after_body,   ///< reset after the body was read; HTTP/2 resets the stream only
    close_connection,   ///< drops the whole connection after the body was read
    answer_lost,        ///< takes the message, then resets instead of answering
    goaway,             ///< HTTP/2: GOAWAY below this stream, so that it counts as not processed
    refused_stream,     ///< HTTP/2: RST_STREAM with REFUSED_STREAM
};

std::string_view to_string(Fault fault);

struct FaultRule {
    Fault fault = Fault::status;
    std::optional<double> share;  ///< of all requests that the rule may act on; none means every one
    int status = 500;
    net::Headers headers;
    std::optional<std::string> body;
    Millis wait{0};
    std::optional<std::uint64_t> times;
    std::string recipient_prefix;
};

/// The faults of one provider. A request is known by its number in the ledger, counted from the last
/// `replace`, and draws the same lot from the same seed each time. The shares of the rules that may act on a
/// request lie one after another on one draw, so that 0.1 and 0.2 together are 0.3 of all; a rule that acted
/// `times` times is out of it. Latency has a draw of its own for each rule. Thread-safe.
class Faults {
public:
    struct Abilities {
        bool http2 = false;
        /// Otherwise the recipient is in the body, and what acts before the body cannot be chosen by it.
        bool recipient_in_path = false;
    };
    struct Decision {
        std::shared_ptr<const FaultRule> rule;  ///< null for none
        Millis latency{0};
    };

    explicit Faults(Abilities abilities) : abilities_(abilities) {}

    /// Takes the place of all rules, from the request `first` on. What is wrong comes back and nothing
    /// changes.
    std::vector<FieldError> replace(const Json& json, std::uint64_t first);
    void clear();
    /// `{"seed", "rules"}` as they were given, each with how often it `acted`.
    std::string describe() const;

    /// What acts on the head alone, if anything.
    std::shared_ptr<const FaultRule> at_head(std::uint64_t n, std::string_view recipient);
    Decision at_body(std::uint64_t n, std::string_view recipient);

private:
    struct Rule {
        std::shared_ptr<const FaultRule> rule;
        Json given;
        std::uint64_t acted = 0;

        bool may_act_on(std::string_view recipient) const;
    };
    Rule* choose(std::uint64_t number, std::string_view recipient);
    double draw(std::uint64_t number, std::uint64_t lot) const;

    const Abilities abilities_;
    std::atomic<bool> any_{false};
    mutable std::mutex mutex_;
    std::vector<Rule> rules_;
    std::uint64_t seed_ = 0;
    std::uint64_t first_ = 0;
};

}  // namespace herald::simulator
