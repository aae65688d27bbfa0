#include "pipeline/newer_records.hpp"

#include <algorithm>
#include <charconv>
#include <limits>

#include <fmt/format.h>

#include "model/records.hpp"

namespace herald {
namespace {

constexpr Millis kPause{3'000};
constexpr std::size_t kMaxKept = 1'000;
constexpr std::int64_t kMaxSkew = 100'000;

}  // namespace

Result<int> record_schema(ServiceStore& store) {
    const auto note = store.get_note(kRecordSchemaNote);
    if (!note) return fail(note.error());
    if (!*note) return 1;
    int schema = 0;
    const auto* end = (*note)->data() + (*note)->size();
    const auto read = std::from_chars((*note)->data(), end, schema);
    if (read.ptr != end || schema < 1) {
        return fail(ErrorCode::internal, "the store's record_schema is not a number: " + **note);
    }
    return schema;
}

Status raise_record_schema(ServiceStore& store, int schema) {
    const auto raised = record_schema(store);
    if (!raised) return fail(raised.error());
    if (*raised > schema) {
        return fail(ErrorCode::conflict,
                    fmt::format("records are written with schema {} already, and this binary knows only {}",
                                *raised, schema));
    }
    return store.put_note(kRecordSchemaNote, std::to_string(schema));
}

bool NewerRecords::keep(const LogRecord& record) {
    const auto schema = schema_of(record.value);
    std::string why = fmt::format("a record of schema {} waits for a newer binary", schema);
    if (schema > allowed_) {
        // Read after the record was: whoever wrote it had found the number at least that high before.
        const auto allowed = record_schema(store_);
        if (!allowed) why = allowed.error().message;
        allowed_ = allowed ? *allowed : std::numeric_limits<std::int64_t>::max();
    }
    if (schema > allowed_) return false;
    if (kept_.empty()) look_at_ = clock_.uptime() + kPause;
    kept_.push_back(record);
    ill_ = true;
    readiness_.ill(part_, why);
    return true;
}

std::vector<LogRecord> NewerRecords::take_due(std::size_t max) {
    if (kept_.empty() && std::exchange(ill_, false)) readiness_.well(part_);
    if (kept_.empty() || clock_.uptime() < look_at_) return {};
    look_at_ = clock_.uptime() + kPause;
    allowed_ = 0;
    const auto end = kept_.begin() + static_cast<std::ptrdiff_t>(std::min(max, kept_.size()));
    std::vector<LogRecord> due(std::make_move_iterator(kept_.begin()), std::make_move_iterator(end));
    kept_.erase(kept_.begin(), end);
    return due;
}

void NewerRecords::drop(int partition) {
    std::erase_if(kept_, [&](const LogRecord& record) { return record.partition == partition; });
}

bool NewerRecords::is_in_the_way(const FinishedPrefix& prefix) const {
    return kept_.size() >= kMaxKept || (!kept_.empty() && prefix.skew() >= kMaxSkew);
}

}  // namespace herald
