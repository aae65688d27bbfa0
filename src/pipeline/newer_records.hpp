#pragma once

#include <string>
#include <vector>

#include "base/clock.hpp"
#include "pipeline/readiness.hpp"
#include "ports/event_log.hpp"
#include "ports/service_store.hpp"

namespace herald {

/// The note that says which schema writers may write; `herald migrate --finish` raises it.
inline constexpr const char* kRecordSchemaNote = "record_schema";
/// What the note says; 1 until it is raised for the first time.
Result<int> record_schema(ServiceStore& store);
/// `conflict` when it is higher already: what was written since would count as nobody's.
Status raise_record_schema(ServiceStore& store, int schema);

/// The records of one stage that only a newer binary can read. One whose schema the store allows was written
/// by such a binary, and is kept unfinished for it: the log forgets nothing behind it, this part of the
/// process is ill, and every few seconds it is looked at again. For one thread.
class NewerRecords {
public:
    NewerRecords(ServiceStore& store, const Clock& clock, Readiness& readiness, const std::string& stage)
        : store_(store), clock_(clock), readiness_(readiness), part_(stage + ".records") {}

    /// False: no newer binary wrote it, so nobody will ever read it. Whoever cannot be sure keeps it.
    bool keep(const LogRecord& record);
    /// Up to `max` of what is to be looked at again; kept no longer, unless by the next call of `keep`.
    std::vector<LogRecord> take_due(std::size_t max);
    void drop(int partition);
    /// So much has come behind what is kept, or is kept itself, that nothing more should be polled.
    bool is_in_the_way(const FinishedPrefix& prefix) const;

private:
    ServiceStore& store_;
    const Clock& clock_;
    Readiness& readiness_;
    const std::string part_;
    std::vector<LogRecord> kept_;
    Millis look_at_{};          ///< uptime
    std::int64_t allowed_ = 0;  ///< as far as was read since the last look
    bool ill_ = false;
};

}  // namespace herald
