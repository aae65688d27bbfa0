#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "base/clock.hpp"
#include "base/result.hpp"

namespace herald {

/// Of one embedded engine's data, that it is being carried over to another place, or has been.
struct CarryMark {
    std::string to;
    TimePoint begun_at{};
    std::optional<TimePoint> finished_at;
};

/// The file `carried_over.json` of a data folder. From the first row that may have changed hands on it keeps
/// Herald from running on the folder, which would send again what its successor sends.
struct CarryMarks {
    static constexpr const char* kFile = "carried_over.json";

    std::optional<CarryMark> store;
    std::optional<CarryMark> log;

    /// Without a file there is no mark.
    static Result<CarryMarks> read(const std::filesystem::path& folder);
    /// Durable when it returns.
    Status write(const std::filesystem::path& folder) const;
};

}  // namespace herald
