#include "api/traceparent.hpp"

namespace herald::api {
namespace {

constexpr std::size_t kVersion00Bytes = 55;  // 00-<32 hex>-<16 hex>-<2 hex>

bool is_hex(std::string_view text) {
    return text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}
bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

}  // namespace

std::string read_traceparent(const net::Headers& headers) {
    const auto header = net::find_header(headers, "traceparent");
    if (!header || header->size() < kVersion00Bytes) return "";
    const auto version = header->substr(0, 2);
    const auto trace = header->substr(3, 32);
    const auto parent = header->substr(36, 16);
    const auto flags = header->substr(53, 2);
    const bool dashed = (*header)[2] == '-' && (*header)[35] == '-' && (*header)[52] == '-';
    const bool whole =
        header->size() == kVersion00Bytes || (version != "00" && (*header)[kVersion00Bytes] == '-');
    const bool hex = is_hex(version) && is_hex(trace) && is_hex(parent) && is_hex(flags);
    if (!dashed || !whole || !hex || version == "ff" || is_zero(trace) || is_zero(parent)) return "";
    // A later version is read, and passed on, as far as version 00 goes.
    return "00" + std::string(header->substr(2, kVersion00Bytes - 2));
}

}  // namespace herald::api
