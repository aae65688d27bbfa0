#pragma once

#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>

#include "base/clock.hpp"
#include "model/ids.hpp"

struct pg_result;

namespace herald::postgres {

/// A row holds what this program cannot read: it fails whatever batch it is in, now and later.
struct UnreadableRow : std::runtime_error {
    using std::runtime_error::runtime_error;
};

class Rows;

/// The columns of one row, from the first on.
class Columns {
public:
    Columns(const Rows& rows, int row) : rows_(&rows), row_(row) {}

    /// int2, int4 or int8.
    std::int64_t integer64();
    int integer() { return static_cast<int>(integer64()); }
    bool boolean();
    /// Text or bytea; null is empty. Lives as long as the rows.
    std::string_view view();
    std::string text() { return std::string(view()); }
    TimePoint time() { return from_millis(integer64()); }
    std::optional<TimePoint> maybe_time() {
        if (!is_null()) return time();
        skip();
        return std::nullopt;
    }
    NotificationId id();
    /// A member of a closed set, read by its parse function.
    template <class Word>
    Word word(std::optional<Word> (*parse)(std::string_view)) {
        const auto text = view();
        const auto value = parse(text);
        if (!value) throw UnreadableRow("the store holds the unknown word " + std::string(text));
        return *value;
    }
    /// Of the column that comes next.
    bool is_null() const;
    void skip() { ++next_; }

private:
    const Rows* rows_;
    int row_;
    int next_ = 0;
};

/// What a statement gave back, in PostgreSQL's binary form.
class Rows {
public:
    Rows() = default;
    /// Takes over the result.
    explicit Rows(pg_result* result);

    std::size_t size() const { return static_cast<std::size_t>(count_); }
    bool empty() const { return count_ == 0; }
    /// How many rows the statement inserted, updated, deleted or selected.
    std::size_t affected() const;
    Columns operator[](std::size_t row) const { return {*this, static_cast<int>(row)}; }
    Columns front() const { return {*this, 0}; }

    class Iterator {
    public:
        Iterator(const Rows& rows, int row) : rows_(rows), row_(row) {}
        Columns operator*() const { return {rows_, row_}; }
        Iterator& operator++() {
            ++row_;
            return *this;
        }
        bool operator!=(const Iterator& other) const { return row_ != other.row_; }

    private:
        const Rows& rows_;
        int row_;
    };
    Iterator begin() const { return {*this, 0}; }
    Iterator end() const { return {*this, count_}; }

private:
    friend class Columns;
    std::string_view value(int row, int column) const;
    bool is_null(int row, int column) const;

    std::shared_ptr<pg_result> result_;
    int count_ = 0;
};

}  // namespace herald::postgres
