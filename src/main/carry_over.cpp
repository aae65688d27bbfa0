#include "main/carry_over.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "adapters/sqlite/left_behind.hpp"
#include "adapters/sqlite/log_export.hpp"
#include "adapters/sqlite/store_export.hpp"
#include "base/crash_point.hpp"
#include "base/log.hpp"
#include "main/carry_mark.hpp"
#include "main/data_folder.hpp"
#include "pipeline/topics.hpp"

namespace herald {
namespace {

using std::filesystem::path;

constexpr std::size_t kRecordsAtOnce = 1'000;
constexpr std::int64_t kBytesAtOnce = 4 * 1024 * 1024;
constexpr std::chrono::seconds kTellEvery{5};

path store_file(const path& folder) { return folder / "store.db"; }
path log_file(const path& folder) { return folder / "log.db"; }

std::vector<SqliteLogOptions::Reading> readings() {
    std::vector<SqliteLogOptions::Reading> all;
    for (auto& [group, topic] : topics::consumed()) all.push_back({std::move(group), std::move(topic)});
    return all;
}

/// One embedded engine's data on its way, with its mark.
class Passage {
public:
    Passage(path folder, CarryMarks& marks, std::optional<CarryMark>& mark, std::string to,
            const Clock& clock)
        : folder_(std::move(folder)), marks_(marks), mark_(mark), to_(std::move(to)), clock_(clock) {}

    bool is_finished() const { return mark_ && mark_->finished_at; }

    /// Two places would each send what is open.
    Status check_place() const {
        if (!mark_ || mark_->to == to_) return {};
        return fail(ErrorCode::invalid,
                    fmt::format("{} was carried over to {}, or partly: go on there, or remove {} if nothing "
                                "runs on it",
                                folder_.string(), mark_->to, (folder_ / CarryMarks::kFile).string()));
    }

    Status begin() {
        if (mark_) return {};
        mark_ = CarryMark{to_, clock_.now(), std::nullopt};
        return marks_.write(folder_);
    }

    Status finish() {
        if (auto status = begin(); !status) return status;
        mark_->finished_at = clock_.now();
        return marks_.write(folder_);
    }

private:
    const path folder_;
    CarryMarks& marks_;
    std::optional<CarryMark>& mark_;
    const std::string to_;
    const Clock& clock_;
};

/// Tells now and then how far a long run is.
class Progress {
public:
    explicit Progress(std::string_view what) : what_(what) {}

