#include "api/openapi.hpp"

namespace herald::api {
namespace {

constexpr std::string_view kText =
    R"json({
  "/api/v1/notifications": {
    "post": {
      "operationId": "sendNotification",
      "tags": ["notifications"],
      "summary": "Accept a notification",
      "description": "202 means durable: what was accepted ends in a final state with a reason. )json"
    R"json(With an Idempotency-Key, the same body within 24 h gets the same answer and is sent )json"
    R"json(once.",
      "parameters": [
        {"$ref": "#/components/parameters/IdempotencyKey"},
        {"$ref": "#/components/parameters/RequestId"},
        {"$ref": "#/components/parameters/Traceparent"}
      ],
      "requestBody": {
        "required": true,
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/SendRequest"},
            "examples": {
              "welcome": {
                "summary": "Two channels",
                "value": {
                  "user_id": "user123", "template_id": "welcome",
                  "channels": ["push", "email"],
                  "data": {"username": "john_doe"}
                }
              },
              "later": {
                "summary": "At a time of its own, on all channels of the template",
                "value": {
                  "user_id": "user123", "template_id": "welcome",
                  "data": {"username": "john_doe"},
                  "send_at": "2026-01-31T09:00:00Z", "ttl_s": 3600, "lane": "bulk",
                  "metadata": {"campaign": "january"}
                }
              }
            }
          }
        }
      },
      "responses": {
        "202": {
          "description": "Accepted, durably.",
          "headers": {
            "Location": {"description": "Where to see what becomes of it.", "schema": {"type": "string"}},
            "Idempotency-Replayed": {
              "description": "`true` when an earlier request with this key was accepted.",
              "schema": {"type": "string", "const": "true"}
            },
            "X-Request-Id": {"$ref": "#/components/headers/RequestId"}
          },
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/Accepted"},
              "examples": {
                "accepted": {
                  "value": {
                    "id": "018bcfe5-6800-7abc-8def-0123456789ab", "status": "accepted",
                    "template_version": 1, "accepted_at": "2026-01-30T12:00:00.000Z"
                  }
                }
              }
            }
          }
        },
        "400": {"$ref": "#/components/responses/Malformed"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "409": {"$ref": "#/components/responses/InFlight"},
        "413": {"$ref": "#/components/responses/BodyTooLarge"},
        "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
        "422": {
          "description": "`invalid_request`: fields are wrong, or a channel is asked for that the )json"
    R"json(template lacks. `unknown_template`: there is no such template or version. )json"
    R"json(`missing_data`: the template needs data that is missing. `idempotency_mismatch`: the )json"
    R"json(key was used with another body.",
          "content": {
            "application/problem+json": {
              "schema": {"$ref": "#/components/schemas/Problem"},
              "examples": {
                "invalid_request": {"$ref": "#/components/examples/invalid_request"},
                "unknown_template": {"$ref": "#/components/examples/unknown_template"},
                "missing_data": {"$ref": "#/components/examples/missing_data"},
                "idempotency_mismatch": {"$ref": "#/components/examples/idempotency_mismatch"}
              }
            }
          }
        },
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {
          "description": "`log_full`, `not_accepted`, `store_busy`, `store_unavailable`: )json"
    R"json(certainly not accepted, try again after Retry-After. `acceptance_unknown`: it may have )json"
    R"json(been; GET the notification by the `id` of the body, or repeat with the same )json"
    R"json(Idempotency-Key.",
          "headers": {"Retry-After": {"$ref": "#/components/headers/RetryAfter"}},
          "content": {
            "application/problem+json": {
              "schema": {"$ref": "#/components/schemas/Problem"},
              "examples": {
                "log_full": {"$ref": "#/components/examples/log_full"},
                "not_accepted": {"$ref": "#/components/examples/not_accepted"},
                "acceptance_unknown": {"$ref": "#/components/examples/acceptance_unknown"},
                "store_busy": {"$ref": "#/components/examples/store_busy"},
                "store_unavailable": {"$ref": "#/components/examples/store_unavailable"}
              }
            }
          }
        },
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/notifications/{id}": {
    "parameters": [
      {
        "name": "id", "in": "path", "required": true, "description": "As the 202 gave it.",
        "schema": {"$ref": "#/components/schemas/NotificationId"}
      }
    ],
    "get": {
      "operationId": "getNotification",
      "tags": ["notifications"],
      "summary": "What became of a notification, and why",
      "description": "Visible from the moment of the 202. Until it is planned, no more than `id` )json"
    R"json(and the status `accepted` is known, and the steps and deliveries are empty.",
      "responses": {
        "200": {
          "description": "The whole story.",
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/Notification"},
              "examples": {
                "sent": {
                  "value": {
                    "id": "018bcfe5-6800-7abc-8def-0123456789ab", "status": "sent", "reason": null,
                    "accepted_at": "2026-01-30T12:00:00.000Z", "deadline_at": "2026-01-31T12:00:00.000Z",
                    "user_id": "user123",
                    "template": {"id": "welcome", "version": 1},
                    "steps": [
                      {
                        "step": 0, "action": "send", "until": null,
                        "reasons": [
                          {
                            "code": "sms:default_on",
                            "text": "sms: the person never said anything about it, so it is on"
                          }
                        ]
                      }
                    ],
                    "deliveries": [
                      {
                        "id": "018bcfe5-6800-7abc-8def-0123456789ab.0.1", "channel": "sms",
                        "route": "sms", "state": "sent", "reason": null,
                        "attempts": [
                          {
                            "n": 1, "account": "twilio", "state": "accepted", "reason": null,
                            "reference": "SM42", "begun_at": "2026-01-30T12:00:00.020Z",
                            "ended_at": "2026-01-30T12:00:00.120Z"
                          }
                        ]
                      }
                    ]
                  }
                },
                "accepted": {
                  "value": {
                    "id": "018bcfe5-6800-7abc-8def-0123456789ab", "status": "accepted",
                    "steps": [],
                    "deliveries": []
                  }
                }
              }
            }
          }
        },
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "404": {
          "description": "`not_found`: nobody was ever given this id. `not_accepted_or_purged`: )json"
    R"json(it was given out, but the request was not accepted, or is no longer kept.",
          "content": {
            "application/problem+json": {
              "schema": {"$ref": "#/components/schemas/Problem"},
              "examples": {
                "not_found": {"$ref": "#/components/examples/not_found"},
                "not_accepted_or_purged": {"$ref": "#/components/examples/not_accepted_or_purged"}
              }
            }
          }
        },
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/users/{id}": {
    "parameters": [{"$ref": "#/components/parameters/UserId"}],
    "get": {
      "operationId": "getUser",
      "tags": ["users"],
      "summary": "A person as Herald knows them",
      "responses": {
        "200": {"$ref": "#/components/responses/User"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "404": {"$ref": "#/components/responses/NotFound"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    },
    "put": {
      "operationId": "putUser",
      "tags": ["users"],
      "summary": "Create a person, or replace the whole of one",
      "description": "Devices included: what is not in the body is gone. A device token belongs )json"
    R"json(to whoever put it last.",
      "requestBody": {
        "required": true,
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/User"},
            "examples": {
              "user": {
                "value": {
                  "email": "john@example.com", "phone": "+14155550123", "locale": "en",
                  "timezone": "Europe/Paris",
                  "devices": [{"platform": "ios", "token": "a1b2c3"}]
                }
              }
            }
          }
        }
      },
      "responses": {
        "200": {"$ref": "#/components/responses/User"},
        "400": {"$ref": "#/components/responses/Malformed"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "413": {"$ref": "#/components/responses/BodyTooLarge"},
        "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    },
    "delete": {
      "operationId": "deleteUser",
      "tags": ["users"],
      "summary": "Erase a person",
      "description": "Removes addresses, devices and preferences, and cancels what is open for them.",
      "responses": {
        "204": {"description": "Erased."},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "404": {"$ref": "#/components/responses/NotFound"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/users/{id}/preferences": {
    "parameters": [{"$ref": "#/components/parameters/UserId"}],
    "get": {
      "operationId": "getPreferences",
      "tags": ["users"],
      "summary": "What a person wants",
      "description": "A person who never said anything has the defaults: everything is on.",
      "responses": {
        "200": {"$ref": "#/components/responses/Preferences"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    },
    "put": {
      "operationId": "putPreferences",
      "tags": ["users"],
      "summary": "Replace what a person wants",
      "description": "The most specific statement wins: category and channel, then category, then )json"
    R"json(channel. The category `system` cannot be switched off.",
      "requestBody": {
        "required": true,
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/Preferences"},
            "examples": {
              "quiet": {
                "value": {
                  "channels": {"sms": false},
                  "categories": {"marketing": false, "billing": {"channels": {"sms": true}}}
                }
              }
            }
          }
        }
      },
      "responses": {
        "200": {"$ref": "#/components/responses/Preferences"},
        "400": {"$ref": "#/components/responses/Malformed"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "413": {"$ref": "#/components/responses/BodyTooLarge"},
        "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/templates": {
    "get": {
      "operationId": "listTemplates",
      "tags": ["templates"],
      "summary": "The newest version of each template, in the order of their ids",
      "parameters": [
        {
          "name": "limit", "in": "query",
          "description": "At most so many; a page of large templates may hold fewer.",
          "schema": {"type": "integer", "minimum": 1, "maximum": 200, "default": 50}
        },
        {
          "name": "cursor", "in": "query", "description": "The next_cursor of the page before, as it is.",
          "schema": {"type": "string"}
        }
      ],
      "responses": {
        "200": {
          "description": "A page.",
          "content": {
            "application/json": {
              "schema": {
                "type": "object",
                "required": ["data", "next_cursor", "has_more"],
                "properties": {
                  "data": {"type": "array", "items": {"$ref": "#/components/schemas/StoredTemplate"}},
                  "next_cursor": {"type": ["string", "null"]},
                  "has_more": {"type": "boolean"}
                }
              },
              "examples": {
                "last": {
                  "value": {
                    "data": [
                      {
                        "id": "welcome",
                        "channels": {"sms": {"body": "Hello {{ username }}"}},
                        "version": 1, "created_at": "2026-01-30T12:00:00.000Z"
                      }
                    ],
                    "next_cursor": null, "has_more": false
                  }
                }
              }
            }
          }
        },
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    },
    "post": {
      "operationId": "postTemplate",
      "tags": ["templates"],
      "summary": "Create a template, or a new version of one",
      "description": "Replaces all of it. Liquid that does not compile is refused with line and )json"
    R"json(column. Repeating a request makes another version.",
      "requestBody": {
        "required": true,
        "content": {
          "application/json": {
            "schema": {"$ref": "#/components/schemas/Template"},
            "examples": {
              "welcome": {
                "value": {
                  "id": "welcome", "category": "transactional", "locale": "en",
                  "channels": {
                    "push": {"title": "Welcome", "body": "Hello {{ username }}"},
                    "email": {"subject": "Welcome", "html": "<p>Hello {{ username }}</p>"}
                  },
                  "translations": {
                    "fr": {"push": {"title": "Bienvenue", "body": "Bonjour {{ username }}"}}
                  }
                }
              }
            }
          }
        }
      },
      "responses": {
        "201": {
          "description": "Stored.",
          "headers": {"Location": {"description": "This version.", "schema": {"type": "string"}}},
          "content": {
            "application/json": {
              "schema": {
                "type": "object",
                "required": ["id", "version", "created_at"],
                "properties": {
                  "id": {"$ref": "#/components/schemas/ClientId"},
                  "version": {"type": "integer", "minimum": 1},
                  "created_at": {"type": "string", "format": "date-time"}
                }
              },
              "examples": {
                "first": {
                  "value": {"id": "welcome", "version": 1, "created_at": "2026-01-30T12:00:00.000Z"}
                }
              }
            }
          }
        },
        "400": {"$ref": "#/components/responses/Malformed"},
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "413": {"$ref": "#/components/responses/BodyTooLarge"},
        "415": {"$ref": "#/components/responses/UnsupportedMediaType"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/templates/{id}": {
    "parameters": [
      {"name": "id", "in": "path", "required": true, "schema": {"$ref": "#/components/schemas/ClientId"}}
    ],
    "get": {
      "operationId": "getTemplate",
      "tags": ["templates"],
      "summary": "A template as it was posted",
      "parameters": [
        {
          "name": "version", "in": "query", "description": "The newest when left out.",
          "schema": {"type": "integer", "minimum": 1}
        }
      ],
      "responses": {
        "200": {
          "description": "The fields as posted, the version and its time.",
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/StoredTemplate"},
              "examples": {
                "welcome": {
                  "value": {
                    "id": "welcome",
                    "channels": {"sms": {"body": "Hello {{ username }}"}},
                    "version": 1, "created_at": "2026-01-30T12:00:00.000Z"
                  }
                }
              }
            }
          }
        },
        "401": {"$ref": "#/components/responses/Unauthorized"},
        "404": {"$ref": "#/components/responses/NotFound"},
        "422": {"$ref": "#/components/responses/Invalid"},
        "500": {"$ref": "#/components/responses/Internal"},
        "503": {"$ref": "#/components/responses/StoreUnavailable"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/api/v1/openapi.json": {
    "get": {
      "operationId": "getOpenapi",
      "tags": ["service"],
      "security": [],
      "summary": "This document",
      "responses": {
        "200": {
          "description": "OpenAPI 3.1.",
          "content": {"application/json": {"schema": {"type": "object"}}}
        },
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/openapi.json": {
    "get": {
      "operationId": "getOpenapiAtRoot",
      "tags": ["service"],
      "security": [],
      "summary": "This document",
      "responses": {
        "200": {
          "description": "OpenAPI 3.1.",
          "content": {"application/json": {"schema": {"type": "object"}}}
        },
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/health": {
    "get": {
      "operationId": "getHealth",
      "tags": ["service"],
      "security": [],
      "summary": "Alive?", "description": "200 while the process can answer; what is ill is named.",
      "responses": {
        "200": {"$ref": "#/components/responses/Health"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/healthz": {
    "get": {
      "operationId": "getHealthz",
      "tags": ["service"],
      "security": [],
      "summary": "The same as /health",
      "responses": {
        "200": {"$ref": "#/components/responses/Health"},
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/ready": {
    "get": {
      "operationId": "getReady",
      "tags": ["service"],
      "security": [],
      "summary": "May traffic come here?",
      "responses": {
        "200": {
          "description": "Yes.",
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/Health"},
              "examples": {"ready": {"value": {"status": "ready", "version": "0.1.0", "parts": {}}}}
            }
          }
        },
        "503": {
          "description": "It cannot do its role now, and `parts` says what is ill; or, as a )json"
    R"json(problem, `store_busy`.",
          "content": {
            "application/json": {
              "schema": {"$ref": "#/components/schemas/Health"},
              "examples": {
                "not_ready": {
                  "value": {"status": "not_ready", "version": "0.1.0", "parts": {"store": "unavailable"}}
                }
              }
            },
            "application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}
          }
        },
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  },
  "/metrics": {
    "get": {
      "operationId": "getMetrics",
      "tags": ["service"],
      "security": [],
      "summary": "Metrics for Prometheus",
      "responses": {
        "200": {
          "description": "Text format 0.0.4.",
          "content": {"text/plain": {"schema": {"type": "string"}}}
        },
        "default": {"$ref": "#/components/responses/Anywhere"}
      }
    }
  }
})json";

}  // namespace

std::string_view openapi_paths() { return kText; }

}  // namespace herald::api
