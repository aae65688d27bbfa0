#include "base/thread_name.hpp"

#include <pthread.h>

#include <algorithm>
#include <vector>

#include <fmt/ranges.h>

namespace herald {
namespace {

constexpr std::size_t kLongest = 15;

std::vector<std::string_view> parts_of(std::string_view name) {
    std::vector<std::string_view> parts;
    for (;;) {
        const auto dot = name.find('.');
        parts.push_back(name.substr(0, dot));
        if (dot == std::string_view::npos) return parts;
        name.remove_prefix(dot + 1);
    }
}

}  // namespace

std::string fit_thread_name(std::string_view name) {
    auto parts = parts_of(name);
    for (auto size = name.size(); size > kLongest; --size) {
        const auto longest =
            std::max_element(parts.begin(), parts.end(), [](auto a, auto b) { return a.size() < b.size(); });
        longest->remove_suffix(std::min<std::size_t>(1, longest->size()));
    }
    return fmt::format("{}", fmt::join(parts, "."));
}

void name_this_thread(std::string_view name) {
    pthread_setname_np(pthread_self(), fit_thread_name(name).c_str());
}

}  // namespace herald
