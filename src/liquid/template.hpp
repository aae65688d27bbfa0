#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <tl/expected.hpp>

#include "base/json.hpp"
#include "base/result.hpp"
#include "liquid/escaping.hpp"
#include "liquid/renderer.hpp"
#include "liquid/required_data.hpp"
#include "liquid/source_error.hpp"

namespace herald::liquid {

/// One part of a message, such as a subject, compiled. Never changes and is cheap to copy; threads may render
/// the same one at the same time.
class Template {
public:
    /// Refuses what Shopify's Liquid would pass over: unknown tags and filters, wrong numbers of arguments,
    /// words that have no meaning where they stand.
    static tl::expected<Template, SourceError> compile(std::string_view source, Escaping escaping);

    /// What `data` lacks prints as nothing. Errors: too_large beyond a limit, invalid where a loop needs a
    /// whole number and the data has none.
    Result<std::string> render(const Json& data, const RenderLimits& limits = {}) const;

    const std::vector<RequiredField>& required() const { return compiled_->required; }
    /// The required paths that are absent from `data` or null in it, in order of first appearance.
    std::vector<std::string> missing(const Json& data) const;

private:
    struct Compiled {
        std::shared_ptr<const Tree> tree;
        std::vector<RequiredField> required;
    };

    explicit Template(std::shared_ptr<const Compiled> compiled) : compiled_(std::move(compiled)) {}

    std::shared_ptr<const Compiled> compiled_;
};

}  // namespace herald::liquid
