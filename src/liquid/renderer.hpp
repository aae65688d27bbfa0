#pragma once

#include <string>

#include "base/json.hpp"
#include "base/result.hpp"
#include "liquid/tree.hpp"

namespace herald::liquid {

struct RenderLimits {
    std::size_t max_output_bytes = 256 * 1024;
    std::size_t max_filtered_bytes = 4 * 1024 * 1024;  ///< of text that filters return, all together
    std::int64_t max_iterations = 10'000;              ///< of all loops together
    std::int64_t max_steps = 100'000;                  ///< texts, outputs, tags and filters that are come by
    /// Looking at data counts as well: this many bytes of it, or the values that weigh as much, are one step.
    static constexpr std::int64_t kBytesOfStep = 64;
};

/// Errors: too_large beyond a limit, invalid where the data does not fit the template.
Result<std::string> render(const Tree& tree, const Json& data, const RenderLimits& limits);

}  // namespace herald::liquid
