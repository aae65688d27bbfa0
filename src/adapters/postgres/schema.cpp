#include "adapters/postgres/schema.hpp"

#include <array>

namespace herald::postgres {
namespace {

// Times are milliseconds since 1970. Text is compared byte by byte. Null stands for what nobody said. The
// four tables that grow with traffic are cut into days by the time in their ids (partitions.hpp), and no
// index is on a column that changes. Their wide columns come after the fixed ones, which packs rows tightly.
constexpr std::string_view kFirst = R"sql(
CREATE TABLE notifications (
    id uuid NOT NULL PRIMARY KEY,
    accepted_at bigint NOT NULL,
    deadline_at bigint NOT NULL DEFAULT 0,
    send_at bigint,
    cancelled_at bigint,
    failed_at bigint,
    template_version integer NOT NULL DEFAULT 0,
    tenant text COLLATE "C" NOT NULL,
    lane text COLLATE "C" NOT NULL DEFAULT 'normal',
    user_id text COLLATE "C" CHECK (octet_length(user_id) <= 1024), -- null: only a mark is known of it
    template_id text COLLATE "C" NOT NULL DEFAULT '',
    channels text COLLATE "C" NOT NULL DEFAULT '[]',
    data text COLLATE "C",
    metadata text COLLATE "C",
    traceparent text COLLATE "C",
    cancel_reason text COLLATE "C",
    failed_reason text COLLATE "C",
    plan text COLLATE "C"                                           -- of step 0
) PARTITION BY RANGE (id);
CREATE INDEX notifications_by_user ON notifications (user_id);
CREATE TABLE notifications_rest PARTITION OF notifications DEFAULT;

-- Of the steps after the first.
CREATE TABLE plans (
    id uuid NOT NULL,
    step integer NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    plan text COLLATE "C" NOT NULL,
    PRIMARY KEY (id, step)
) PARTITION BY RANGE (id);
CREATE TABLE plans_rest PARTITION OF plans DEFAULT;

CREATE TABLE deliveries (
    id uuid NOT NULL,
    step integer NOT NULL,
    ordinal integer NOT NULL,
    token bigint NOT NULL,
    lease_until bigint NOT NULL,
    begun_at bigint NOT NULL,
    ended_at bigint,
    closed_at bigint,
    epoch bigint NOT NULL,
    attempt integer NOT NULL,
    tries integer NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    verdict text COLLATE "C" NOT NULL,
    best text COLLATE "C" NOT NULL,
    attempt_state text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    attempt_reason text COLLATE "C",
    reference text COLLATE "C",
    PRIMARY KEY (id, step, ordinal)
) PARTITION BY RANGE (id);
CREATE TABLE deliveries_rest PARTITION OF deliveries DEFAULT WITH (fillfactor = 45);

CREATE TABLE attempts (
    id uuid NOT NULL,
    step integer NOT NULL,
    ordinal integer NOT NULL,
    n integer NOT NULL,
    begun_at bigint NOT NULL,
    ended_at bigint,
    tenant text COLLATE "C" NOT NULL,
    state text COLLATE "C" NOT NULL,
    account text COLLATE "C" NOT NULL,
    reason text COLLATE "C",
    reference text COLLATE "C",
    PRIMARY KEY (id, step, ordinal, n)
) PARTITION BY RANGE (id);
CREATE TABLE attempts_rest PARTITION OF attempts DEFAULT;

CREATE TABLE timers (
    due bigint NOT NULL,
    id uuid NOT NULL,
    step integer NOT NULL,
    ordinal integer NOT NULL,
    attempt integer NOT NULL,
    lane text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL,
    route text COLLATE "C" NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    key bytea NOT NULL,
    PRIMARY KEY (lane, due, id, step, ordinal, attempt, kind)
);
CREATE INDEX timers_by_delivery ON timers (id, step, ordinal);

CREATE TABLE users (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    email text COLLATE "C" NOT NULL,
    phone text COLLATE "C" NOT NULL,
    locale text COLLATE "C" NOT NULL,
    timezone text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id)
);

CREATE TABLE devices (
    tenant text COLLATE "C" NOT NULL,
    token text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    position integer NOT NULL,
    platform text COLLATE "C" NOT NULL,
    registered_at bigint NOT NULL,
    PRIMARY KEY (tenant, token)
);
CREATE INDEX devices_by_user ON devices (tenant, user_id, position);

CREATE TABLE preferences (
    tenant text COLLATE "C" NOT NULL,
    user_id text COLLATE "C" NOT NULL,
    body text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, user_id)
);

CREATE TABLE suppressions (
    tenant text COLLATE "C" NOT NULL,
    channel text COLLATE "C" NOT NULL,
    address text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    since bigint NOT NULL,
    PRIMARY KEY (tenant, channel, address)
);

-- Who was erased can be checked, not read.
CREATE TABLE erasures (
    hash bytea NOT NULL PRIMARY KEY,        -- SHA-256(tenant, 0x00, user)
    tenant text COLLATE "C" NOT NULL,
    erased_at bigint NOT NULL
);
CREATE INDEX erasures_by_time ON erasures (erased_at);

CREATE TABLE templates (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    version integer NOT NULL,
    created_at bigint NOT NULL,
    body text COLLATE "C" NOT NULL,
    PRIMARY KEY (tenant, id, version)
);

CREATE TABLE idempotency (
    tenant text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    accepted_at bigint NOT NULL,
    deadline_at bigint NOT NULL,
    in_flight_until bigint NOT NULL,
    template_version integer NOT NULL,
    lane text COLLATE "C" NOT NULL,
    body_hash bytea NOT NULL,
    PRIMARY KEY (tenant, key)
) WITH (fillfactor = 90);
CREATE INDEX idempotency_by_age ON idempotency (accepted_at);

CREATE TABLE id_keys (
    number integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key bytea NOT NULL
);

CREATE TABLE notes (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    value text COLLATE "C" NOT NULL
);

-- One row: claims of an earlier epoch are dead.
CREATE TABLE claim_epoch (
    epoch bigint NOT NULL
);
INSERT INTO claim_epoch VALUES (0);
)sql";

constexpr std::array kMigrations{kFirst};

}  // namespace

std::span<const std::string_view> store_migrations() { return kMigrations; }

}  // namespace herald::postgres
