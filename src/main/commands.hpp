#pragma once

#include <span>
#include <string_view>

namespace herald {

/// The program: reads the command line, runs one command, returns the exit status. `tolerated`: names of the
/// environment that are not settings and no mistake either.
int run_herald(int argc, char** argv, std::span<const std::string_view> tolerated = {});

}  // namespace herald
