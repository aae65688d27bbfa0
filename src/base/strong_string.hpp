#pragma once

#include <compare>
#include <functional>
#include <string>
#include <utility>

namespace herald {

/// A string that cannot be mistaken for another kind of string: `using UserId = StrongString<struct
/// UserIdTag>`.
template <class Tag>
class StrongString {
public:
    StrongString() = default;
    explicit StrongString(std::string value) : value_(std::move(value)) {}

    const std::string& str() const { return value_; }
    bool empty() const { return value_.empty(); }
    auto operator<=>(const StrongString&) const = default;

private:
    std::string value_;
};

}  // namespace herald

template <class Tag>
struct std::hash<herald::StrongString<Tag>> {
    std::size_t operator()(const herald::StrongString<Tag>& s) const noexcept {
        return std::hash<std::string>{}(s.str());
    }
};
