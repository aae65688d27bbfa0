#include "ports/store_dump.hpp"

namespace herald {
namespace {

constexpr auto kNumber = DumpKind::number;
constexpr auto kText = DumpKind::text;
constexpr auto kBytes = DumpKind::bytes;
constexpr auto kId = DumpKind::id;
constexpr std::string_view kNoText;
constexpr std::string_view kNoObject = "{}";

DumpTable templates() {
    return {"templates", 3, {{"tenant"}, {"id"}, {"version", kNumber}, {"created_at", kNumber}, {"body"}}};
}

DumpTable erasures() { return {"erasures", 1, {{"hash", kBytes}, {"tenant"}, {"erased_at", kNumber}}}; }

DumpTable suppressions() {
    return {"suppressions", 3, {{"tenant"}, {"channel"}, {"address"}, {"reason"}, {"since", kNumber}}};
}

DumpTable users() {
    return {"users", 2, {{"tenant"}, {"id"}, {"email"}, {"phone"}, {"locale"}, {"timezone"}}};
}

DumpTable devices() {
    return {"devices",
            2,
            {{"tenant"},
             {"token"},
             {"user_id"},
             {"position", kNumber},
             {"platform"},
             {"registered_at", kNumber}}};
}

DumpTable preferences() { return {"preferences", 2, {{"tenant"}, {"user_id"}, {"body"}}}; }

DumpTable id_keys() { return {"id_keys", 1, {{"number", kNumber}, {"key", kBytes}}}; }

DumpTable notes() { return {"notes", 1, {{"name"}, {"value"}}}; }

DumpTable idempotency() {
    return {"idempotency",
            2,
            {{"tenant"},
             {"key"},
             {"id", kId},
             {"accepted_at", kNumber},
             {"deadline_at", kNumber},
             {"in_flight_until", kNumber},
             {"template_version", kNumber},
             {"lane"},
             {"body_hash", kBytes}}};
}

DumpTable attempts() {
    return {"attempts",
            4,
            {{"id", kId},
             {"step", kNumber},
             {"ordinal", kNumber},
             {"n", kNumber},
             {"begun_at", kNumber},
             {"ended_at", kNumber},
             {"tenant"},
             {"state"},
             {"account"},
             {"reason", kText, kNoText},
             {"reference", kText, kNoText}}};
}

DumpTable deliveries() {
    return {"deliveries",
            3,
            {{"id", kId},
             {"step", kNumber},
             {"ordinal", kNumber},
             {"token", kNumber},
             {"lease_until", kNumber},
             {"begun_at", kNumber},
             {"ended_at", kNumber},
             {"closed_at", kNumber},
             {"attempt", kNumber},
             {"tries", kNumber},
             {"tenant"},
             {"state"},
             {"verdict"},
             {"best"},
             {"attempt_state"},
             {"account"},
             {"reason", kText, kNoText},
             {"attempt_reason", kText, kNoText},
             {"reference", kText, kNoText}}};
}

DumpTable plans() { return {"plans", 2, {{"id", kId}, {"step", kNumber}, {"tenant"}, {"plan"}}}; }

DumpTable notifications() {
    return {"notifications",
            1,
            {{"id", kId},
             {"accepted_at", kNumber},
             {"deadline_at", kNumber},
             {"send_at", kNumber},
             {"cancelled_at", kNumber},
             {"failed_at", kNumber},
             {"template_version", kNumber},
             {"tenant"},
             {"lane"},
             {"user_id"},
             {"template_id"},
             {"channels"},
             {"data", kText, kNoObject},
             {"metadata", kText, kNoObject},
             {"traceparent", kText, kNoText},
             {"cancel_reason", kText, kNoText},
             {"failed_reason", kText, kNoText},
             {"plan"}}};
}

DumpTable timers() {
    return {"timers",
            8,
            {{"due_hour", kNumber},
             {"lane"},
             {"due", kNumber},
             {"kind"},
             {"id", kId},
             {"step", kNumber},
             {"ordinal", kNumber},
             {"attempt", kNumber},
             {"tenant"},
             {"key", kBytes},
             {"route"}}};
}

}  // namespace

std::span<const DumpTable> dump_tables() {
    // A delivery is found through its notification's plan: found without its row, or without its older
    // attempts, it would be begun anew. A timer without the plan would be moved and forgotten.
    static const std::vector<DumpTable> all{
        templates(), erasures(),    suppressions(), users(),      devices(), preferences(),   id_keys(),
        notes(),     idempotency(), attempts(),     deliveries(), plans(),   notifications(), timers()};
    return all;
}

}  // namespace herald
