#include "net/http2_session.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>

#include <nghttp2/nghttp2.h>

namespace herald::net {

namespace {

constexpr std::size_t kOutputChunkBytes = 16 * 1024;  ///< little, since what is in it cannot be held back
constexpr std::size_t kMaxOwnHeadBytes = 48 * 1024;   ///< below nghttp2's limit of 64 KiB for one block
constexpr std::int32_t kConnectionWindowBytes = 1024 * 1024;
constexpr std::uint32_t kStreamWindowBytes = 256 * 1024;
constexpr std::size_t kFieldOverheadBytes = 32;  // RFC 9113, 6.5.2
constexpr std::uint32_t kUnlimitedStreams = 0x7fffffff;
constexpr std::size_t kFrameHeadBytes = 9;

const std::uint8_t* bytes_of(std::string_view text) {
    return reinterpret_cast<const std::uint8_t*>(text.data());
}
std::string_view text_of(const std::uint8_t* data, std::size_t size) {
    return {reinterpret_cast<const char*>(data), size};
}

bool is_server(const nghttp2_session* session) {
    // nghttp2 takes a pointer to mutable here, and changes nothing.
    return nghttp2_session_check_server_session(const_cast<nghttp2_session*>(session)) != 0;
}

/// Borrows every byte of `head`, which must live until nghttp2 has copied them at submission.
std::vector<nghttp2_nv> name_values(const Headers& head) {
    std::vector<nghttp2_nv> fields;
    fields.reserve(head.size());
    for (const auto& [name, value] : head) {
        fields.push_back({const_cast<std::uint8_t*>(bytes_of(name)),
                          const_cast<std::uint8_t*>(bytes_of(value)), name.size(), value.size(),
                          NGHTTP2_NV_FLAG_NONE});
    }
    return fields;
}

bool too_large_to_send(const Headers& head) {
    std::size_t bytes = 0;
    for (const auto& [name, value] : head) bytes += name.size() + value.size() + kFieldOverheadBytes;
    return bytes > kMaxOwnHeadBytes;
}

std::optional<std::size_t> content_length(const Headers& head) {
    const auto text = find_header(head, "content-length");
    if (!text) return std::nullopt;
    std::size_t value = 0;
    const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), value);
    if (error != std::errc{} || end != text->data() + text->size()) return std::nullopt;
    return value;
}

bool has_exactly_one(const Headers& head, std::string_view name) {
    return std::count_if(head.begin(), head.end(), [&](const Header& h) { return h.name == name; }) == 1;
}

bool is_interim(const Headers& head) {
    const auto status = find_header(head, ":status");
    return status && status->starts_with('1');
}

}  // namespace

std::string_view http2::error_name(std::uint32_t code) { return nghttp2_http2_strerror(code); }

std::string http2::lower_case(std::string_view text) {
    std::string out(text);
    for (char& c : out) {
        if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
    }
    return out;
}

void http2::append_fields(Headers& head, const Headers& fields, std::optional<std::size_t> body_bytes) {
    constexpr std::array<std::string_view, 7> dropped{"connection", "content-length",   "host",
                                                      "keep-alive", "proxy-connection", "transfer-encoding",
                                                      "upgrade"};
    for (const auto& [name, value] : fields) {
        auto lowered = lower_case(name);
        if (std::find(dropped.begin(), dropped.end(), lowered) != dropped.end()) continue;
        head.push_back({std::move(lowered), value});
    }
    if (body_bytes) head.push_back({"content-length", std::to_string(*body_bytes)});
}

struct Http2Session::Callbacks {
    static Http2Session& self(void* user_data) { return *static_cast<Http2Session*>(user_data); }

