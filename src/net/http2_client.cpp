#include "net/http2_client.hpp"

#include <charconv>
#include <list>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "net/dial.hpp"
#include "net/http2_connection.hpp"

namespace herald::net {

namespace {

using Instant = EventLoop::Instant;

constexpr std::size_t kMaxAnswerHeadBytes = 64 * 1024;
constexpr std::size_t kMaxAnswerBodyBytes = 1024 * 1024;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::string_view kScheme = "https://";

Instant now() { return std::chrono::steady_clock::now(); }

struct Target {
    std::string host;
    std::uint16_t port = kHttpsPort;
    std::string authority;
    std::string path;  ///< with the query

    bool same_origin(const Target& other) const { return host == other.host && port == other.port; }
};

/// Splits `host`, `host:port` and `[address]:port`. Nothing when the port is none.
std::optional<Target> parse_authority(std::string_view authority) {
    Target target;
    target.authority = http2::lower_case(authority);
    std::string_view host = target.authority;
    const auto colon = host.rfind(':');
    if (colon != std::string_view::npos && host.find(']', colon) == std::string_view::npos) {
        const auto port = host.substr(colon + 1);
        const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), target.port);
        if (error != std::errc{} || end != port.data() + port.size()) return std::nullopt;
        host = host.substr(0, colon);
    }
    if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
    if (host.empty()) return std::nullopt;
    target.host = std::string(host);
    return target;
}

std::optional<Target> parse_url(std::string_view url) {
    if (http2::lower_case(url.substr(0, kScheme.size())) != kScheme) return std::nullopt;
    url.remove_prefix(kScheme.size());
    url = url.substr(0, url.find('#'));
    const auto end = std::min(url.find_first_of("/?"), url.size());
    auto target = parse_authority(url.substr(0, end));
    if (!target) return std::nullopt;
    target->path = std::string(url.substr(end));
    if (!target->path.starts_with('/')) target->path.insert(0, "/");
    return target;
}

Headers head_of(const HttpRequest& request, const Target& target) {
    Headers head{{":method", request.method},
                 {":scheme", "https"},
                 {":authority", target.authority},
                 {":path", target.path}};
    const bool has_body = !request.body.empty() || request.method == "POST" || request.method == "PUT";
    http2::append_fields(head, request.headers, has_body ? std::optional(request.body.size()) : std::nullopt);
    return head;
}

HttpResponse response_of(const Headers& head) {
    HttpResponse response;
    for (const auto& header : head) {
        if (header.name == ":status") {
            std::from_chars(header.value.data(), header.value.data() + header.value.size(), response.status);
        } else if (!header.name.starts_with(':')) {
            response.headers.push_back(header);
        }
    }
    return response;
}

class Line;

struct Call {
    HttpRequest request;
    HttpClient::Callbacks callbacks;
    Target target;
    Instant begin_by;
    Instant deadline;
    EventLoop::TimerId timer;                               ///< at `begin_by`, then at `deadline`
    std::list<std::shared_ptr<Call>>::iterator waiting_at;  ///< while `line` is null
    Line* line = nullptr;
    StreamId stream = 0;
    Instant opened_at;
    bool written = false;
    HttpResponse response;

    void tell_written() {
        if (std::exchange(written, true)) return;
        if (callbacks.written) callbacks.written();
    }
};
using CallPtr = std::shared_ptr<Call>;

/// What lines tell the client that owns them.
class Lines {
public:
    virtual ~Lines() = default;
    virtual EventLoop& loop() = 0;
    virtual const Http2ClientOptions& options() const = 0;
    virtual Result<std::shared_ptr<TlsContext>> tls() = 0;
    virtual void finish(const CallPtr& call, HttpResult result) = 0;
    /// More streams may fit, or another line is needed.
    virtual void room_changed() = 0;
    virtual void answered() = 0;
    /// GOAWAY or the end came before any answer.
    virtual void was_barren(bool had_connected, const std::string& why) = 0;
    virtual void gone(Line& line) = 0;
};

