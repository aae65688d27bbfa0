#include "ports/shard_leases.hpp"

#include "base/json.hpp"

namespace herald {

TimerShards ShardLeases::renew(const std::string& owner, TimePoint now, Millis lease) {
    owners[owner] = now + lease;
    std::erase_if(owners, [&](const auto& entry) { return entry.second <= now; });
    const auto share = (kTimerShards + owners.size() - 1) / owners.size();
    TimerShards held;
    for (std::size_t shard = 0; shard < kTimerShards; ++shard) {
        auto& holder = holders[shard];
        if (holder == owner && held.count() == share) holder.clear();
        else if (!owners.contains(holder) && held.count() < share) holder = owner;
        if (holder == owner) held.set(shard);
    }
    return held;
}

std::string ShardLeases::encode() const {
    JsonWriter out;
    out.begin_object().key("owners").begin_object();
    for (const auto& [owner, until] : owners) out.member(owner, to_millis(until));
    out.end_object().key("holders").begin_array();
    for (const auto& holder : holders) out.value(holder);
    out.end_array().end_object();
    return out.take();
}

Result<ShardLeases> ShardLeases::decode(std::string_view text) {
    ShardLeases leases;
    const auto json = Json::parse(text);
    const auto* owners = json ? json->find("owners") : nullptr;
    const auto* holders = json ? json->find("holders") : nullptr;
    const bool whole = owners && owners->as_object() && holders && holders->as_array() &&
                       holders->as_array()->size() == kTimerShards;
    if (!whole) return fail(ErrorCode::refused_content, "the leases of the timers are not what was stored");
    for (const auto& [owner, until] : *owners->as_object())
        leases.owners[owner] = from_millis(until.as_int().value_or(0));
    for (std::size_t shard = 0; shard < kTimerShards; ++shard) {
        const auto* holder = (*holders->as_array())[shard].as_string();
        if (holder != nullptr) leases.holders[shard] = *holder;
    }
    return leases;
}

}  // namespace herald
