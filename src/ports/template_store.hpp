#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.hpp"
#include "model/ids.hpp"

namespace herald {

struct StoredTemplate {
    TemplateId id;
    int version = 0;
    std::string body;  ///< JSON as posted
    TimePoint created_at{};
};

/// Versions of templates, numbered from 1, never changed. Thread-safe, synchronous.
class TemplateStore {
public:
    virtual ~TemplateStore() = default;

    /// Returns the new version's number.
    virtual Result<int> put_template(const TenantId& tenant, const TemplateId& id, const std::string& body,
                                     TimePoint now) = 0;
    /// The newest version when none is named.
    virtual Result<std::optional<StoredTemplate>> find_template(const TenantId& tenant, const TemplateId& id,
                                                                std::optional<int> version) = 0;
    /// Newest versions in the order of their ids, those after `after`.
    virtual Result<std::vector<StoredTemplate>> list_templates(const TenantId& tenant,
                                                               const std::string& after,
                                                               std::size_t limit) = 0;
};

}  // namespace herald