    static int begin_headers(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
        if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
        auto& s = self(user_data);
        if (s.streams_.size() < s.options_.max_concurrent_streams) {
            s.streams_.try_emplace(frame->hd.stream_id);
            return 0;
        }
        return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                         NGHTTP2_REFUSED_STREAM);
    }

    static int header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name,
                      std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t,
                      void* user_data) {
        auto& s = self(user_data);
        if (auto* stream = s.find(frame->hd.stream_id)) {
            s.add_field(*stream, text_of(name, name_size), text_of(value, value_size));
        }
        return 0;
    }

    static int data_chunk(nghttp2_session*, std::uint8_t, std::int32_t id, const std::uint8_t* data,
                          std::size_t size, void* user_data) {
        auto& s = self(user_data);
        if (auto* stream = s.find(id)) s.add_body(id, *stream, text_of(data, size));
        return 0;
    }

    static int frame_received(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
        auto& s = self(user_data);
        if (frame->hd.type == NGHTTP2_SETTINGS && !(frame->hd.flags & NGHTTP2_FLAG_ACK)) {
            s.settings_arrived_ = true;
            s.events_.emplace_back(http2::SettingsArrived{});
        } else if (frame->hd.type == NGHTTP2_GOAWAY) {
            const auto& goaway = frame->goaway;
            s.events_.emplace_back(
                http2::GoAwayArrived{goaway.last_stream_id, goaway.error_code,
                                     std::string(text_of(goaway.opaque_data, goaway.opaque_data_len))});
        } else if (frame->hd.type == NGHTTP2_HEADERS || frame->hd.type == NGHTTP2_DATA) {
            auto* stream = s.find(frame->hd.stream_id);
            if (!stream) return 0;
            if (frame->hd.type == NGHTTP2_HEADERS) s.complete_head(frame->hd.stream_id, *stream);
            if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) s.complete_message(frame->hd.stream_id, *stream);
        }
        return 0;
    }

    static int before_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user_data) {
        if (frame->hd.type == NGHTTP2_HEADERS) self(user_data).inside_head_ = true;
        return 0;
    }

    static int frame_sent(nghttp2_session* session, const nghttp2_frame* frame, void* user_data) {
        auto& s = self(user_data);
        if (frame->hd.type != NGHTTP2_HEADERS && frame->hd.type != NGHTTP2_DATA) return 0;
        if (frame->hd.type == NGHTTP2_HEADERS) s.inside_head_ = false;
        if (!(frame->hd.flags & NGHTTP2_FLAG_END_STREAM)) return 0;
        auto* stream = s.find(frame->hd.stream_id);
        if (!stream) return 0;
        s.own_message_ended(frame->hd.stream_id);
        // RFC 9113, 8.1: an answer that does not need the rest of the request stops it with NO_ERROR.
        if (is_server(session) && !stream->complete) {
            return nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, frame->hd.stream_id,
                                             NGHTTP2_NO_ERROR);
        }
        return 0;
    }

    static int stream_closed(nghttp2_session*, std::int32_t id, std::uint32_t code, void* user_data) {
        self(user_data).stream_closed(id, code);
        return 0;
    }

    static ssize_t read_own_body(nghttp2_session*, std::int32_t id, std::uint8_t* buffer, std::size_t size,
                                 std::uint32_t* flags, nghttp2_data_source*, void* user_data) {
        auto* stream = self(user_data).find(id);
        if (!stream) return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
        const auto left = stream->own_body.size() - stream->own_body_sent;
        const auto n = std::min(size, left);
        std::memcpy(buffer, stream->own_body.data() + stream->own_body_sent, n);
        stream->own_body_sent += n;
        if (n == left) *flags |= NGHTTP2_DATA_FLAG_EOF;
        return static_cast<ssize_t>(n);
    }

    static nghttp2_data_provider own_body() {
        nghttp2_data_provider provider{};
        provider.read_callback = read_own_body;
        return provider;
    }

    static nghttp2_session_callbacks* all() {
        nghttp2_session_callbacks* callbacks = nullptr;
        CHECK(nghttp2_session_callbacks_new(&callbacks) == 0);
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, begin_headers);
        nghttp2_session_callbacks_set_on_header_callback(callbacks, header);
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, data_chunk);
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, frame_received);
        nghttp2_session_callbacks_set_before_frame_send_callback(callbacks, before_frame_sent);
        nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, frame_sent);
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, stream_closed);
        return callbacks;
    }
};

Http2Session::Http2Session(const Options& options) : options_(options) {
    const bool server = options_.role == Role::server;
    nghttp2_option* option = nullptr;
    CHECK(nghttp2_option_new(&option) == 0);
    nghttp2_option_set_no_closed_streams(option, 1);
    if (server) {
        // Node's Firebase SDK sends `:scheme: https:`, which nghttp2 would refuse; `complete_head` checks
        // instead.
        nghttp2_option_set_no_http_messaging(option, 1);
        // A client under load that gives up on slow answers is not an attack here.
        nghttp2_option_set_stream_reset_rate_limit(option, 100'000, 10'000);
    }
    auto* callbacks = Callbacks::all();
    CHECK((server ? nghttp2_session_server_new2(&session_, callbacks, this, option)
                  : nghttp2_session_client_new2(&session_, callbacks, this, option)) == 0);
    nghttp2_session_callbacks_del(callbacks);
    nghttp2_option_del(option);

    std::vector<nghttp2_settings_entry> settings{
        {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes},
        {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, static_cast<std::uint32_t>(options_.max_head_bytes)}};
    if (server) {
        settings.push_back({NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kUnlimitedStreams});
    } else {
        settings.push_back({NGHTTP2_SETTINGS_ENABLE_PUSH, 0});
    }
    CHECK(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings.data(), settings.size()) == 0);
    CHECK(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes) == 0);
    if (server) announce_stream_limit();
}

