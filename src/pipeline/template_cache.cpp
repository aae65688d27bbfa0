#include "pipeline/template_cache.hpp"

namespace herald {
namespace {

constexpr Millis kHeadLife{1'000};
constexpr Millis kInUse = std::chrono::minutes(10);
constexpr std::size_t kMaxVersions = 5'000;

}  // namespace

TemplatePtr TemplateCache::find(const TenantId& tenant, const TemplateId& id, std::optional<int> version) {
    std::lock_guard lock(mutex_);
    if (!version) {
        const auto head = heads_.find({tenant, id});
        if (head == heads_.end()) return nullptr;
        head->second.used_at = clock_.uptime();
        if (!head->second.refreshed && clock_.uptime() - head->second.read_at >= kHeadLife) return nullptr;
        version = head->second.version;
    }
    const auto found = versions_.find({{tenant, id}, *version});
    return found == versions_.end() ? nullptr : found->second;
}

Result<TemplatePtr> TemplateCache::load(const TenantId& tenant, const TemplateId& id,
                                        std::optional<int> version) {
    if (auto cached = find(tenant, id, version)) return cached;
    return read(tenant, id, version);
}

Result<TemplatePtr> TemplateCache::read(const TenantId& tenant, const TemplateId& id,
                                        std::optional<int> version) {
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

Status TemplateCache::refresh() {
    std::vector<Id> used;
    {
        std::lock_guard lock(mutex_);
        for (auto& [id, head] : heads_) {
            if (clock_.uptime() - head.used_at < kInUse) used.push_back(id);
            else head.refreshed = false;
        }
    }
    for (const auto& [tenant, id] : used) {
        const auto newest = read(tenant, id, std::nullopt);
        // One that has become unusable must not keep the others from being asked for.
        if (!newest && newest.error().code != ErrorCode::refused_content) return fail(newest.error());
        std::lock_guard lock(mutex_);
        const auto head = heads_.find({tenant, id});
        if (head != heads_.end()) head->second.refreshed = newest.has_value();  // or forgotten meanwhile
    }
    return {};
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
    if (!is_head) return;
    auto& head = heads_[{tenant, tmpl->id}];
    if (head.version == 0) head.used_at = clock_.uptime();
    head.version = tmpl->version;
    head.read_at = clock_.uptime();
}

}  // namespace herald
