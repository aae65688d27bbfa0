#include "adapters/sqlite/store_export.hpp"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "adapters/sqlite/store.hpp"
#include "ports/testing/builders.hpp"

namespace herald {
namespace {

using testing::AllOf;
using testing::Each;
using testing::SizeIs;

template <class T>
T must(Result<T> result) {
    if (!result) throw std::runtime_error(result.error().message);
    return *std::move(result);
}
void must(Status status) {
    if (!status) throw std::runtime_error(status.error().message);
}

class StoreExportTest : public testing::Test {
protected:
    StoreExportTest() {
        std::filesystem::create_directories(folder_);
        SqliteStoreOptions options;
        options.path = folder_ / "store.db";
        options.clock = &clock_;
        store_ = must(SqliteStore::open(options));
        export_ = must(SqliteStoreExport::open(options.path));
    }
    ~StoreExportTest() override { std::filesystem::remove_all(folder_); }

    const DumpTable& table(std::string_view name) const {
        const auto tables = dump_tables();
        return *std::ranges::find(tables, name, &DumpTable::name);
    }

    std::vector<std::vector<DumpRow>> pages(std::string_view name, StoreExport::Page page) {
        std::vector<std::vector<DumpRow>> all;
        for (;;) {
            const auto* after = all.empty() ? nullptr : &all.back().back();
            auto rows = must(export_->read(table(name), after, page));
            if (rows.empty()) return all;
            all.push_back(std::move(rows));
        }
    }
    std::vector<DumpRow> rows(std::string_view name, StoreExport::Page page) {
        std::vector<DumpRow> all;
        for (auto& one : pages(name, page)) std::ranges::move(one, std::back_inserter(all));
        return all;
    }

    void fill() {
        std::vector<Timer> timers;
        for (int n = 0; n < 7; ++n) {
            must(store_->put_user(default_tenant(), make_user("u" + std::to_string(n)), kTestStart));
            must(store_->put_template(default_tenant(), TemplateId("t"), "{}", kTestStart));
            const NewPlan batch[] = {{make_notification(n), make_wait(kTestStart)},
                                     {make_notification(n), make_plan(kTestStart, 1)}};
            must(store_->store_plans(batch));
            timers.push_back(make_timer(make_delivery_id(n), kTestStart + std::chrono::hours(n % 2)));
        }
        must(store_->put_timers(timers));
    }

    const std::filesystem::path folder_ =
        std::filesystem::temp_directory_path() / ("herald-export-" + random_hex(6));
    ManualClock clock_{kTestStart};
    std::unique_ptr<SqliteStore> store_;
    std::unique_ptr<SqliteStoreExport> export_;
};

TEST_F(StoreExportTest, GivesEachRowOnceWhateverThePages) {
    fill();
    for (const auto& table : dump_tables()) {
        const auto all = rows(table.name, {});
        EXPECT_EQ(rows(table.name, {.rows = 1}), all) << table.name;
        EXPECT_EQ(rows(table.name, {.rows = 3}), all) << table.name;
    }
    EXPECT_THAT(rows("users", {}), SizeIs(7));
    EXPECT_THAT(rows("devices", {}), SizeIs(14));
    EXPECT_THAT(rows("templates", {}), SizeIs(7));
    EXPECT_THAT(rows("timers", {}), SizeIs(14));
}

TEST_F(StoreExportTest, LeavesOutNoColumnButThoseThatMeanNothingElsewhere) {
    // A plan tells itself when it was made.
    const std::set<std::string> left_out{"claim_epoch.epoch", "schema_version.version", "deliveries.epoch",
                                         "plans.planned_at"};
    std::set<std::string> dumped;
    for (const auto& table : dump_tables()) {
        for (const auto& column : table.columns) dumped.insert(fmt::format("{}.{}", table.name, column.name));
    }
    SQLite::Database file((folder_ / "store.db").string());
    SQLite::Statement columns(
        file,
        "SELECT t.name || '.' || c.name FROM sqlite_master t, pragma_table_info(t.name) c"
        " WHERE t.type = 'table' AND t.name NOT LIKE 'sqlite_%'");
    int count = 0;
    for (; columns.executeStep(); ++count) {
        const auto name = columns.getColumn(0).getString();
        EXPECT_NE(dumped.contains(name), left_out.contains(name)) << name;
    }
    EXPECT_GT(count, 80);
}

TEST_F(StoreExportTest, BoundsAPageByItsBytes) {
    fill();
    EXPECT_THAT(pages("users", {.rows = 1'000, .bytes = 1}), AllOf(SizeIs(7), Each(SizeIs(1))));
}

TEST_F(StoreExportTest, ANotificationBearsItsFirstPlanAndOnlyLaterStepsAreRowsOfPlans) {
    fill();
    const auto notification = rows("notifications", {}).at(0);
    EXPECT_EQ(std::get<std::string>(notification.back()), encode_plan(make_wait(kTestStart)));
    const auto plans = rows("plans", {});
    EXPECT_THAT(plans, SizeIs(7));
    for (const auto& plan : plans) EXPECT_EQ(std::get<std::int64_t>(plan.at(1)), 1);
}

TEST_F(StoreExportTest, WhatSaysNothingHasNoValue) {
    auto notification = make_notification(1);
    notification.data = Json(Json::Object{});
    const NewPlan batch[] = {{notification, make_plan()}};
    must(store_->store_plans(batch));
    const auto row = rows("notifications", {}).at(0);
    for (const auto* name :
         {"data", "metadata", "traceparent", "send_at", "cancel_reason", "failed_reason"}) {
        const auto& columns = table("notifications").columns;
        const auto at =
            std::ranges::find(columns, std::string_view(name), &DumpColumn::name) - columns.begin();
        EXPECT_EQ(row.at(static_cast<std::size_t>(at)), DumpCell()) << name;
    }
}

}  // namespace
}  // namespace herald
