#pragma once

#include <atomic>
#include <string_view>

namespace herald {

/// Places where the tests kill the process, to prove that nothing is lost there. The ordinary program never
/// sets the hook; one relaxed load remains.
using CrashHook = void (*)(std::string_view point);
inline std::atomic<CrashHook> crash_hook{nullptr};

inline void crash_point(std::string_view point) {
    if (const auto hook = crash_hook.load(std::memory_order_relaxed)) hook(point);
}

}  // namespace herald
