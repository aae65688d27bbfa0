#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/crypto.hpp"
#include "base/result.hpp"
#include "model/preferences.hpp"
#include "ports/timer.hpp"

namespace herald {

// How values stand in a row, whatever the engine. A decode fails on what no program of this version wrote.

std::string encode_channels(const std::vector<Channel>& channels);
Result<std::vector<Channel>> decode_channels(std::string_view text);

std::string encode_preferences(const Preferences& preferences);
Result<Preferences> decode_preferences(std::string_view text);

std::optional<TimerKind> parse_timer_kind(std::string_view text);

/// SHA-256(tenant ‖ 0x00 ‖ user): who was erased can be checked, not read.
Sha256Digest erasure_hash(const TenantId& tenant, const UserId& user);

/// Not above any id that is drawn at that time or later.
NotificationId lowest_id(TimePoint at);

}  // namespace herald