Http2Session::~Http2Session() { nghttp2_session_del(session_); }

/// nghttp2 answers a stream above an acknowledged limit with the end of the whole connection. Here it counts
/// up to no limit, `begin_headers` refuses the one stream, and the limit is written into the SETTINGS frame
/// that waits.
void Http2Session::announce_stream_limit() {
    constexpr std::size_t kEntryBytes = 6;
    fill_output();
    const auto byte = [&](std::size_t i) { return static_cast<std::uint8_t>(output_[i]); };
    CHECK(output_.size() >= kFrameHeadBytes && byte(3) == NGHTTP2_SETTINGS);
    const std::size_t end = kFrameHeadBytes + (byte(0) << 16 | byte(1) << 8 | byte(2));
    for (std::size_t at = kFrameHeadBytes; at + kEntryBytes <= end; at += kEntryBytes) {
        if ((byte(at) << 8 | byte(at + 1)) != NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS) continue;
        for (int i = 0; i < 4; ++i) {
            output_[at + 2 + static_cast<std::size_t>(i)] =
                static_cast<char>(options_.max_concurrent_streams >> (24 - 8 * i) & 0xff);
        }
    }
}

Status Http2Session::receive(std::string_view bytes) {
    if (broken_) return fail(ErrorCode::closed, "the HTTP/2 session has failed before");
    const auto n = nghttp2_session_mem_recv(session_, bytes_of(bytes), bytes.size());
    if (n >= 0) return {};
    broken_ = true;
    return fail(ErrorCode::unavailable,
                std::string("reading HTTP/2 frames: ") + nghttp2_strerror(static_cast<int>(n)));
}

std::string_view Http2Session::output() {
    if (output_taken_ == output_.size()) {
        output_offset_ += output_.size();
        output_.clear();
        output_taken_ = 0;
        fill_output();
    }
    return std::string_view(output_).substr(output_taken_);
}

void Http2Session::fill_output() {
    while (!broken_ && (output_.size() < kOutputChunkBytes || inside_head_)) {
        const std::uint8_t* data = nullptr;
        const auto n = nghttp2_session_mem_send(session_, &data);
        if (n > 0) output_.append(text_of(data, static_cast<std::size_t>(n)));
        for (const auto stream : just_ended_) ends_.push_back({output_offset_ + output_.size(), stream});
        just_ended_.clear();
        if (n < 0) broken_ = true;
        if (n <= 0) return;
    }
}

void Http2Session::written(std::size_t bytes) {
    CHECK(bytes <= output_.size() - output_taken_);
    output_taken_ += bytes;
    while (!ends_.empty() && ends_.front().offset <= output_offset_ + output_taken_) {
        const auto id = ends_.front().stream;
        ends_.pop_front();
        auto* stream = find(id);
        if (!stream) continue;
        stream->written = true;
        events_.emplace_back(http2::MessageWritten{id});
        if (stream->closed_with) stream_closed(id, *stream->closed_with);
    }
}

std::vector<http2::Event> Http2Session::take_events() { return std::exchange(events_, {}); }

std::size_t Http2Session::room() const {
    if (!may_open()) return 0;
    const std::size_t limit = settings_arrived_ ? nghttp2_session_get_remote_settings(
                                                      session_, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
                                                : 1;
    return limit > streams_.size() ? limit - streams_.size() : 0;
}

bool Http2Session::may_open() const {
    return !broken_ && nghttp2_session_check_request_allowed(session_) != 0;
}

Result<StreamId> Http2Session::open(const Headers& head, std::string body) {
    if (too_large_to_send(head))
        return fail(ErrorCode::too_large, "the request's head is too large for HTTP/2");
    const auto fields = name_values(head);
    const auto provider = Callbacks::own_body();
    const auto id = nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(),
                                           body.empty() ? nullptr : &provider, nullptr);
    if (id < 0) return fail(ErrorCode::unavailable, std::string("opening a stream: ") + nghttp2_strerror(id));
    auto& stream = streams_[id];
    stream.own_body = std::move(body);
    stream.answered = true;
    return id;
}

Status Http2Session::answer(StreamId id, const Headers& head, std::string body) {
    auto* stream = find(id);
    if (!stream || stream->answered || stream->closed_with) {
        return fail(ErrorCode::not_found, "the stream is closed or answered");
    }
    if (too_large_to_send(head))
        return fail(ErrorCode::too_large, "the answer's head is too large for HTTP/2");
    const auto fields = name_values(head);
    const auto provider = Callbacks::own_body();
    stream->own_body = std::move(body);
    stream->answered = true;
    const auto error = nghttp2_submit_response(session_, id, fields.data(), fields.size(),
                                               stream->own_body.empty() ? nullptr : &provider);
    if (error) return fail(ErrorCode::internal, std::string("answering: ") + nghttp2_strerror(error));
    return {};
}