    void add(std::size_t count) {
        count_ += count;
        const auto now = std::chrono::steady_clock::now();
        if (now - told_ < kTellEvery) return;
        told_ = now;
        log::info("carry_over.progress", {{"what", what_}, {"count", count_}});
    }
    std::size_t finish() const {
        if (count_ > 0) log::info("carry_over.done", {{"what", what_}, {"count", count_}});
        return count_;
    }

private:
    const std::string_view what_;
    std::size_t count_ = 0;
    std::chrono::steady_clock::time_point told_ = std::chrono::steady_clock::now();
};

Result<std::size_t> carry_table(StoreExport& from, StoreImport& to, const DumpTable& table) {
    Progress progress(table.name);
    DumpRow last;
    for (;;) {
        auto rows = from.read(table, last.empty() ? nullptr : &last, {});
        if (!rows) return fail(rows.error());
        if (rows->empty()) return progress.finish();
        if (auto status = to.write(table, *rows); !status) return fail(status.error());
        progress.add(rows->size());
        last = std::move(rows->back());
        crash_point("carried_rows");
    }
}

Result<std::string> carry_store(const path& folder, Passage& passage, StoreImport& to) {
    auto from = SqliteStoreExport::open(store_file(folder));
    if (!from) return fail(from.error());
    std::vector<std::string> counts;
    for (const auto& table : dump_tables()) {
        // Versions of templates never change, so they may go before the mark: those that the other store
        // refuses leave the folder as it was.
        if (table.name != "templates") {
            if (auto status = passage.begin(); !status) return fail(status.error());
        }
        const auto count = carry_table(**from, to, table);
        if (!count) return fail(count.error());
        if (*count > 0) counts.push_back(fmt::format("{} {}", *count, table.name));
    }
    return fmt::format("{}", fmt::join(counts, ", "));
}

Result<std::string> carry_log(const path& folder, Passage& passage, EventLog& to) {
    auto from = SqliteLogExport::open(log_file(folder), readings(), SqliteLogExport::Access::owned);
    if (!from) return fail(from.error());
    if (auto status = passage.begin(); !status) return fail(status.error());
    Progress progress("records");
    for (;;) {
        auto records = (*from)->next(kRecordsAtOnce, kBytesAtOnce);
        if (!records) return fail(records.error());
        if (records->empty()) return fmt::format("{} unfinished records", progress.finish());
        const auto count = records->size();
        if (auto status = to.append_and_wait(*std::move(records)); !status) return fail(status.error());
        progress.add(count);
        crash_point("carried_records");
    }
}

/// One line for the person who asked.
template <class Carry>
Result<std::string> carry_part(const path& file, const std::string& to, Passage& passage, Carry&& carry) {
    if (!std::filesystem::exists(file)) return fmt::format("{} is not there", file.string());
    if (auto status = passage.check_place(); !status) return fail(status.error());
    if (passage.is_finished()) return fmt::format("{} had been carried over to {} before", file.string(), to);
    const auto what = carry();
    if (!what) return fail(what.error());
    if (auto status = passage.finish(); !status) return fail(status.error());
    return fmt::format("{} is carried over to {}: {}", file.string(), to, *what);
}

Status check_store(const Settings& settings, const path& folder, const std::optional<CarryMark>& mark,
                   std::vector<std::string>& left) {
    if (!settings.is_set("DATABASE_URL") || (mark && mark->finished_at)) return {};
    auto found = find_left_in_store(store_file(folder));
    if (!found) return fail(found.error());
    left.insert(left.end(), found->begin(), found->end());
    if (mark && found->empty()) left.emplace_back("rows that are not carried over yet");
    return {};
}

Status check_log(const Settings& settings, const path& folder, const std::optional<CarryMark>& mark,
                 std::vector<std::string>& left) {
    if (!settings.is_set("KAFKA_BOOTSTRAP_SERVERS") || (mark && mark->finished_at)) return {};
    const auto demo = read_demo_mark(store_file(folder));
    if (!demo) return fail(demo.error());
    const auto found = has_left_in_log(log_file(folder), readings(), *demo);
    if (!found) return fail(found.error());
    if (*found || mark) left.emplace_back("unfinished records");
    return {};
}

Status check_spent(const path& folder, const char* variable, const std::optional<CarryMark>& mark) {
    if (!mark) return {};
    return fail(
        ErrorCode::invalid,
        fmt::format("the data folder {0} {1} over to {2}, and Herald on it would send again what is sent "
                    "there: set {3}, or HERALD_DATA_DIR to another folder. To run on it nevertheless, "
                    "remove {4}",
                    folder.string(), mark->finished_at ? "was carried" : "is partly carried", mark->to,
                    variable, (folder / CarryMarks::kFile).string()));
}

}  // namespace

Result<std::vector<std::string>> carry_over(const path& from, const CarryTargets& targets,
                                            const Clock& clock) {
    if (!std::filesystem::exists(store_file(from)) && !std::filesystem::exists(log_file(from))) {
        return fail(ErrorCode::invalid,
                    fmt::format("{} is no data folder: it has neither store.db nor log.db", from.string()));
    }
    const auto held = DataFolder::open(from);
    if (!held) return fail(held.error());
    auto marks = CarryMarks::read(from);
    if (!marks) return fail(marks.error());
    std::vector<std::string> done;
    // The store first: a record is nothing to whoever does not know what it is about.
    if (targets.store) {
        Passage passage(from, *marks, marks->store, targets.store_place, clock);
        auto line = carry_part(store_file(from), targets.store_place, passage,
                               [&] { return carry_store(from, passage, *targets.store); });
        if (!line) return fail(line.error());
        done.push_back(*std::move(line));
    }
    if (targets.log) {
        Passage passage(from, *marks, marks->log, targets.log_place, clock);
        auto line = carry_part(log_file(from), targets.log_place, passage,
                               [&] { return carry_log(from, passage, *targets.log); });
        if (!line) return fail(line.error());
        done.push_back(*std::move(line));
    }
    return done;
}

Status check_data_folder(const Settings& settings) {
    const path folder = settings.text("HERALD_DATA_DIR");
    const auto marks = CarryMarks::read(folder);
    if (!marks) return fail(marks.error());
    if (!settings.is_set("DATABASE_URL")) {
        if (auto status = check_spent(folder, "DATABASE_URL", marks->store); !status) return status;
    }
    if (!settings.is_set("KAFKA_BOOTSTRAP_SERVERS")) {
        if (auto status = check_spent(folder, "KAFKA_BOOTSTRAP_SERVERS", marks->log); !status) return status;
    }
    std::vector<std::string> left;
    if (auto status = check_store(settings, folder, marks->store, left); !status) return status;
    if (auto status = check_log(settings, folder, marks->log, left); !status) return status;
    if (left.empty()) return {};
    return fail(
        ErrorCode::invalid,
        fmt::format("the data folder {0} still holds {1}, which the engines that are set do not have: "
                    "carry them over with `herald migrate --from {0}`, or set HERALD_DATA_DIR to "
                    "another folder",
                    folder.string(), fmt::join(left, ", ")));
}

}  // namespace herald
