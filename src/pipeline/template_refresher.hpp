#pragma once

#include "pipeline/stage.hpp"
#include "pipeline/template_cache.hpp"

namespace herald {

/// Keeps the templates of an api process fresh beside the requests, not in their way.
class TemplateRefresher final : public Stage {
public:
    TemplateRefresher(TemplateCache& templates, const Clock& clock) : templates_(templates), clock_(clock) {}

    std::string name() const override { return "templates"; }
    Status pass(Millis wait) override;

private:
    TemplateCache& templates_;
    const Clock& clock_;
    Millis next_{};
};

}  // namespace herald
