// The same program, killed where HERALD_CRASH_AT says: `claimed`, or `claimed:3` for the third time it comes
// there.

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <string>

#include <unistd.h>

#include "base/crash_point.hpp"
#include "main/commands.hpp"

namespace {

std::string fatal_point;
std::atomic<int> passes_left{1};

void die_at(std::string_view point) {
    if (point == fatal_point && passes_left.fetch_sub(1) == 1) kill(getpid(), SIGKILL);
}

}  // namespace

int main(int argc, char** argv) {
    if (const char* at = std::getenv("HERALD_CRASH_AT")) {
        fatal_point = at;
        if (const auto colon = fatal_point.find(':'); colon != std::string::npos) {
            passes_left = std::atoi(fatal_point.c_str() + colon + 1);
            fatal_point.resize(colon);
        }
        herald::crash_hook = die_at;
    }
    constexpr std::string_view tolerated[] = {"HERALD_CRASH_AT"};
    return herald::run_herald(argc, argv, tolerated);
}
