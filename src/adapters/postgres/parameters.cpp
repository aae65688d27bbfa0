#include "adapters/postgres/parameters.hpp"

#include <endian.h>

#include "base/result.hpp"

namespace herald::postgres::wire {

void put_int32(std::string& out, std::int32_t value) {
    const auto bytes = htobe32(static_cast<std::uint32_t>(value));
    out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

void put_int64(std::string& out, std::int64_t value) {
    const auto bytes = htobe64(static_cast<std::uint64_t>(value));
    out.append(reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

void write_int32(std::string& out, std::size_t at, std::int32_t value) {
    const auto bytes = htobe32(static_cast<std::uint32_t>(value));
    out.replace(at, sizeof bytes, reinterpret_cast<const char*>(&bytes), sizeof bytes);
}

Oid array_of(Oid element) {
    switch (element) {
        case kBool:
            return 1000;
        case kBytea:
            return 1001;
        case kInt4:
            return 1007;
        case kText:
            return 1009;
        case kInt8:
            return 1016;
        case kUuid:
            return 2951;
        default:
            check_failed("an array of a known type", __FILE__, __LINE__);
    }
}

}  // namespace herald::postgres::wire