bool Http2Session::reset(StreamId id, std::uint32_t code) {
    auto* stream = find(id);
    if (!stream) return false;
    if (!stream->closed_with && nghttp2_submit_rst_stream(session_, NGHTTP2_FLAG_NONE, id, code) != 0) {
        broken_ = true;
    }
    return stream->in_output;
}

void Http2Session::ping() {
    if (nghttp2_submit_ping(session_, NGHTTP2_FLAG_NONE, nullptr) != 0) broken_ = true;
}

void Http2Session::go_away(StreamId last_stream, std::uint32_t code, std::string_view debug_data) {
    if (nghttp2_submit_goaway(session_, NGHTTP2_FLAG_NONE, std::max(last_stream, 0), code,
                              bytes_of(debug_data), debug_data.size()) != 0) {
        broken_ = true;
    }
}

void Http2Session::go_away() {
    go_away(nghttp2_session_get_last_proc_stream_id(session_), http2::kNoError, {});
}

bool Http2Session::finished() const {
    if (broken_) return true;
    return output_taken_ == output_.size() && nghttp2_session_want_read(session_) == 0 &&
           nghttp2_session_want_write(session_) == 0;
}

Http2Session::Stream* Http2Session::find(StreamId stream) {
    const auto found = streams_.find(stream);
    return found == streams_.end() ? nullptr : &found->second;
}

void Http2Session::add_field(Stream& stream, std::string_view name, std::string_view value) {
    stream.head_bytes += name.size() + value.size() + kFieldOverheadBytes;
    if (stream.head_complete || stream.head_bytes > options_.max_head_bytes)
        return;  // trailers are of no use
    const auto pseudo = name.starts_with(':') ? 1U : 0U;
    stream.malformed |= nghttp2_check_header_name(bytes_of(name.substr(pseudo)), name.size() - pseudo) == 0 ||
                        nghttp2_check_header_value(bytes_of(value), value.size()) == 0;
    stream.head.push_back({std::string(name), std::string(value)});
}

void Http2Session::complete_head(StreamId id, Stream& stream) {
    if (stream.refused) return;
    if (stream.head_bytes > options_.max_head_bytes) return refuse(id, stream, 431, "the head is too large");
    if (stream.head_complete) return;
    if (is_interim(stream.head)) {
        stream.head.clear();
        stream.head_bytes = 0;
        return;
    }
    stream.head_complete = true;
    const bool server = options_.role == Role::server;
    if (server && (stream.malformed || !has_exactly_one(stream.head, ":method") ||
                   !has_exactly_one(stream.head, ":path"))) {
        return refuse(id, stream, 400, "the head is malformed");
    }
    if (content_length(stream.head).value_or(0) > options_.max_body_bytes) {
        return refuse(id, stream, 413, "the body is too large");
    }
    events_.emplace_back(http2::HeadArrived{id, stream.head});
}

void Http2Session::add_body(StreamId id, Stream& stream, std::string_view bytes) {
    if (stream.refused) return;
    if (stream.body.size() + bytes.size() > options_.max_body_bytes) {
        return refuse(id, stream, 413, "the body is too large");
    }
    stream.body.append(bytes);
}

void Http2Session::complete_message(StreamId id, Stream& stream) {
    stream.complete = true;
    if (stream.refused || !stream.head_complete) return;
    const auto announced = content_length(stream.head);
    if (options_.role == Role::server && announced && *announced != stream.body.size()) {
        return refuse(id, stream, 400, "the body is not as long as announced");
    }
    events_.emplace_back(http2::MessageArrived{id, std::move(stream.body)});
}

void Http2Session::refuse(StreamId id, Stream& stream, int status, std::string detail) {
    stream.refused = true;
    stream.body = {};
    events_.emplace_back(http2::MessageRefused{id, status, std::move(detail)});
}

void Http2Session::own_message_ended(StreamId id) {
    auto* stream = find(id);
    CHECK(stream != nullptr);
    stream->in_output = true;
    just_ended_.push_back(id);
}

void Http2Session::stream_closed(StreamId id, std::uint32_t code) {
    auto* stream = find(id);
    if (!stream) return;
    stream->closed_with = code;
    if (stream->in_output && !stream->written) return;
    events_.emplace_back(http2::StreamClosed{id, code});
    streams_.erase(id);
}

}  // namespace herald::net
