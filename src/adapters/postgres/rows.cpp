#include "adapters/postgres/rows.hpp"

#include <algorithm>
#include <charconv>

#include <libpq-fe.h>

namespace herald::postgres {

Rows::Rows(pg_result* result) : result_(result, PQclear), count_(PQntuples(result)) {}

std::size_t Rows::affected() const {
    const std::string_view text = result_ ? PQcmdTuples(result_.get()) : "";
    std::size_t count = 0;
    std::from_chars(text.data(), text.data() + text.size(), count);
    return count;
}

std::string_view Rows::value(int row, int column) const {
    return {PQgetvalue(result_.get(), row, column),
            static_cast<std::size_t>(PQgetlength(result_.get(), row, column))};
}

bool Rows::is_null(int row, int column) const { return PQgetisnull(result_.get(), row, column) != 0; }

std::int64_t Columns::integer64() {
    const auto bytes = view();
    std::uint64_t value = 0;
    for (const auto byte : bytes) value = value << 8 | static_cast<std::uint8_t>(byte);
    const auto bits = 8 * bytes.size();
    const bool negative = !bytes.empty() && (bytes.front() & 0x80) != 0;
    if (negative && bits < 64) value |= ~std::uint64_t{0} << bits;
    return static_cast<std::int64_t>(value);
}

bool Columns::boolean() { return integer64() != 0; }

std::string_view Columns::view() { return rows_->value(row_, next_++); }

NotificationId Columns::id() {
    const auto bytes = view();
    NotificationId id;
    if (bytes.size() != id.uuid.bytes.size()) throw UnreadableRow("the store holds an id of another length");
    std::copy(bytes.begin(), bytes.end(), id.uuid.bytes.begin());
    return id;
}

bool Columns::is_null() const { return rows_->is_null(row_, next_); }

}  // namespace herald::postgres