/// One connection of the client, from resolving its host to its end, with the calls in flight on it.
class Line final : public Http2Connection::Owner {
public:
    Line(Lines& lines, const Target& origin) : lines_(lines), origin_(origin) {
        timer_ = lines_.loop().at(now() + lines_.options().connect_timeout, [this] {
            give_up(fmt::format("connecting to {}: timeout", origin_.authority));
        });
        dial_ = std::make_unique<Dial>(lines_.loop(), origin_.host, origin_.port,
                                       [this](Result<Fd> fd) { dialled(std::move(fd)); });
    }
    ~Line() override { lines_.loop().cancel(timer_); }

    bool draining() const { return draining_; }
    std::size_t room() const { return ready_ && !draining_ ? connection_->session().room() : 0; }
    /// Only a line that has answered is: before, the peer may be about to raise its limit, as APNs does after
    /// the first valid token.
    bool used_up() const {
        return ready_ && answered_ && connection_->session().settings_arrived() && room() == 0;
    }

    void open(const CallPtr& call);
    /// The deadline has passed.
    void expire(const CallPtr& call);
    /// No further calls; the line ends after those under way. One that has not connected yet is new enough.
    void retire();
    void close();

    void handshake_done() override;
    void event(http2::Event event) override {
        std::visit([this](auto& e) { on(e); }, event);
    }
    void events_handled() override;
    void ended(const std::string& why) override;

private:
    void dialled(Result<Fd> fd);
    void on(http2::SettingsArrived&) {}
    void on(http2::HeadArrived& e);
    void on(http2::MessageArrived& e);
    void on(http2::MessageRefused& e);
    void on(http2::MessageWritten& e);
    void on(http2::StreamClosed& e);
    void on(http2::GoAwayArrived& e);

    CallPtr find(StreamId stream) const;
    void finish(const CallPtr& call, HttpResult result);
    HttpFailure withdraw(Call& call, std::string detail);
    void drain(const std::string& why);
    void watch_for_silence();
    void silent();
    void probe();
    void give_up(const std::string& why);

    Lines& lines_;
    const Target& origin_;
    EventLoop::TimerId timer_;
    std::unique_ptr<Dial> dial_;
    std::shared_ptr<TlsContext> tls_;
    std::shared_ptr<Http2Connection> connection_;
    std::unordered_map<StreamId, CallPtr> calls_;
    bool ready_ = false;
    bool draining_ = false;
    bool answered_ = false;
    std::optional<Instant> probed_at_;
};

void Line::dialled(Result<Fd> fd) {
    dial_.reset();
    if (!fd) return give_up(fd.error().message);
    auto tls = lines_.tls();
    if (!tls) return give_up(tls.error().message);
    tls_ = *tls;
    const int socket = fd->get();
    connection_ = std::make_shared<Http2Connection>(
        lines_.loop(), std::move(*fd), TlsStream::for_client(*tls_, socket, origin_.host),
        Http2Session::Options{.role = Http2Session::Role::client,
                              .max_head_bytes = kMaxAnswerHeadBytes,
                              .max_body_bytes = kMaxAnswerBodyBytes});
    connection_->start(*this);
}

void Line::handshake_done() {
    ready_ = true;
    lines_.loop().cancel(timer_);
    watch_for_silence();
    lines_.room_changed();
}

void Line::open(const CallPtr& call) {
    auto stream = connection_->session().open(head_of(call->request, call->target), call->request.body);
    if (!stream) return lines_.finish(call, tl::unexpected(HttpFailure{.detail = stream.error().message}));
    call->line = this;
    call->stream = *stream;
    call->opened_at = now();
    calls_.emplace(*stream, call);
    connection_->flush_soon();
}

void Line::expire(const CallPtr& call) {
    auto failure = withdraw(*call, "no whole answer before the deadline");
    const bool nothing_heard = connection_->last_received() < call->opened_at;
    finish(call, tl::unexpected(std::move(failure)));
    if (nothing_heard && !probed_at_) probe();
}

