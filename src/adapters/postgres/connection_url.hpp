#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.hpp"

namespace herald::postgres {

/// What libpq connects with.
struct ConnectionParameters {
    struct Parameter {
        std::string keyword;
        std::string value;
    };
    std::vector<Parameter> all;

    /// Empty when it is not said.
    std::string_view find(std::string_view keyword) const;
    /// Sets or replaces.
    void set(std::string_view keyword, std::string value);
    /// Unless the URL says something else.
    void set_default(std::string_view keyword, std::string value);
};

/// Reads `postgres://`, `postgresql://` and what SQLAlchemy writes, `postgresql+asyncpg://`, with every
/// parameter of libpq; also libpq's `keyword=value` form. `invalid` says what is wrong, without a password.
Result<ConnectionParameters> parse_connection_url(std::string_view url);

}  // namespace herald::postgres
