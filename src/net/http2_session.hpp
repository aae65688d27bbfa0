#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/result.hpp"
#include "net/http.hpp"

struct nghttp2_session;

namespace herald::net {

using StreamId = std::int32_t;

namespace http2 {

constexpr std::uint32_t kNoError = 0x0;
constexpr std::uint32_t kInternalError = 0x2;
constexpr std::uint32_t kRefusedStream = 0x7;
constexpr std::uint32_t kCancel = 0x8;
std::string_view error_name(std::uint32_t code);

std::string lower_case(std::string_view text);
/// Appends `fields` as HTTP/2 carries them (RFC 9113, 8.2): names in lower case, without those of an HTTP/1
/// connection, and with the length of the body instead of what they say about it.
void append_fields(Headers& head, const Headers& fields, std::optional<std::size_t> body_bytes);

/// The peer's SETTINGS arrived, for the first time or again; `Http2Session::room` may have changed.
struct SettingsArrived {};
/// A whole head, pseudo-headers among the fields. Interim answers (1xx) are not told.
struct HeadArrived {
    StreamId stream;
    Headers head;
};
/// The last byte of the message whose head was told before.
struct MessageArrived {
    StreamId stream;
    std::string body;
};
/// The peer's message breaks a limit or the protocol; nothing more of it will be told. `status` is what a
/// server should answer; a client resets the stream.
struct MessageRefused {
    StreamId stream;
    int status;
    std::string detail;
};
/// The last byte of our own message was handed to the transport.
struct MessageWritten {
    StreamId stream;
};
/// The last word about a stream, after its MessageWritten if that byte was in the output already. Streams
/// above the last one that a GOAWAY covers end here with REFUSED_STREAM.
struct StreamClosed {
    StreamId stream;
    std::uint32_t code;
};
/// No further streams can be opened here.
struct GoAwayArrived {
    StreamId last_stream;
    std::uint32_t code;
    std::string debug_data;
};

using Event = std::variant<SettingsArrived, HeadArrived, MessageArrived, MessageRefused, MessageWritten,
                           StreamClosed, GoAwayArrived>;

}  // namespace http2

/// One side of one HTTP/2 connection (RFC 9113) without the connection: bytes in, bytes out, events out.
/// Not thread-safe. Nothing is called back, so that any method may be called while events are handled.
class Http2Session {
public:
    enum class Role { client, server };
    struct Options {
        Role role = Role::client;
        /// Server: streams above this are refused; SETTINGS announce it.
        std::uint32_t max_concurrent_streams = 1000;
        std::size_t max_head_bytes = 16 * 1024;  ///< of the peer's heads, counted as in RFC 9113, 6.5.2
        std::size_t max_body_bytes = 1024 * 1024;
    };

    explicit Http2Session(const Options& options);
    ~Http2Session();
    Http2Session(const Http2Session&) = delete;
    Http2Session& operator=(const Http2Session&) = delete;

    /// Fails when the peer does not speak HTTP/2; an ordinary protocol error leads to GOAWAY and `finished`.
    Status receive(std::string_view bytes);

    /// What is to be handed to the transport next; empty when nothing is. The same bytes, or more, until
    /// `written` has taken them away.
    std::string_view output();
    /// So many bytes of `output` were handed over.
    void written(std::size_t bytes);

    std::vector<http2::Event> take_events();

    /// How many further streams the peer lets us open now: one until its SETTINGS have arrived, none after
    /// GOAWAY.
    std::size_t room() const;
    bool settings_arrived() const { return settings_arrived_; }
    /// False after GOAWAY, and when the stream numbers are used up.
    bool may_open() const;
    std::size_t open_streams() const { return streams_.size(); }

    /// Client: a new stream with this request. `head` begins with the pseudo-headers.
    Result<StreamId> open(const Headers& head, std::string body);
    /// Server: the answer, at most one for each stream. `not_found` when the stream is closed.
    Status answer(StreamId stream, const Headers& head, std::string body);
    /// Ends a stream. True: our whole message is in the output already and cannot be held back any more;
    /// false is a promise that the peer does not get all of it.
    bool reset(StreamId stream, std::uint32_t code);

    void ping();
    /// GOAWAY that covers no stream above `last_stream`; lower ones go on, and `finished` follows them.
    void go_away(StreamId last_stream, std::uint32_t code, std::string_view debug_data);
    /// GOAWAY that covers all that have arrived.
    void go_away();
    /// Nothing is left to read or write.
    bool finished() const;

private:
    struct Callbacks;

    struct Stream {
        Headers head;
        std::string body;
        std::size_t head_bytes = 0;
        bool head_complete = false;
        bool malformed = false;
        bool refused = false;   ///< MessageRefused was told
        bool complete = false;  ///< MessageArrived was told
        std::string own_body;
        std::size_t own_body_sent = 0;
        bool answered = false;
        bool in_output = false;  ///< our last byte is in output_
        bool written = false;
        std::optional<std::uint32_t> closed_with;
    };

    Stream* find(StreamId stream);
    void add_field(Stream& stream, std::string_view name, std::string_view value);
    void complete_head(StreamId id, Stream& stream);
    void complete_message(StreamId id, Stream& stream);
    void add_body(StreamId id, Stream& stream, std::string_view bytes);
    void refuse(StreamId id, Stream& stream, int status, std::string detail);
    void own_message_ended(StreamId id);
    void stream_closed(StreamId id, std::uint32_t code);
    void fill_output();
    void announce_stream_limit();

    Options options_;
    nghttp2_session* session_ = nullptr;
    std::unordered_map<StreamId, Stream> streams_;
    std::vector<http2::Event> events_;
    bool settings_arrived_ = false;
    bool broken_ = false;

    std::string output_;
    std::size_t output_taken_ = 0;     ///< bytes of output_ that `written` has taken away
    std::uint64_t output_offset_ = 0;  ///< where output_ begins in the whole stream of bytes
    bool inside_head_ = false;         ///< CONTINUATION follows: a head cannot be broken off
    std::vector<StreamId> just_ended_;
    struct End {
        std::uint64_t offset;
        StreamId stream;
    };
    std::deque<End> ends_;
};

}  // namespace herald::net
