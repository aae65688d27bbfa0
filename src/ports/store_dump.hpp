#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.hpp"

namespace herald {

// A store's rows as every engine can say them: what is carried from one to another.

/// Nothing, a number, or text or bytes.
using DumpCell = std::variant<std::monostate, std::int64_t, std::string>;
/// In the order of its table's columns.
using DumpRow = std::vector<DumpCell>;

enum class DumpKind {
    number,  ///< times are milliseconds since 1970
    text,
    bytes,
    id,  ///< 16 bytes
};

struct DumpColumn {
    std::string_view name;
    DumpKind kind = DumpKind::text;
    /// Text that says nothing: the cell has no value then, however the engine keeps it.
    std::optional<std::string_view> nothing = std::nullopt;
};

struct DumpTable {
    std::string_view name;
    std::size_t key = 1;  ///< so many first columns make the key, which gives the order
    std::vector<DumpColumn> columns;
};

/// All that is carried, in the order in which another store may be filled while processes run on it already:
/// nothing is found before that is there on which it rests. Left out are the epochs of claims, since no claim
/// outlives its store. `notifications` bear the plan of step 0, `plans` has those of later steps.
std::span<const DumpTable> dump_tables();

/// Gives a store's rows out, page by page. For one thread.
class StoreExport {
public:
    virtual ~StoreExport() = default;

    struct Page {
        std::size_t rows = 1'000;
        std::size_t bytes = 4 * 1024 * 1024;  ///< about; one row is given whatever it weighs
    };
    /// The rows behind `after`, or the first ones when it is null, in the order of their keys. None: that
    /// was all.
    virtual Result<std::vector<DumpRow>> read(const DumpTable& table, const DumpRow* after, Page page) = 0;
};

/// Takes rows of another store in. For one thread.
class StoreImport {
public:
    virtual ~StoreImport() = default;

    /// One transaction, durable. A row that stands already under the key is left as it is, so a repeat is
    /// harmless. Claims arrive past their lease, timers are due now at the earliest. `conflict`: another
    /// template stands under an id and version.
    virtual Status write(const DumpTable& table, std::span<const DumpRow> rows) = 0;
};

}  // namespace herald
