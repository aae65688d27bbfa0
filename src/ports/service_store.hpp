#pragma once

#include <optional>
#include <string>

#include "base/result.hpp"
#include "model/ids.hpp"

namespace herald {

/// What the service keeps about itself. Thread-safe, synchronous.
class ServiceStore {
public:
    virtual ~ServiceStore() = default;

    /// Keys of the id tags, newest first; makes the first one when there is none.
    virtual Result<IdKeys> id_keys() = 0;
    virtual Result<std::optional<std::string>> get_note(const std::string& name) = 0;
    virtual Status put_note(const std::string& name, const std::string& value) = 0;
    /// Whether a statement can be made now.
    virtual Status ping() = 0;
};

}  // namespace herald