/// Takes the call's stream back. What is in the session's output already goes out whatever we do, so that
/// counts as written.
HttpFailure Line::withdraw(Call& call, std::string detail) {
    if (connection_->session().reset(call.stream, http2::kCancel)) call.tell_written();
    connection_->flush_soon();
    return {.request_written = call.written, .detail = std::move(detail)};
}

void Line::on(http2::HeadArrived& e) {
    if (const auto call = find(e.stream)) call->response = response_of(e.head);
}

void Line::on(http2::MessageArrived& e) {
    const auto call = find(e.stream);
    if (!call) return;
    answered_ = true;
    lines_.answered();
    // An answer that came before the end of the request: the rest is of no use.
    if (!call->written) connection_->session().reset(e.stream, http2::kCancel);
    call->response.body = std::move(e.body);
    finish(call, std::move(call->response));
}

void Line::on(http2::MessageRefused& e) {
    if (const auto call = find(e.stream)) {
        finish(call, tl::unexpected(withdraw(*call, "the answer cannot be used: " + e.detail)));
    }
}

void Line::on(http2::MessageWritten& e) {
    if (const auto call = find(e.stream)) call->tell_written();
}

void Line::on(http2::StreamClosed& e) {
    const auto call = find(e.stream);
    if (!call) return;
    const bool refused = e.code == http2::kRefusedStream;
    finish(call, tl::unexpected(HttpFailure{
                     .request_written = call->written && !refused,
                     .not_processed = refused,
                     .detail = fmt::format("the stream was closed with {}", http2::error_name(e.code))}));
}

void Line::on(http2::GoAwayArrived& e) {
    log::info("http2.goaway", {{"authority", origin_.authority},
                               {"code", http2::error_name(e.code)},
                               {"last_stream", e.last_stream},
                               {"in_flight", calls_.size()}});
    drain(fmt::format("GOAWAY {} {}", http2::error_name(e.code), e.debug_data));
}

void Line::events_handled() {
    if (!draining_ && !connection_->session().may_open()) drain("no further streams");
    connection_->flush_soon();
    lines_.room_changed();
}

void Line::drain(const std::string& why) {
    if (std::exchange(draining_, true)) return;
    if (!answered_) lines_.was_barren(true, why);
    if (calls_.empty()) connection_->session().go_away();
}

void Line::retire() {
    if (!ready_ || std::exchange(draining_, true) || !calls_.empty()) return;
    connection_->session().go_away();
    connection_->flush_soon();
}

void Line::ended(const std::string& why) {
    lines_.loop().cancel(timer_);
    const bool barren = !answered_ && !draining_;
    draining_ = true;
    for (auto& [stream, call] : std::exchange(calls_, {})) {
        call->line = nullptr;
        lines_.finish(call, tl::unexpected(HttpFailure{.request_written = call->written,
                                                       .detail = "the connection ended: " + why}));
    }
    if (barren) lines_.was_barren(ready_, why);
    ready_ = false;
    lines_.gone(*this);
}

/// Ends the line from this side.
void Line::give_up(const std::string& why) {
    dial_.reset();
    if (connection_) connection_->abort();
    ended(why);
}

void Line::close() {
    lines_.loop().cancel(timer_);
    dial_.reset();
    draining_ = true;
    for (auto& [stream, call] : std::exchange(calls_, {})) {
        call->line = nullptr;
        lines_.finish(call, tl::unexpected(withdraw(*call, "the client was closed")));
    }
    if (!connection_) return;
    if (ready_) connection_->session().go_away();
    connection_->close();
}

CallPtr Line::find(StreamId stream) const {
    const auto found = calls_.find(stream);
    return found == calls_.end() ? nullptr : found->second;
}

void Line::finish(const CallPtr& call, HttpResult result) {
    calls_.erase(call->stream);
    call->line = nullptr;
    lines_.finish(call, std::move(result));
    if (draining_ && calls_.empty()) {
        connection_->session().go_away();
        connection_->flush_soon();
    }
}

