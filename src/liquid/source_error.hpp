#pragma once

#include <string>
#include <string_view>

namespace herald::liquid {

/// What is wrong with a template, and where: lines and columns count from 1, columns in characters.
struct SourceError {
    int line = 1;
    int column = 1;
    std::string message;
    bool operator==(const SourceError&) const = default;
};

/// `where` is a view into `source`, or `source.substr(source.size())`.
SourceError error_at(std::string_view source, std::string_view where, std::string message);

}  // namespace herald::liquid
