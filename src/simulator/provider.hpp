#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/json.hpp"
#include "net/server.hpp"

namespace herald::simulator {

/// What a request is about, as far as it says so.
struct Subject {
    std::string delivery;
    std::int64_t attempt = 0;  ///< 0 when the request does not carry it
    std::string recipient;
};

/// What the provider makes of one whole request.
struct Judgement {
    Subject subject;
    net::HttpResponse response;
    std::string reason;  ///< the provider's own word or number for a refusal; empty when it accepted
};

/// One provider's protocol, from a request to an answer. Thread-safe.
class SimulatedProvider {
public:
    virtual ~SimulatedProvider() = default;

    virtual Judgement judge(const net::ServerRequest& request) = 0;
    /// What the head alone says: any client may send `X-Herald-Delivery` and `X-Herald-Attempt`.
    virtual Subject subject_of_head(const net::ServerRequest& request) const;
    /// The provider's own error body for a status that a fault asks for.
    virtual net::HttpResponse failure(int status, const net::ServerRequest& request) const = 0;

    /// Endpoints that are no messages, such as FCM's token endpoint: never in the ledger, never faulty.
    virtual bool is_beside(const net::ServerRequest&) const { return false; }
    virtual net::HttpResponse serve_beside(const net::ServerRequest&) { return {404, {}, ""}; }
};

/// Fills what the head left open from what the body carries.
Subject merge(Subject head, Subject body);

/// Delivery and attempt from two members of a body's object; an attempt may be a number or its text.
Subject subject_from(const Json* object, std::string_view id_key, std::string_view attempt_key);

}  // namespace herald::simulator
