#include "adapters/sqlite/sqlite_log_group.hpp"

#include <algorithm>

namespace herald::sqlite {
namespace {

bool holds_less(const LogMember* one, const LogMember* other) {
    return one->holdings.size() < other->holdings.size();
}

}  // namespace

void LogGroup::join(LogMember& member) {
    members.push_back(&member);
    rebalance();
}

void LogGroup::leave(LogMember& member) {
    std::erase(members, &member);
    std::replace(holders.begin(), holders.end(), &member, static_cast<LogMember*>(nullptr));
    member.holdings.clear();
    rebalance();
}

void LogGroup::assign(int partition, LogMember& member) {
    auto& holder = holders[static_cast<std::size_t>(partition)];
    if (holder != nullptr) {
        holder->holdings.erase(partition);
        holder->revoked.insert(partition);
    }
    holder = &member;
    member.holdings[partition] = {positions[static_cast<std::size_t>(partition)].next_offset, ++epochs_};
}

void LogGroup::rebalance() {
    if (members.empty()) return;
    for (std::size_t partition = 0; partition < holders.size(); ++partition) {
        if (holders[partition] != nullptr) continue;
        assign(static_cast<int>(partition), **std::min_element(members.begin(), members.end(), holds_less));
    }
    for (;;) {
        const auto [least, most] = std::minmax_element(members.begin(), members.end(), holds_less);
        if ((*most)->holdings.size() - (*least)->holdings.size() < 2) break;
        assign((*most)->holdings.rbegin()->first, **least);
    }
    changed.notify_all();
}

}  // namespace herald::sqlite