void Line::watch_for_silence() {
    timer_ = lines_.loop().at(connection_->last_received() + lines_.options().ping_after_idle,
                              [this] { silent(); });
}

void Line::silent() {
    if (now() - connection_->last_received() < lines_.options().ping_after_idle) return watch_for_silence();
    probe();
}

/// A PING, which has to be answered within the time that connecting may take.
void Line::probe() {
    lines_.loop().cancel(timer_);
    probed_at_ = now();
    connection_->session().ping();
    connection_->flush_soon();
    timer_ = lines_.loop().at(*probed_at_ + lines_.options().connect_timeout, [this] {
        if (connection_->last_received() < *probed_at_) return give_up("a PING was not answered");
        probed_at_.reset();
        watch_for_silence();
    });
}

class Http2Client final : public HttpClient, public Lines {
public:
    explicit Http2Client(const Http2ClientOptions& options)
        : options_(options), origin_(parse_url(options.origin)) {
        thread_ = std::thread([this] {
            name_this_thread(options_.thread_name);
            loop_.run();
        });
    }

    ~Http2Client() override {
        loop_.post([this] { shut_down(); });
        thread_.join();
    }

    void send(HttpRequest request, Callbacks callbacks) override {
        auto call = std::make_shared<Call>();
        const auto sent_at = now();
        call->begin_by = sent_at + request.begin_within();
        call->deadline = sent_at + request.deadline;
        call->request = std::move(request);
        call->callbacks = std::move(callbacks);
        loop_.post([this, call = std::move(call)] { accept(call); });
    }

    void renew() override {
        loop_.post([this] {
            for (const auto& line : lines_) line->retire();
            serve_waiting();
        });
    }

private:
    void accept(const CallPtr& call);
    void stop_waiting(const CallPtr& call);
    void expire(const CallPtr& call);
    void serve_waiting();
    void connect_if_needed();
    Line* line_with_room();
    void shut_down();

    EventLoop& loop() override { return loop_; }
    const Http2ClientOptions& options() const override { return options_; }
    Result<std::shared_ptr<TlsContext>> tls() override;
    void finish(const CallPtr& call, HttpResult result) override;
    void room_changed() override { serve_waiting(); }
    void answered() override { failures_ = 0; }
    void was_barren(bool had_connected, const std::string& why) override;
    void gone(Line& line) override;

    const Http2ClientOptions options_;
    const std::optional<Target> origin_;
    EventLoop loop_;
    std::shared_ptr<TlsContext> tls_;
    std::list<CallPtr> waiting_;
    std::size_t in_flight_ = 0;
    std::vector<std::unique_ptr<Line>> lines_;
    std::vector<std::unique_ptr<Line>> ended_lines_;  ///< until the call that ended them has returned
    int failures_ = 0;
    std::string last_failure_;
    Instant connect_not_before_{};
    std::optional<EventLoop::TimerId> reconnect_timer_;
    bool shut_down_ = false;
    std::thread thread_;
};

void Http2Client::accept(const CallPtr& call) {
    auto target = parse_url(call->request.url);
    call->waiting_at = waiting_.insert(waiting_.end(), call);
    if (shut_down_) return finish(call, tl::unexpected(HttpFailure{.detail = "the client was closed"}));
    if (!origin_ || !target || !target->same_origin(*origin_)) {
        return finish(
            call, tl::unexpected(HttpFailure{.detail = "the URL is not of the origin " + options_.origin}));
    }
    call->target = std::move(*target);
    call->timer = loop_.at(call->begin_by, [this, call] { stop_waiting(call); });
    loop_.defer([this] { serve_waiting(); });
}

/// The time to begin is over. Few calls take this long, so that a timer for the answer is set only here.
void Http2Client::stop_waiting(const CallPtr& call) {
    if (call->line != nullptr) {
        call->timer = loop_.at(call->deadline, [this, call] { expire(call); });
        return;
    }
    finish(call, tl::unexpected(HttpFailure{
                     .detail = "no stream was free in half the time allowed" +
                               (last_failure_.empty() ? "" : "; last failure: " + last_failure_)}));
}

