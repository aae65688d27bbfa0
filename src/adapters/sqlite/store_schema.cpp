#include "adapters/sqlite/store_schema.hpp"

namespace herald::sqlite {
namespace {

// Times are milliseconds since 1970. Tables whose rows are small and found by their key have no rowid; those that
// carry payload have one, so that their key's tree stays narrow. No index on a column that changes.
constexpr std::string_view kLedger = R"sql(
CREATE TABLE notifications (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    lane TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    send_at INTEGER,
    user_id TEXT NOT NULL,
    template_id TEXT NOT NULL,
    template_version INTEGER NOT NULL,
    channels TEXT NOT NULL,
    data TEXT NOT NULL,
    metadata TEXT NOT NULL,
    traceparent TEXT NOT NULL,
    cancelled_at INTEGER,
    cancel_reason TEXT,
    failed_at INTEGER,
    failed_reason TEXT
) STRICT;
CREATE INDEX notifications_by_user ON notifications (tenant, user_id);

-- A cancel or a refusal of a notification that has no plan yet.
CREATE TABLE marks (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    cancelled_at INTEGER,
    failed_at INTEGER,
    reason TEXT NOT NULL
) STRICT, WITHOUT ROWID;
