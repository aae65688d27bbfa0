#include "api/openapi.hpp"

namespace herald::api {
namespace {

constexpr std::string_view kText =
    R"json({
  "securitySchemes": {
    "apiKey": {
      "type": "http", "scheme": "bearer",
      "description": "Authorization: Bearer <API key>. The key decides the tenant."
    }
  },
  "parameters": {
    "IdempotencyKey": {
      "name": "Idempotency-Key", "in": "header", "description": "Printable ASCII. Kept for 24 h.",
      "schema": {"type": "string", "minLength": 1, "maxLength": 255}
    },
    "RequestId": {
      "name": "X-Request-Id", "in": "header",
      "description": "Echoed when it is 1 to 128 bytes of printable ASCII.",
      "schema": {"type": "string", "maxLength": 128}
    },
    "Traceparent": {
      "name": "traceparent", "in": "header",
      "description": "W3C Trace Context; passed on with the notification.",
      "schema": {"type": "string"}
    },
    "UserId": {
      "name": "id", "in": "path", "required": true,
      "description": "The client's own id of the person, percent-encoded.",
      "schema": {"$ref": "#/components/schemas/ClientId"}
    }
  },
  "headers": {
    "RequestId": {"description": "The request's id.", "schema": {"type": "string"}},
    "RetryAfter": {"description": "Seconds.", "schema": {"type": "integer"}},
    "Allow": {"description": "The methods of the path.", "schema": {"type": "string"}}
  },
  "responses": {
    "User": {
      "description": "The person.",
      "content": {
        "application/json": {
          "schema": {"$ref": "#/components/schemas/User"},
          "examples": {
            "user": {
              "value": {
                "id": "user123", "email": "john@example.com", "phone": "+14155550123", "locale": "en",
                "timezone": "Europe/Paris",
                "devices": [{"platform": "ios", "token": "a1b2c3"}]
              }
            }
          }
        }
      }
    },
    "Preferences": {
      "description": "The preferences. GET shows every channel, PUT what was stored.",
      "content": {
        "application/json": {
          "schema": {"$ref": "#/components/schemas/Preferences"},
          "examples": {
            "defaults": {
              "value": {"channels": {"push": true, "sms": true, "email": true}, "categories": {}}
            }
          }
        }
      }
    },
    "Health": {
      "description": "`ok`, or `degraded` and what is ill.",
      "content": {
        "application/json": {
          "schema": {"$ref": "#/components/schemas/Health"},
          "examples": {
            "ok": {"value": {"status": "ok", "version": "0.1.0", "parts": {}}},
            "degraded": {
              "value": {"status": "degraded", "version": "0.1.0", "parts": {"log": "the disk is full"}}
            }
          }
        }
      }
    },
    "Malformed": {
      "description": "`malformed_json`: no JSON, duplicate keys, U+0000 or too deep. )json"
    R"json(`invalid_utf8`: not UTF-8.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {
            "malformed_json": {"$ref": "#/components/examples/malformed_json"},
            "invalid_utf8": {"$ref": "#/components/examples/invalid_utf8"}
          }
        }
      }
    },
    "Unauthorized": {
      "description": "`unauthorized`: no API key, or a wrong one.",
      "headers": {"WWW-Authenticate": {"schema": {"type": "string", "const": "Bearer"}}},
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"unauthorized": {"$ref": "#/components/examples/unauthorized"}}
        }
      }
    },
    "NotFound": {
      "description": "`not_found`.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"not_found": {"$ref": "#/components/examples/not_found"}}
        }
      }
    },
    "InFlight": {
      "description": "`idempotency_in_flight`: another request with this key is being accepted.",
      "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"idempotency_in_flight": {"$ref": "#/components/examples/idempotency_in_flight"}}
        }
      }
    },
    "BodyTooLarge": {
      "description": "`body_too_large`: more than 256 KiB.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"body_too_large": {"$ref": "#/components/examples/body_too_large"}}
        }
      }
    },
    "UnsupportedMediaType": {
      "description": "`unsupported_media_type`: not application/json in UTF-8.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"unsupported_media_type": {"$ref": "#/components/examples/unsupported_media_type"}}
        }
      }
    },
    "Invalid": {
      "description": "`invalid_request`: `errors` says where and why.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"invalid_request": {"$ref": "#/components/examples/invalid_request"}}
        }
      }
    },
    "Internal": {
      "description": "`internal`: ours to mend; the log has more under the request_id.",
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {"internal": {"$ref": "#/components/examples/internal"}}
        }
      }
    },
    "StoreUnavailable": {
      "description": "`store_busy`: nothing was changed. `store_unavailable`: the store did not answer.",
      "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {
            "store_busy": {"$ref": "#/components/examples/store_busy"},
            "store_unavailable": {"$ref": "#/components/examples/store_unavailable"}
          }
        }
      }
    },
    "Anywhere": {
      "description": "What any path may answer. 404 `not_found`: no such path. 405 )json"
    R"json(`method_not_allowed`: the path has no such method. Before a route is known, and then )json"
    R"json(the connection is closed: 400 `malformed_request`, 408 `request_timeout`, 413 )json"
    R"json(`body_too_large`, 431 `head_too_large`.",
      "headers": {"Allow": {"$ref": "#/components/headers/Allow"}},
      "content": {
        "application/problem+json": {
          "schema": {"$ref": "#/components/schemas/Problem"},
          "examples": {
            "method_not_allowed": {"$ref": "#/components/examples/method_not_allowed"},
            "malformed_request": {"$ref": "#/components/examples/malformed_request"},
            "request_timeout": {"$ref": "#/components/examples/request_timeout"},
            "head_too_large": {"$ref": "#/components/examples/head_too_large"}
          }
        }
      }
    }
  },
  "examples": {
    "malformed_request": {
      "value": {
        "type": "/problems/malformed_request", "title": "The request is not HTTP", "status": 400,
        "detail": "the request is malformed: bad method", "code": "malformed_request",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "malformed_json": {
      "value": {
        "type": "/problems/malformed_json", "title": "The body is not JSON", "status": 400,
        "detail": "not valid JSON at byte 12: the key \"user_id\" appears twice",
        "code": "malformed_json",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "invalid_utf8": {
      "value": {
        "type": "/problems/invalid_utf8", "title": "The body is not UTF-8", "status": 400,
        "detail": "The body must be UTF-8.", "code": "invalid_utf8",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "unauthorized": {
      "value": {
        "type": "/problems/unauthorized", "title": "A valid API key is required", "status": 401,
        "detail": "Send the header Authorization: Bearer <API key>.", "code": "unauthorized",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "not_found": {
      "value": {
        "type": "/problems/not_found", "title": "There is no such thing", "status": 404,
        "detail": "No notification has this id.", "code": "not_found",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "not_accepted_or_purged": {
      "value": {
        "type": "/problems/not_accepted_or_purged", "title": "Never accepted, or no longer kept",
        "status": 404,
        "detail": "It was not accepted, or its retention has ended; it will not be sent.",
        "code": "not_accepted_or_purged",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "method_not_allowed": {
      "value": {
        "type": "/problems/method_not_allowed", "title": "No such method here", "status": 405,
        "detail": "The Allow header names the methods of this path.", "code": "method_not_allowed",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "request_timeout": {
      "value": {
        "type": "/problems/request_timeout", "title": "The request came too slowly", "status": 408,
        "detail": "the request did not arrive in time", "code": "request_timeout",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "idempotency_in_flight": {
      "value": {
        "type": "/problems/idempotency_in_flight",
        "title": "A request with this idempotency key is being accepted", "status": 409,
        "detail": "a request with this key is being accepted", "code": "idempotency_in_flight",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "body_too_large": {
      "value": {
        "type": "/problems/body_too_large", "title": "The body is too large", "status": 413,
        "detail": "The body may have 262144 bytes.", "code": "body_too_large",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "unsupported_media_type": {
      "value": {
        "type": "/problems/unsupported_media_type", "title": "The body must be application/json",
        "status": 415, "detail": "The body must be application/json in UTF-8.",
        "code": "unsupported_media_type",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "invalid_request": {
      "value": {
        "type": "/problems/invalid_request", "title": "The request is not valid", "status": 422,
        "detail": "One field is wrong; see errors.", "code": "invalid_request",
        "errors": [{"path": "channels[0]", "code": "enum", "message": "must be push, sms or email"}],
        "request_id": "req-1"
      }
    },
    "unknown_template": {
      "value": {
        "type": "/problems/unknown_template", "title": "There is no such template", "status": 422,
        "detail": "there is no template with this id", "code": "unknown_template",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "missing_data": {
      "value": {
        "type": "/problems/missing_data", "title": "The template lacks data", "status": 422,
        "detail": "the request does not fit its template", "code": "missing_data",
        "errors": [{"path": "data.username", "code": "missing_data", "message": "the template needs it"}],
        "request_id": "req-1"
      }
    },
    "idempotency_mismatch": {
      "value": {
        "type": "/problems/idempotency_mismatch",
        "title": "The idempotency key was used with another body", "status": 422,
        "detail": "this key was used with another body", "code": "idempotency_mismatch",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "head_too_large": {
      "value": {
        "type": "/problems/head_too_large", "title": "The head is too large", "status": 431,
        "detail": "the head is larger than 16384 bytes", "code": "head_too_large",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "internal": {
      "value": {
        "type": "/problems/internal", "title": "Something went wrong inside", "status": 500,
        "detail": "The log has more under this request_id.", "code": "internal",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "log_full": {
      "value": {
        "type": "/problems/log_full", "title": "Not accepted: too much is waiting", "status": 503,
        "detail": "the log is full; try again later", "code": "log_full",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "not_accepted": {
      "value": {
        "type": "/problems/not_accepted", "title": "Not accepted", "status": 503,
        "detail": "the log does not answer in time", "code": "not_accepted",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "acceptance_unknown": {
      "value": {
        "type": "/problems/acceptance_unknown", "title": "Whether it was accepted is not known yet",
        "status": 503, "detail": "the log did not answer in time", "code": "acceptance_unknown",
        "id": "018bcfe5-6800-7abc-8def-0123456789ab",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "store_busy": {
      "value": {
        "type": "/problems/store_busy", "title": "The store is busy", "status": 503,
        "detail": "too many requests wait for the store", "code": "store_busy",
        "errors": [],
        "request_id": "req-1"
      }
    },
    "store_unavailable": {
      "value": {
        "type": "/problems/store_unavailable", "title": "The store cannot be reached", "status": 503,
        "detail": "the template could not be read", "code": "store_unavailable",
        "errors": [],
        "request_id": "req-1"
      }
    }
  },
  "schemas": {
    "NotificationId": {"type": "string", "format": "uuid", "description": "A UUIDv7, lower-case."},
    "ClientId": {
      "type": "string", "minLength": 1, "maxLength": 255,
      "description": "1 to 255 bytes of UTF-8 without control characters."
    },
    "Channel": {"enum": ["push", "sms", "email"]},
    "Lane": {"enum": ["critical", "normal", "bulk"]},
    "SendRequest": {
      "type": "object", "additionalProperties": false,
      "required": ["user_id", "template_id"],
      "properties": {
        "user_id": {"$ref": "#/components/schemas/ClientId"},
        "template_id": {"$ref": "#/components/schemas/ClientId"},
        "channels": {
          "type": "array", "minItems": 1, "maxItems": 3, "uniqueItems": true,
          "items": {"$ref": "#/components/schemas/Channel"},
          "description": "All that the template has when left out."
        },
        "data": {"type": "object", "description": "What the template prints."},
        "template_version": {
          "type": "integer", "minimum": 1, "maximum": 2147483647,
          "description": "The newest when left out."
        },
        "send_at": {
          "type": "string", "format": "date-time",
          "description": "Not before; at most 30 days ahead. What has passed means now."
        },
        "ttl_s": {
          "type": "integer", "minimum": 1, "maximum": 259200,
          "description": "Seconds after which it is not sent any more, from send_at or )json"
    R"json(acceptance. The template's when left out."
        },
        "lane": {"$ref": "#/components/schemas/Lane", "description": "The template's when left out."},
        "metadata": {"type": "object", "description": "The client's own; at most 4096 bytes as JSON."}
      }
    },
    "Accepted": {
      "type": "object",
      "required": ["id", "status", "template_version", "accepted_at"],
      "properties": {
        "id": {"$ref": "#/components/schemas/NotificationId"},
        "status": {"const": "accepted"},
        "template_version": {"type": "integer"},
        "accepted_at": {"type": "string", "format": "date-time"}
      }
    },
    "Notification": {
      "type": "object",
      "required": ["id", "status", "steps", "deliveries"],
      "properties": {
        "id": {"$ref": "#/components/schemas/NotificationId"},
        "status": {
          "enum": [
            "accepted", "scheduled", "in_progress", "delivered", "sent", "unknown", "bounced", "failed",
            "expired", "cancelled", "skipped"
          ]
        },
        "reason": {"type": ["string", "null"]},
        "accepted_at": {"type": ["string", "null"], "format": "date-time"},
        "deadline_at": {"type": ["string", "null"], "format": "date-time"},
        "user_id": {"type": ["string", "null"]},
        "template": {
          "type": ["object", "null"],
          "required": ["id", "version"],
          "properties": {"id": {"type": "string"}, "version": {"type": "integer"}}
        },
        "steps": {"type": "array", "items": {"$ref": "#/components/schemas/Step"}},
        "deliveries": {"type": "array", "items": {"$ref": "#/components/schemas/Delivery"}}
      }
    },
    "Step": {
      "type": "object",
      "required": ["step", "action", "until", "reasons"],
      "properties": {
        "step": {"type": "integer"},
        "action": {"enum": ["send", "skip", "wait"]},
        "until": {"type": ["string", "null"], "format": "date-time"},
        "reasons": {
          "type": "array",
          "items": {
            "type": "object",
            "required": ["code", "text"],
            "properties": {"code": {"type": "string"}, "text": {"type": "string"}}
          }
        }
      }
    },
    "Delivery": {
      "type": "object",
      "required": ["id", "channel", "route", "state", "reason", "attempts"],
      "properties": {
        "id": {"type": "string"},
        "channel": {"$ref": "#/components/schemas/Channel"},
        "route": {"enum": ["push.apns", "push.fcm", "sms", "email", null]},
        "state": {
          "enum": [
            "planned", "sending", "retrying", "sent", "delivered", "unknown", "failed", "bounced",
            "skipped", "expired", "cancelled"
          ]
        },
        "reason": {"type": ["string", "null"]},
        "attempts": {"type": "array", "items": {"$ref": "#/components/schemas/Attempt"}}
      }
    },
    "Attempt": {
      "type": "object",
      "required": ["n", "account", "state", "reason", "reference", "begun_at", "ended_at"],
      "properties": {
        "n": {"type": "integer"},
        "account": {"type": "string"},
        "state": {
          "enum": [
            "begun", "unknown", "deferred", "unusable", "rejected", "accepted", "delivered",
            "undelivered", "bounced"
          ]
        },
        "reason": {"type": ["string", "null"]},
        "reference": {"type": ["string", "null"], "description": "The provider's own id of it."},
        "begun_at": {"type": ["string", "null"], "format": "date-time"},
        "ended_at": {"type": ["string", "null"], "format": "date-time"}
      }
    },
    "User": {
      "type": "object", "additionalProperties": false,
      "properties": {
        "id": {
          "$ref": "#/components/schemas/ClientId",
          "description": "The id of the path; may be left out in a PUT."
        },
        "email": {"type": ["string", "null"], "maxLength": 254},
        "phone": {
          "type": ["string", "null"],
          "description": "E.164.", "pattern": "^\\+[1-9][0-9]{7,14}$"
        },
        "locale": {"type": ["string", "null"], "description": "A language tag."},
        "timezone": {"type": ["string", "null"], "description": "An IANA name."},
        "devices": {
          "type": "array", "maxItems": 100,
          "items": {
            "type": "object", "additionalProperties": false,
            "required": ["platform", "token"],
            "properties": {
              "platform": {"enum": ["ios", "android", "web"]},
              "token": {"type": "string", "minLength": 1, "maxLength": 4096}
            }
          }
        }
      }
    },
    "ChannelSwitches": {
      "type": "object", "additionalProperties": false,
      "properties": {
        "push": {"type": "boolean"},
        "sms": {"type": "boolean"},
        "email": {"type": "boolean"}
      }
    },
    "Preferences": {
      "type": "object", "additionalProperties": false,
      "properties": {
        "channels": {"$ref": "#/components/schemas/ChannelSwitches"},
        "categories": {
          "type": "object", "maxProperties": 200,
          "additionalProperties": {
            "oneOf": [
              {"type": "boolean"},
              {
                "type": "object", "additionalProperties": false,
                "properties": {"channels": {"$ref": "#/components/schemas/ChannelSwitches"}}
              }
            ]
          }
        }
      }
    },
    "ChannelContents": {
      "type": "object", "additionalProperties": false, "minProperties": 1,
      "description": "Liquid, at most 64 KiB a part.",
      "properties": {
        "push": {
          "type": "object", "additionalProperties": false,
          "required": ["title", "body"],
          "properties": {
            "title": {"type": "string"},
            "body": {"type": "string"},
            "data": {"type": "object", "maxProperties": 50, "additionalProperties": {"type": "string"}}
          }
        },
        "sms": {
          "type": "object", "additionalProperties": false,
          "required": ["body"],
          "properties": {"body": {"type": "string"}}
        },
        "email": {
          "type": "object", "additionalProperties": false,
          "required": ["subject"],
          "properties": {
            "subject": {"type": "string"},
            "html": {"type": "string"},
            "text": {"type": "string"}
          },
          "anyOf": [{"required": ["html"]}, {"required": ["text"]}]
        }
      }
    },
    "Template": {
      "type": "object", "additionalProperties": false,
      "required": ["id", "channels"],
      "properties": {
        "id": {"$ref": "#/components/schemas/ClientId"},
        "category": {"type": "string", "default": "transactional", "maxLength": 255},
        "guarantee": {
          "enum": ["at_least_once", "at_most_once"],
          "default": "at_least_once",
          "description": "What happens to an attempt whose answer was lost: sent again, or not."
        },
        "lane": {"$ref": "#/components/schemas/Lane", "default": "normal"},
        "ttl_s": {"type": "integer", "minimum": 1, "maximum": 259200, "default": 86400},
        "locale": {"type": "string", "minLength": 2, "maxLength": 35, "default": "en"},
        "channels": {"$ref": "#/components/schemas/ChannelContents"},
        "translations": {
          "type": "object", "maxProperties": 50,
          "additionalProperties": {"$ref": "#/components/schemas/ChannelContents"}
        },
        "version": {"readOnly": true, "description": "Ignored: what GET answers may be posted back."},
        "created_at": {"readOnly": true, "description": "Ignored, too."}
      }
    },
    "StoredTemplate": {
      "type": "object",
      "required": ["id", "channels", "version", "created_at"],
      "description": "The fields of Template as they were posted, and these.",
      "properties": {
        "id": {"$ref": "#/components/schemas/ClientId"},
        "channels": {"$ref": "#/components/schemas/ChannelContents"},
        "version": {"type": "integer", "minimum": 1},
        "created_at": {"type": "string", "format": "date-time"}
      }
    },
    "Health": {
      "type": "object",
      "required": ["status", "version", "parts"],
      "properties": {
        "status": {"enum": ["ok", "degraded", "ready", "not_ready"]},
        "version": {"type": "string"},
        "parts": {
          "type": "object", "description": "What is ill, and why.",
          "additionalProperties": {"type": "string"}
        }
      }
    },
    "FieldError": {
      "type": "object",
      "required": ["path", "code", "message"],
      "properties": {
        "path": {
          "type": "string",
          "description": "As in channels[1] or data.user.name; empty for the whole body."
        },
        "code": {
          "type": "string",
          "description": "Stable: required, type, unknown_field, length, range, format, enum, )json"
    R"json(duplicate, liquid, …"
        },
        "message": {"type": "string"}
      }
    },
    "Problem": {
      "type": "object", "description": "RFC 9457.",
      "required": ["type", "title", "status", "detail", "code", "errors", "request_id"],
      "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "code": {
          "enum": [
            "malformed_request", "malformed_json", "invalid_utf8", "unauthorized", "not_found",
            "not_accepted_or_purged", "method_not_allowed", "request_timeout", "idempotency_in_flight",
            "body_too_large", "unsupported_media_type", "invalid_request", "unknown_template",
            "missing_data", "idempotency_mismatch", "head_too_large", "internal", "log_full",
            "not_accepted", "acceptance_unknown", "store_busy", "store_unavailable"
          ]
        },
        "id": {"$ref": "#/components/schemas/NotificationId", "description": "With acceptance_unknown."},
        "errors": {"type": "array", "items": {"$ref": "#/components/schemas/FieldError"}},
        "request_id": {"type": "string"}
      }
    }
  }
})json";

}  // namespace

std::string_view openapi_components() { return kText; }

}  // namespace herald::api
