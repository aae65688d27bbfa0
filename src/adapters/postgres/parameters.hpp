#pragma once

#include <concepts>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.hpp"
#include "base/crypto.hpp"
#include "model/ids.hpp"

namespace herald::postgres {

/// PostgreSQL's number of a type; the same in every server.
using Oid = std::uint32_t;

/// What a value is called in SQL, and its binary form (network order).
namespace wire {

inline constexpr Oid kBool = 16, kBytea = 17, kInt8 = 20, kInt4 = 23, kText = 25, kUuid = 2950;

/// Bytes that are no text.
struct Bytes {
    std::string_view bytes;
};

void put_int32(std::string& out, std::int32_t value);
void put_int64(std::string& out, std::int64_t value);
/// In place of the four bytes that are there.
void write_int32(std::string& out, std::size_t at, std::int32_t value);

inline Oid oid_of(bool) { return kBool; }
inline Oid oid_of(std::int32_t) { return kInt4; }
inline Oid oid_of(std::int64_t) { return kInt8; }
inline Oid oid_of(TimePoint) { return kInt8; }
inline Oid oid_of(std::string_view) { return kText; }
inline Oid oid_of(const std::string&) { return kText; }
inline Oid oid_of(const char*) { return kText; }
inline Oid oid_of(const Bytes&) { return kBytea; }
inline Oid oid_of(const Sha256Digest&) { return kBytea; }
inline Oid oid_of(const NotificationId&) { return kUuid; }
template <class Tag>
Oid oid_of(const StrongString<Tag>&) {
    return kText;
}
/// Of the array that has such elements.
Oid array_of(Oid element);

inline void put(std::string& out, bool value) { out.push_back(value ? '\1' : '\0'); }
inline void put(std::string& out, std::int32_t value) { put_int32(out, value); }
inline void put(std::string& out, std::int64_t value) { put_int64(out, value); }
inline void put(std::string& out, TimePoint value) { put_int64(out, to_millis(value)); }
inline void put(std::string& out, std::string_view value) { out += value; }
inline void put(std::string& out, const std::string& value) { out += value; }
inline void put(std::string& out, const char* value) { out += value; }
inline void put(std::string& out, const Bytes& value) { out += value.bytes; }
inline void put(std::string& out, const Sha256Digest& value) { out += as_text(value); }
inline void put(std::string& out, const NotificationId& value) { out += as_text(value.uuid.bytes); }
template <class Tag>
void put(std::string& out, const StrongString<Tag>& value) {
    out += value.str();
}

}  // namespace wire

/// An array parameter, built value by value in PostgreSQL's binary form: `Array<int>` is int4[],
/// `Array<std::int64_t>` and `Array<TimePoint>` int8[], `Array<std::string_view>` text[],
/// `Array<wire::Bytes>` bytea[], `Array<NotificationId>` uuid[].
template <class T>
class Array {
public:
    Array() { out_.assign(kHeader, '\0'); }

    void add(const T& value) {
        const auto start = out_.size();
        wire::put_int32(out_, 0);
        wire::put(out_, value);
        wire::write_int32(out_, start, static_cast<std::int32_t>(out_.size() - start - 4));
        ++count_;
    }
    void add_null() {
        wire::put_int32(out_, -1);
        has_null_ = true;
        ++count_;
    }
    /// A template, so that what converts to a T is no optional.
    template <std::same_as<std::optional<T>> Maybe>
    void add(const Maybe& value) {
        if (value) add(*value);
        else add_null();
    }
    /// A column in which nothing is said about what is empty.
    void add_unless_empty(const T& value) {
        if (value.empty()) add_null();
        else add(value);
    }

    std::size_t size() const { return static_cast<std::size_t>(count_); }
    Oid oid() const { return wire::array_of(wire::oid_of(T{})); }
    /// The whole parameter; the array is used up.
    std::string take() {
        if (count_ == 0) out_.resize(12);
        wire::write_int32(out_, 0, count_ == 0 ? 0 : 1);
        wire::write_int32(out_, 4, has_null_ ? 1 : 0);
        wire::write_int32(out_, 8, static_cast<std::int32_t>(wire::oid_of(T{})));
        if (count_ > 0) {
            wire::write_int32(out_, 12, count_);
            wire::write_int32(out_, 16, 1);
        }
        return std::move(out_);
    }

private:
    // Dimensions, whether there are nulls, the element's type; then length and lower bound.
    static constexpr std::size_t kHeader = 20;

    std::string out_;
    std::int32_t count_ = 0;
    bool has_null_ = false;
};

/// The values of $1, $2, … of one statement. Their types are told to the server with the first use of a
/// statement, so the SQL needs no casts, and each use of one text must give the same types.
class Parameters {
public:
    Parameters() = default;
    template <class... Values>
    static Parameters of(Values&&... values) {
        Parameters parameters;
        (parameters.add(std::forward<Values>(values)), ...);
        return parameters;
    }

    template <class T>
    void add(const T& value) {
        std::string bytes;
        wire::put(bytes, value);
        push(wire::oid_of(value), std::move(bytes));
    }
    template <class T>
    void add(const std::optional<T>& value) {
        if (value) return add(*value);
        push(wire::oid_of(T{}), std::nullopt);
    }
    template <class T>
    void add(Array<T>&& array) {
        const auto oid = array.oid();
        push(oid, array.take());
    }

    std::span<const Oid> types() const { return types_; }
    std::span<const std::optional<std::string>> values() const { return values_; }

private:
    void push(Oid type, std::optional<std::string> value) {
        types_.push_back(type);
        values_.push_back(std::move(value));
    }

    std::vector<Oid> types_;
    std::vector<std::optional<std::string>> values_;
};

}  // namespace herald::postgres
