#include "base/result.hpp"

#include <cstdio>
#include <cstdlib>

namespace herald {

std::string_view to_string(ErrorCode code) {
    switch (code) {
        case ErrorCode::invalid:
            return "invalid";
        case ErrorCode::not_found:
            return "not_found";
        case ErrorCode::conflict:
            return "conflict";
        case ErrorCode::too_large:
            return "too_large";
        case ErrorCode::refused_content:
            return "refused_content";
        case ErrorCode::unavailable:
            return "unavailable";
        case ErrorCode::timeout:
            return "timeout";
        case ErrorCode::busy:
            return "busy";
        case ErrorCode::closed:
            return "closed";
        case ErrorCode::internal:
            return "internal";
    }
    return "internal";
}

void check_failed(const char* condition, const char* file, int line) {
    std::fprintf(stderr,
                 "{\"level\":\"error\",\"event\":\"check_failed\",\"condition\":\"%s\",\"at\":\"%s:%d\"}\n",
                 condition, file, line);
    std::abort();
}

}  // namespace herald
