#include "adapters/kafka/offset_note.hpp"

#include <charconv>

#include <fmt/format.h>

namespace herald::kafka {
namespace {

std::string word(const std::optional<TimePoint>& time) {
    return time ? std::to_string(to_millis(*time)) : "-";
}

/// Takes the next word off the text; false when it is none of ours.
bool take(std::string_view& text, std::optional<TimePoint>& time) {
    if (text.empty() || text.front() != ' ') return false;
    text.remove_prefix(1);
    const auto next = text.substr(0, text.find(' '));
    text.remove_prefix(next.size());
    if (next == "-") return true;
    std::int64_t ms = 0;
    const auto* end = next.data() + next.size();
    const auto [stopped, error] = std::from_chars(next.data(), end, ms);
    if (error != std::errc{} || stopped != end) return false;
    time = from_millis(ms);
    return true;
}

}  // namespace

std::string encode(const OffsetNote& note) {
    return fmt::format("1 {} {}", word(note.oldest_unfinished), word(note.newest_finished));
}

OffsetNote decode_offset_note(std::string_view text) {
    OffsetNote note;
    if (!text.starts_with('1')) return {};
    text.remove_prefix(1);
    if (!take(text, note.oldest_unfinished) || !take(text, note.newest_finished) || !text.empty()) return {};
    return note;
}

}  // namespace herald::kafka
