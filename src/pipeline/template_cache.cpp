#include "pipeline/template_cache.hpp"

namespace herald {
namespace {

constexpr Millis kHeadLife{1'000};
constexpr std::size_t kMaxVersions = 5'000;

}  // namespace

TemplatePtr TemplateCache::find(const TenantId& tenant, const TemplateId& id, std::optional<int> version) {
    std::lock_guard lock(mutex_);
    if (!version) {
        const auto head = heads_.find({tenant, id});
        if (head == heads_.end() || clock_.uptime() - head->second.read_at >= kHeadLife) return nullptr;
        version = head->second.version;
    }
    const auto found = versions_.find({{tenant, id}, *version});
    return found == versions_.end() ? nullptr : found->second;
}

Result<TemplatePtr> TemplateCache::load(const TenantId& tenant, const TemplateId& id,
                                        std::optional<int> version) {
    if (auto cached = find(tenant, id, version)) return cached;
    auto stored = store_.find_template(tenant, id, version);
    if (!stored) return fail(stored.error());
    if (!*stored) return TemplatePtr{};
    const auto& row = **stored;
    if (auto cached = find(tenant, id, row.version)) {
        remember(tenant, cached, !version);
        return cached;
    }
    const auto body = Json::parse(row.body);
    if (!body)
        return fail(ErrorCode::refused_content, "a stored template is not JSON: " + body.error().message);
    std::vector<FieldError> errors;
    auto compiled = std::make_shared<Template>(read_template(*body, errors));
    if (!errors.empty()) {
        return fail(ErrorCode::refused_content,
                    "a stored template does not compile: " + errors[0].path + ": " + errors[0].message);
    }
    compiled->version = row.version;
    remember(tenant, compiled, !version);
    return TemplatePtr(compiled);
}

void TemplateCache::forget_head(const TenantId& tenant, const TemplateId& id) {
    std::lock_guard lock(mutex_);
    heads_.erase({tenant, id});
}

void TemplateCache::remember(const TenantId& tenant, const TemplatePtr& tmpl, bool is_head) {
    std::lock_guard lock(mutex_);
    if (versions_.size() >= kMaxVersions) {
        versions_.clear();
        heads_.clear();
    }
    versions_[{{tenant, tmpl->id}, tmpl->version}] = tmpl;
    if (is_head) heads_[{tenant, tmpl->id}] = {tmpl->version, clock_.uptime()};
}

}  // namespace herald
