#include "simulator/faults.hpp"

#include <array>

namespace herald::simulator {
namespace {

constexpr std::array<std::string_view, 9> kNames = {
    "status",           "latency",     "hang",   "reset_before_body", "reset_after_body",
    "close_connection", "answer_lost", "goaway", "refused_stream"};
constexpr std::size_t kMaxRules = 100;
constexpr std::int64_t kMaxWaitMs = 600'000;
/// Longer than every call deadline, since nobody tells the simulator when the other side has given up.
constexpr std::int64_t kHangMs = 120'000;

bool acts_on_head(Fault fault) {
    return fault == Fault::reset_before_body || fault == Fault::goaway || fault == Fault::refused_stream;
}

bool needs_http2(Fault fault) { return fault == Fault::goaway || fault == Fault::refused_stream; }

std::optional<Fault> fault_named(std::string_view name) {
    for (std::size_t i = 0; i < kNames.size(); ++i) {
        if (kNames[i] == name) return static_cast<Fault>(i);
    }
    return std::nullopt;
}

/// SplitMix64's finalizer: neighbouring numbers give unrelated bits.
std::uint64_t mix(std::uint64_t x) {
    x += 0x9e3779b97f4a7c15;
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
    x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
    return x ^ (x >> 31);
}

std::optional<double> read_share(ObjectReader& reader) {
    const Json* given = reader.any("share");
    if (given == nullptr || given->is_null()) return std::nullopt;
    const auto share = given->as_double();
    if (!share || *share < 0 || *share > 1) reader.error("share", "range", "must be a number from 0 to 1");
    return share;
}

net::Headers read_headers(ObjectReader& reader) {
    net::Headers headers;
    const Json* given = reader.object("headers");
    if (given == nullptr) return headers;
    for (const auto& [name, value] : *given->as_object()) {
        if (const auto* text = value.as_string()) headers.push_back({name, *text});
        else reader.error("headers", "type", "the value of \"" + name + "\" must be a string");
    }
    return headers;
}

/// A body may be given as text, or as the JSON that it is.
std::optional<std::string> read_body(ObjectReader& reader) {
    const Json* given = reader.any("body");
    if (given == nullptr || given->is_null()) return std::nullopt;
    if (const auto* text = given->as_string()) return *text;
    return given->dump();
}

FaultRule read_rule(const Json& json, std::string path, std::vector<FieldError>& errors) {
    ObjectReader reader(json, std::move(path), errors);
    FaultRule rule;
    const auto name = reader.required_string("fault", {});
    const auto fault = name ? fault_named(*name) : std::nullopt;
    if (fault) rule.fault = *fault;
    else if (name) reader.error("fault", "unknown", "no fault has this name");
    rule.share = read_share(reader);
    rule.status = static_cast<int>(reader.integer("status", 200, 599).value_or(500));
    rule.headers = read_headers(reader);
    rule.body = read_body(reader);
    const std::int64_t wait = rule.fault == Fault::hang ? kHangMs : 0;
    rule.wait = Millis{reader.integer("ms", 0, kMaxWaitMs).value_or(wait)};
    if (const auto times = reader.integer("times", 1)) rule.times = static_cast<std::uint64_t>(*times);
    if (const Json* match = reader.object("match")) {
        ObjectReader match_reader(*match, reader.path_of("match"), errors);
        rule.recipient_prefix = match_reader.required_string("recipient_prefix", {}).value_or("");
        match_reader.refuse_unknown();
    }
    reader.refuse_unknown();
    return rule;
}

void check_order(const std::vector<FaultRule>& rules, Faults::Abilities abilities,
                 std::vector<FieldError>& errors) {
    bool matched = false;
    for (std::size_t i = 0; i < rules.size(); ++i) {
        const FaultRule& rule = rules[i];
        const std::string path = "rules[" + std::to_string(i) + "]";
        if (needs_http2(rule.fault) && !abilities.http2) {
            errors.push_back({path + ".fault", "unsupported", "only a provider with HTTP/2 can do this"});
        }
        matched = matched || !rule.recipient_prefix.empty();
        if (acts_on_head(rule.fault) && matched && !abilities.recipient_in_path) {
            errors.push_back({path, "order",
                              "acts before the body, where this provider's recipient is: "
                              "it can neither have a match nor stand behind a rule that has one"});
        }
    }
}

}  // namespace

std::string_view to_string(Fault fault) { return kNames[static_cast<std::size_t>(fault)]; }

std::vector<FieldError> Faults::replace(const Json& json, std::uint64_t first) {
    std::vector<FieldError> errors;
    ObjectReader reader(json, "", errors);
    const auto seed = reader.integer("seed", 0).value_or(0);
    const auto* given = reader.array("rules", kMaxRules);
    std::vector<FaultRule> read;
    for (std::size_t i = 0; given != nullptr && i < given->size(); ++i) {
        read.push_back(read_rule((*given)[i], "rules[" + std::to_string(i) + "]", errors));
    }
    if (given == nullptr && errors.empty()) reader.error("rules", "required", "is required");
    reader.refuse_unknown();
    check_order(read, abilities_, errors);
    if (!errors.empty()) return errors;

    std::vector<Rule> rules;
    for (std::size_t i = 0; i < read.size(); ++i) {
        rules.push_back(Rule{std::make_shared<const FaultRule>(std::move(read[i])), (*given)[i], 0});
    }
    const std::lock_guard lock(mutex_);
    rules_ = std::move(rules);
    seed_ = static_cast<std::uint64_t>(seed);
    first_ = first;
    any_ = !rules_.empty();
    return errors;
}

void Faults::clear() {
    const std::lock_guard lock(mutex_);
    rules_.clear();
    any_ = false;
}

std::string Faults::describe() const {
    const std::lock_guard lock(mutex_);
    JsonWriter out;
    out.begin_object().member("seed", seed_).key("rules").begin_array();
    for (const auto& rule : rules_) {
        out.begin_object();
        for (const auto& [key, value] : *rule.given.as_object()) out.member(key, value);
        out.member("acted", rule.acted).end_object();
    }
    out.end_array().end_object();
    return out.take();
}

std::shared_ptr<const FaultRule> Faults::at_head(std::uint64_t n, std::string_view recipient) {
    if (!any_) return nullptr;
    const std::lock_guard lock(mutex_);
    if (n < first_) return nullptr;
    Rule* chosen = choose(n - first_, recipient);
    if (chosen == nullptr || !acts_on_head(chosen->rule->fault)) return nullptr;
    ++chosen->acted;
    return chosen->rule;
}

Faults::Decision Faults::at_body(std::uint64_t n, std::string_view recipient) {
    Decision decision;
    if (!any_) return decision;
    const std::lock_guard lock(mutex_);
    if (n < first_) return decision;
    const std::uint64_t number = n - first_;
    if (Rule* chosen = choose(number, recipient); chosen != nullptr && !acts_on_head(chosen->rule->fault)) {
        ++chosen->acted;
        decision.rule = chosen->rule;
    }
    for (std::size_t i = 0; i < rules_.size(); ++i) {
        Rule& rule = rules_[i];
        if (rule.rule->fault != Fault::latency || !rule.may_act_on(recipient)) continue;
        if (draw(number, i + 1) >= rule.rule->share.value_or(1)) continue;
        ++rule.acted;
        decision.latency += rule.rule->wait;
    }
    return decision;
}

bool Faults::Rule::may_act_on(std::string_view recipient) const {
    return (!rule->times || acted < *rule->times) && recipient.starts_with(rule->recipient_prefix);
}

Faults::Rule* Faults::choose(std::uint64_t number, std::string_view recipient) {
    const double lot = draw(number, 0);
    double below = 0;
    for (auto& rule : rules_) {
        if (rule.rule->fault == Fault::latency || !rule.may_act_on(recipient)) continue;
        below += rule.rule->share.value_or(1);
        if (lot < below) return &rule;
    }
    return nullptr;
}

double Faults::draw(std::uint64_t number, std::uint64_t lot) const {
    constexpr double kScale = 0x1p-53;
    return static_cast<double>(mix(mix(mix(seed_) + number) + lot) >> 11) * kScale;
}

}  // namespace herald::simulator
