#pragma once

#include <map>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.hpp"
#include "model/template.hpp"
#include "ports/template_store.hpp"

namespace herald {

/// Compiled templates. A version never changes and stays; which version is the newest is asked again after a
/// second, and before anybody is told that a template does not exist. Where `refresh` is called, templates in
/// use need no asking on the way of a request, and last as long as an outage of the store does. Bounded.
/// Thread-safe.
class TemplateCache {
public:
    TemplateCache(TemplateStore& store, const Clock& clock) : store_(store), clock_(clock) {}

    /// Without touching the store: nothing when it would have to be asked. For io threads.
    TemplatePtr find(const TenantId& tenant, const TemplateId& id, std::optional<int> version);
    /// Asks the store where needed; null when there is no such template or version. Blocks.
    Result<TemplatePtr> load(const TenantId& tenant, const TemplateId& id, std::optional<int> version);
    /// Asks again which version is the newest of what was looked up in the last minutes; to be called more
    /// often than once a second. An error means that the store is away: what is known stays. Blocks.
    Status refresh();
    /// The next look-up of the newest version asks the store.
    void forget_head(const TenantId& tenant, const TemplateId& id);

private:
    using Id = std::pair<TenantId, TemplateId>;
    struct Head {
        int version = 0;
        Millis read_at{};
        Millis used_at{};
        bool refreshed = false;  ///< the refresh has it in its care
    };

    /// From the store, and remembers it.
    Result<TemplatePtr> read(const TenantId& tenant, const TemplateId& id, std::optional<int> version);
    void remember(const TenantId& tenant, const TemplatePtr& tmpl, bool is_head);

    TemplateStore& store_;
    const Clock& clock_;
    std::mutex mutex_;
    std::map<Id, Head> heads_;
    std::map<std::pair<Id, int>, TemplatePtr> versions_;
};

}  // namespace herald
