#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/clock.hpp"

namespace herald::kafka {

/// What a commit tells other processes, as the metadata of its offset. Text: `1 <oldest unfinished> <newest
/// finished>`, in milliseconds since 1970 or `-`.
struct OffsetNote {
    std::optional<TimePoint> oldest_unfinished;  ///< append time of the record at the offset, where known
    /// Append time of the record before the offset, when the group has read nothing beyond it.
    std::optional<TimePoint> newest_finished;

    bool operator==(const OffsetNote&) const = default;
};

std::string encode(const OffsetNote& note);
/// An empty note when somebody else wrote it.
OffsetNote decode_offset_note(std::string_view text);

}  // namespace herald::kafka
