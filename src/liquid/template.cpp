#include "liquid/template.hpp"

#include "liquid/parser.hpp"

namespace herald::liquid {

tl::expected<Template, SourceError> Template::compile(std::string_view source, Escaping escaping) {
    auto tree = parse(source, escaping);
    if (!tree) return tl::unexpected(std::move(tree.error()));
    auto required = find_required(**tree);
    return Template(std::make_shared<const Compiled>(Compiled{std::move(*tree), std::move(required)}));
}

Result<std::string> Template::render(const Json& data, const RenderLimits& limits) const {
    return liquid::render(*compiled_->tree, data, limits);
}

std::vector<std::string> Template::missing(const Json& data) const {
    std::vector<std::string> paths;
    for (const auto& field : compiled_->required) {
        if (!is_present(field, data)) paths.push_back(field.path);
    }
    return paths;
}

}  // namespace herald::liquid
