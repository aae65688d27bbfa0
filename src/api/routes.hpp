#pragma once

#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "api/parts.hpp"
#include "api/problem.hpp"

namespace herald::api {

class Call;

/// Answers on the io thread: touches no store and no log.
struct AtOnce {
    Reply (*answer)(const ApiParts&, const Call&);
};
/// Answers from a thread of the readers: may block.
struct OnReader {
    Reply (*answer)(const ApiParts&, const Call&);
};
/// Begins on the io thread and answers through the call, from any thread.
struct Later {
    void (*begin)(const ApiParts&, std::shared_ptr<Call>);
};
using Handler = std::variant<AtOnce, OnReader, Later>;

enum class Access { open, keyed };

/// One row of the route table. `{id}` in the pattern stands for one segment of the path.
struct Endpoint {
    std::string_view method;
    std::string_view pattern;
    Access access = Access::keyed;
    Handler handler;
};
std::span<const Endpoint> endpoints();

/// Where a request belongs.
struct RouteMatch {
    std::string_view pattern;            ///< empty when the path is none of ours
    const Endpoint* endpoint = nullptr;  ///< none when the path does not have the method; GET's serves HEAD
    std::string id;                      ///< percent-decoded
};
RouteMatch find_route(std::string_view method, std::string_view path);

/// The methods of a pattern as in the Allow header.
std::string allowed_methods(std::string_view pattern);

}  // namespace herald::api
