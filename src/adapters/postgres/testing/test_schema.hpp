#pragma once

#include <signal.h>
#include <unistd.h>

#include <cstdlib>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "adapters/postgres/store.hpp"
#include "base/crypto.hpp"

namespace herald::postgres {

/// The server that the tests run against. Throws when nobody named one.
inline std::string server_url() {
    const char* url = std::getenv("DATABASE_URL");
    if (url == nullptr || *url == '\0') {
        throw std::runtime_error(
            "DATABASE_URL is not set: start a PostgreSQL server with `tools/stack up`, then set the variables"
            " of `tools/stack env`");
    }
    return url;
}

/// The URL with one more of libpq's parameters; `value` is encoded already.
inline std::string with_parameter(const std::string& url, const std::string& name, const std::string& value) {
    return url + (url.find('?') == std::string::npos ? "?" : "&") + name + "=" + value;
}

inline ConnectionOptions connection_options(const std::string& url) {
    ConnectionOptions options;
    options.parameters = parse_connection_url(url).value();
    return options;
}

inline void run_script(const std::string& url, const std::string& sql) {
    Connection(connection_options(url)).run_script(sql);
}

/// What a statement says in its first column, of its first row.
inline std::string ask(const std::string& url, const std::string& sql) {
    Connection connection(connection_options(url));
    connection.queue(sql, {});
    const auto rows = connection.flush().at(0);
    return rows.empty() ? "" : rows.front().text();
}

/// A schema of its own in that server's database, with all tables of the store when it is `migrated`.
class TestSchema {
public:
    explicit TestSchema(bool migrated = true) {
        run_script(server_url(), "CREATE SCHEMA " + name_);
        if (!migrated) return;
        if (auto done = migrate_postgres(url()); !done) throw std::runtime_error(done.error().message);
    }
    ~TestSchema() {
        try {
            run_script(server_url(), "SET client_min_messages = warning; DROP SCHEMA " + name_ + " CASCADE");
        } catch (const std::exception&) {
            // The server went away with the test; the next run removes what is left.
        }
    }
    TestSchema(const TestSchema&) = delete;
    TestSchema& operator=(const TestSchema&) = delete;

    std::string url() const { return with_parameter(server_url(), "options", "-csearch_path%3D" + name_); }
    const std::string& name() const { return name_; }
    void run(const std::string& sql) const { run_script(url(), sql); }
    std::string ask(const std::string& sql) const { return postgres::ask(url(), sql); }

    /// As after the migration.
    void empty() const {
        run("DO $$ DECLARE t text; BEGIN"
            " FOR t IN SELECT relname FROM pg_class WHERE relnamespace = current_schema::regnamespace"
            " AND relkind IN ('r', 'p') AND NOT relispartition AND relname NOT IN ('schema_version', "
            "'claim_epoch')"
            " LOOP EXECUTE 'DELETE FROM ' || t; END LOOP;"
            " UPDATE claim_epoch SET epoch = 0; END $$");
    }

private:
    const std::string name_ = "herald_test_" + std::to_string(getpid()) + "_" + random_hex(4);
};

/// Migrated schemas for use one after another: to empty one is much cheaper than to make one.
class TestSchemas {
public:
    /// Empty; it comes back to the others with the last copy of the pointer.
    static std::shared_ptr<TestSchema> borrow() {
        static TestSchemas all;
        return all.lend();
    }

private:
    TestSchemas() { remove_what_the_dead_left(); }

    std::shared_ptr<TestSchema> lend() {
        std::unique_ptr<TestSchema> schema;
        {
            std::lock_guard lock(mutex_);
            if (!free_.empty()) {
                schema = std::move(free_.back());
                free_.pop_back();
            }
        }
        if (schema) schema->empty();
        else schema = std::make_unique<TestSchema>();
        return {schema.release(), [this](TestSchema* returned) {
                    std::lock_guard lock(mutex_);
                    free_.emplace_back(returned);
                }};
    }

    static void remove_what_the_dead_left() {
        Connection connection(connection_options(server_url()));
        connection.queue("SELECT nspname::text FROM pg_namespace WHERE nspname LIKE 'herald\\_test\\_%'", {});
        const auto schemas = connection.flush().at(0);
        for (auto row : schemas) {
            const auto name = row.text();
            const auto pid = std::atoi(name.c_str() + std::string_view("herald_test_").size());
            if (pid <= 0 || kill(pid, 0) == 0 || errno != ESRCH) continue;
            connection.run_script("SET client_min_messages = warning; DROP SCHEMA IF EXISTS " + name +
                                  " CASCADE");
        }
    }

    std::mutex mutex_;
    std::vector<std::unique_ptr<TestSchema>> free_;
};

}  // namespace herald::postgres
