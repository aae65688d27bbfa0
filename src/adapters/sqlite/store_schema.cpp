#include "adapters/sqlite/store_schema.hpp"

#include <array>

namespace herald::sqlite {
namespace {

// Times are milliseconds since 1970. Tables whose rows are small have no rowid; those that carry payload have
// one, so that the tree of their keys stays narrow. No index on a column that changes.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE notifications (
    id BLOB NOT NULL PRIMARY KEY,
    tenant TEXT NOT NULL,
    lane TEXT NOT NULL DEFAULT 'normal',
    accepted_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL DEFAULT 0,
    send_at INTEGER,
    user_id TEXT,                           -- null: only a mark is known of it
    template_id TEXT NOT NULL DEFAULT '',
    template_version INTEGER NOT NULL DEFAULT 0,
    channels TEXT NOT NULL DEFAULT '[]',
    data TEXT NOT NULL DEFAULT '{}',
    metadata TEXT NOT NULL DEFAULT '{}',
    traceparent TEXT NOT NULL DEFAULT '',
    cancelled_at INTEGER,
    cancel_reason TEXT NOT NULL DEFAULT '',
    failed_at INTEGER,
    failed_reason TEXT NOT NULL DEFAULT ''
) STRICT;
CREATE INDEX notifications_by_user ON notifications (tenant, user_id);

CREATE TABLE plans (
    id BLOB NOT NULL,
    step INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    planned_at INTEGER NOT NULL,
    plan TEXT NOT NULL,
    PRIMARY KEY (id, step)
) STRICT;

CREATE TABLE deliveries (
    id BLOB NOT NULL,
    step INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    verdict TEXT NOT NULL,
    best TEXT NOT NULL,
    tries INTEGER NOT NULL,
    reason TEXT NOT NULL,
    closed_at INTEGER,
    attempt INTEGER NOT NULL,
    attempt_state TEXT NOT NULL,
    account TEXT NOT NULL,
    attempt_reason TEXT NOT NULL,
    reference TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    ended_at INTEGER,
    token INTEGER NOT NULL,
    lease_until INTEGER NOT NULL,
    epoch INTEGER NOT NULL,
    PRIMARY KEY (id, step, ordinal)
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts (
    id BLOB NOT NULL,
    step INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    n INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    state TEXT NOT NULL,
    account TEXT NOT NULL,
    reason TEXT NOT NULL,
    reference TEXT NOT NULL,
    begun_at INTEGER NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (id, step, ordinal, n)
) STRICT, WITHOUT ROWID;

CREATE TABLE timers (
    due_hour INTEGER NOT NULL,
    lane TEXT NOT NULL,
    due INTEGER NOT NULL,
    kind TEXT NOT NULL,
    id BLOB NOT NULL,
    step INTEGER NOT NULL,
    ordinal INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    tenant TEXT NOT NULL,
    key BLOB NOT NULL,
    route TEXT NOT NULL,
    PRIMARY KEY (due_hour, lane, due, kind, id, step, ordinal, attempt)
) STRICT, WITHOUT ROWID;
CREATE INDEX timers_by_delivery ON timers (id, step, ordinal);

CREATE TABLE users (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    email TEXT NOT NULL,
    phone TEXT NOT NULL,
    locale TEXT NOT NULL,
    timezone TEXT NOT NULL,
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE devices (
    tenant TEXT NOT NULL,
    token TEXT NOT NULL,
    user_id TEXT NOT NULL,
    position INTEGER NOT NULL,
    platform TEXT NOT NULL,
    registered_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, token)
) STRICT, WITHOUT ROWID;
CREATE INDEX devices_by_user ON devices (tenant, user_id, position);

CREATE TABLE preferences (
    tenant TEXT NOT NULL,
    user_id TEXT NOT NULL,
    body TEXT NOT NULL,
    PRIMARY KEY (tenant, user_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE suppressions (
    tenant TEXT NOT NULL,
    channel TEXT NOT NULL,
    address TEXT NOT NULL,
    reason TEXT NOT NULL,
    since INTEGER NOT NULL,
    PRIMARY KEY (tenant, channel, address)
) STRICT, WITHOUT ROWID;

-- Who was erased can be checked, not read.
CREATE TABLE erasures (
    hash BLOB NOT NULL PRIMARY KEY,         -- SHA-256(tenant, 0x00, user)
    tenant TEXT NOT NULL,
    erased_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE templates (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    version INTEGER NOT NULL,
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (tenant, id, version)
) STRICT;

CREATE TABLE idempotency (
    tenant TEXT NOT NULL,
    key TEXT NOT NULL,
    body_hash BLOB NOT NULL,
    id BLOB NOT NULL,
    template_version INTEGER NOT NULL,
    lane TEXT NOT NULL,
    accepted_at INTEGER NOT NULL,
    deadline_at INTEGER NOT NULL,
    in_flight_until INTEGER NOT NULL,
    PRIMARY KEY (tenant, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_by_age ON idempotency (accepted_at);

CREATE TABLE id_keys (
    number INTEGER PRIMARY KEY,
    key BLOB NOT NULL
) STRICT;

CREATE TABLE notes (
    name TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- One row: claims of an earlier epoch are dead.
CREATE TABLE claim_epoch (
    epoch INTEGER NOT NULL
) STRICT;
INSERT INTO claim_epoch VALUES (0);
)sql";

constexpr std::array kMigrations{kFirst};

}  // namespace

std::span<const std::string_view> store_migrations() { return kMigrations; }

}  // namespace herald::sqlite
