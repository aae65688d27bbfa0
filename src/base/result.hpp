#pragma once

#include <string>
#include <string_view>

#include <tl/expected.hpp>

namespace herald {

/// What can go wrong in operation, as the caller can act on it. The set is closed: HTTP statuses and retries
/// come from one switch over it.
enum class ErrorCode {
    invalid,  ///< the caller's input is wrong; repeating it will not help
    not_found,
    conflict,  ///< somebody else's value stands
    too_large,
    refused_content,  ///< a store or log refused this batch for something in it; halve it to find the culprit
    unavailable,      ///< the other side cannot be reached or is ill; try again later
    timeout,          ///< the answer did not come or was lost: it may have been done
    busy,             ///< a bounded queue is full
    closed,           ///< this object is shutting down
    internal,
};

std::string_view to_string(ErrorCode code);

struct Error {
    ErrorCode code = ErrorCode::internal;
    std::string message;  ///< a sentence that says what we were doing
};

/// A value or an Error. Dropping one does not compile.
template <class T>
class [[nodiscard]] Result : public tl::expected<T, Error> {
public:
    using tl::expected<T, Error>::expected;
};

using Status = Result<void>;

inline tl::unexpected<Error> fail(ErrorCode code, std::string message) {
    return tl::unexpected<Error>(Error{code, std::move(message)});
}
inline tl::unexpected<Error> fail(Error error) { return tl::unexpected<Error>(std::move(error)); }

/// For what can only be a bug. Stays on in release builds.
[[noreturn]] void check_failed(const char* condition, const char* file, int line);

}  // namespace herald

#define CHECK(condition)                                                          \
    do {                                                                          \
        if (!(condition)) ::herald::check_failed(#condition, __FILE__, __LINE__); \
    } while (false)