void Http2Client::expire(const CallPtr& call) {
    call->line->expire(call);
    serve_waiting();
}

/// Every call ends here. One that waits is in `waiting_`, any other counts as in flight.
void Http2Client::finish(const CallPtr& call, HttpResult result) {
    loop_.cancel(call->timer);
    if (call->waiting_at != waiting_.end()) {
        waiting_.erase(call->waiting_at);
        call->waiting_at = waiting_.end();
    } else {
        --in_flight_;
    }
    if (call->callbacks.done) call->callbacks.done(std::move(result));
}

void Http2Client::serve_waiting() {
    if (shut_down_) return;
    while (!waiting_.empty() && in_flight_ < options_.max_in_flight) {
        auto* line = line_with_room();
        if (line == nullptr) return connect_if_needed();
        const auto call = waiting_.front();
        if (now() >= call->begin_by) {  // its timer is due: this thread was late
            stop_waiting(call);
            continue;
        }
        waiting_.pop_front();
        call->waiting_at = waiting_.end();
        ++in_flight_;
        line->open(call);
    }
}

Line* Http2Client::line_with_room() {
    for (const auto& line : lines_) {
        if (line->room() > 0) return line.get();
    }
    return nullptr;
}

void Http2Client::connect_if_needed() {
    std::size_t usable = 0;
    for (const auto& line : lines_) {
        if (line->draining()) continue;
        if (!line->used_up()) return;
        ++usable;
    }
    if (usable >= options_.max_connections) return;
    if (now() < connect_not_before_) {
        if (reconnect_timer_) return;
        reconnect_timer_ = loop_.at(connect_not_before_, [this] {
            reconnect_timer_.reset();
            serve_waiting();
        });
        return;
    }
    lines_.push_back(std::make_unique<Line>(*this, *origin_));
}

Result<std::shared_ptr<TlsContext>> Http2Client::tls() {
    if (!tls_) {
        auto context = TlsContext::for_client(options_.ca_file);
        if (!context) return context;
        tls_ = *context;
    }
    return tls_;
}

/// The first connection that comes to stand and ends without an answer is replaced at once, so that a GOAWAY
/// costs nothing; after that, and when connecting fails, the wait doubles.
void Http2Client::was_barren(bool had_connected, const std::string& why) {
    ++failures_;
    last_failure_ = why;
    const int doublings = failures_ - (had_connected ? 2 : 1);
    auto wait = doublings < 0 ? Millis{0} : options_.reconnect_min;
    for (int i = 0; i < doublings && wait < options_.reconnect_max; ++i) wait *= 2;
    wait = std::min(wait, options_.reconnect_max);
    connect_not_before_ = now() + wait;
    if (!had_connected) {
        log::warning("http2.connect_failed", {{"authority", origin_->authority},
                                              {"reason", why},
                                              {"failures", failures_},
                                              {"next_in_ms", wait.count()}});
    }
}

void Http2Client::gone(Line& line) {
    const auto found =
        std::find_if(lines_.begin(), lines_.end(), [&](const auto& l) { return l.get() == &line; });
    CHECK(found != lines_.end());
    ended_lines_.push_back(std::move(*found));
    lines_.erase(found);
    loop_.defer([this] {
        ended_lines_.clear();
        serve_waiting();
    });
}

void Http2Client::shut_down() {
    shut_down_ = true;
    for (const auto& line : lines_) line->close();
    while (!waiting_.empty()) {
        const auto call = waiting_.front();
        finish(call, tl::unexpected(HttpFailure{.detail = "the client was closed"}));
    }
    if (reconnect_timer_) loop_.cancel(*reconnect_timer_);
    loop_.stop();
}

}  // namespace

std::unique_ptr<HttpClient> make_http2_client(const Http2ClientOptions& options) {
    return std::make_unique<Http2Client>(options);
}

}  // namespace herald::net
