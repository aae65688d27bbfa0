#include "net/http2_server.hpp"

#include <sys/epoll.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <limits>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "net/http2_connection.hpp"

namespace herald::net {

namespace {

using Instant = EventLoop::Instant;

constexpr Millis kAcceptRest{100};

Instant now() { return std::chrono::steady_clock::now(); }

using Written = std::function<void(bool)>;

void tell(const Written& written, bool complete) {
    if (written) written(complete);
}

ServerRequest request_of(const Headers& head, const std::string& peer) {
    ServerRequest request;
    request.peer = peer;
    for (const auto& header : head) {
        if (header.name == ":method") {
            request.method = header.value;
        } else if (header.name == ":path") {
            const auto mark = std::min(header.value.find('?'), header.value.size());
            request.path = header.value.substr(0, mark);
            if (mark < header.value.size()) request.query = header.value.substr(mark + 1);
        } else if (header.name == ":authority") {
            request.headers.push_back({"host", header.value});
        } else if (!header.name.starts_with(':')) {
            if (header.name == "host" && find_header(request.headers, "host")) continue;
            request.headers.push_back(header);
        }
    }
    return request;
}

Headers head_of(const HttpResponse& response) {
    Headers head{{":status", std::to_string(response.status)}};
    const bool has_body = response.status != 204 && response.status != 304;
    http2::append_fields(head, response.headers,
                         has_body ? std::optional(response.body.size()) : std::nullopt);
    return head;
}

class Client;

/// The stream's side of an exchange: hands every call over to the loop of its connection.
class StreamExchange final : public Exchange {
public:
    StreamExchange(std::shared_ptr<EventLoop> loop, std::weak_ptr<Client> client, StreamId stream,
                   ServerRequest request)
        : loop_(std::move(loop)), client_(std::move(client)), stream_(stream), request_(std::move(request)) {}

    const ServerRequest& request() const override { return request_; }
    void respond(HttpResponse response, Written written) override;
    void reset(bool whole_connection) override;
    void go_away(std::string_view debug_data) override;
    void refuse() override;

    /// Before anybody else can see the whole request.
    void set_body(std::string body) { request_.body = std::move(body); }
    bool was_broken_off() const { return broken_off_; }

private:
    const std::shared_ptr<EventLoop> loop_;
    const std::weak_ptr<Client> client_;
    const StreamId stream_;
    ServerRequest request_;
    std::atomic<bool> answered_ = false;
    std::atomic<bool> broken_off_ = false;
};

/// One connection of a client, on the thread of its loop.
class Client final : public Http2Connection::Owner, public std::enable_shared_from_this<Client> {
public:
    /// Told once, when the connection is gone.
    using Gone = std::function<void(Client&)>;

    Client(std::shared_ptr<EventLoop> loop, const ServerOptions& options, RequestHandler& handler, Gone gone)
        : loop_(std::move(loop)), options_(options), handler_(handler), gone_(std::move(gone)) {}
    ~Client() override { loop_->cancel(timer_); }

    void start(Fd fd, const TlsContext& tls);
    /// No new streams; closes when the open ones have ended.
    void drain();
    void close();

    void answer(StreamId stream, const HttpResponse& response, Written written);
    void reset(StreamId stream, bool whole_connection);
    void refuse(StreamId stream);
    void go_away(StreamId stream, std::string_view debug_data);
    /// From any thread, before `go_away`: streams from this one on count as not processed, also those whose
    /// bytes are here already.
    void take_none_from(StreamId stream);

    void handshake_done() override;
    void event(http2::Event event) override {
        std::visit([this](auto& e) { on(e); }, event);
    }
    void events_handled() override;
    void ended(const std::string& why) override;

private:
    struct Open {
        std::shared_ptr<StreamExchange> exchange;  ///< null when the request was refused
        Written written;
        EventLoop::TimerId body_timer;
    };

    void on(http2::SettingsArrived&) {}
    void on(http2::HeadArrived& e);
    void on(http2::MessageArrived& e);
    void on(http2::MessageRefused& e);
    void on(http2::MessageWritten& e);
    void on(http2::StreamClosed& e);
    void on(http2::GoAwayArrived&) {}
    void end_all();

    const std::shared_ptr<EventLoop> loop_;
    const ServerOptions& options_;
    RequestHandler& handler_;
    const Gone gone_;
    std::shared_ptr<Http2Connection> connection_;
    std::string peer_;
    std::unordered_map<StreamId, Open> open_;
    EventLoop::TimerId timer_;  ///< the handshake's, then the idle connection's
    std::atomic<StreamId> none_from_ = std::numeric_limits<StreamId>::max();
    bool idle_ = false;
};

void StreamExchange::respond(HttpResponse response, Written written) {
    if (answered_.exchange(true)) return;
    const bool posted =
        loop_->post([client = client_, stream = stream_, response = std::move(response), written] {
            if (const auto alive = client.lock()) return alive->answer(stream, response, written);
            tell(written, false);
        });
    if (!posted) tell(written, false);
}

void StreamExchange::reset(bool whole_connection) {
    broken_off_ = true;
    loop_->post([client = client_, stream = stream_, whole_connection] {
        if (const auto alive = client.lock()) alive->reset(stream, whole_connection);
    });
}

void StreamExchange::go_away(std::string_view debug_data) {
    broken_off_ = true;
    if (const auto alive = client_.lock()) alive->take_none_from(stream_);
    loop_->post([client = client_, stream = stream_, debug = std::string(debug_data)] {
        if (const auto alive = client.lock()) alive->go_away(stream, debug);
    });
}

void StreamExchange::refuse() {
    broken_off_ = true;
    loop_->post([client = client_, stream = stream_] {
        if (const auto alive = client.lock()) alive->refuse(stream);
    });
}

void Client::start(Fd fd, const TlsContext& tls) {
    send_without_delay(fd.get());
    peer_ = peer_address(fd.get());
    const int socket = fd.get();
    connection_ = std::make_shared<Http2Connection>(
        *loop_, std::move(fd), TlsStream::for_server(tls, socket),
        Http2Session::Options{.role = Http2Session::Role::server,
                              .max_concurrent_streams = options_.max_concurrent_streams,
                              .max_head_bytes = options_.max_head_bytes,
                              .max_body_bytes = options_.max_body_bytes});
    timer_ = loop_->at(now() + options_.head_timeout, [this] { close(); });
    connection_->start(*this);
}

void Client::handshake_done() { events_handled(); }

void Client::on(http2::HeadArrived& e) {
    if (e.stream >= none_from_) return;
    auto& open = open_[e.stream];
    open.exchange =
        std::make_shared<StreamExchange>(loop_, weak_from_this(), e.stream, request_of(e.head, peer_));
    open.body_timer = loop_->at(now() + options_.body_timeout, [this, stream = e.stream] {
        http2::MessageRefused slow{stream, 408, "the body did not arrive in time"};
        on(slow);
    });
    handler_.on_head(open.exchange);
}

void Client::on(http2::MessageArrived& e) {
    const auto found = open_.find(e.stream);
    if (found == open_.end()) return;
    loop_->cancel(found->second.body_timer);
    const auto exchange = found->second.exchange;
    // A GOAWAY below it told the client that it was not processed, also when its head was here before.
    if (!exchange || exchange->was_broken_off() || e.stream >= none_from_) return;
    exchange->set_body(std::move(e.body));
    handler_.on_request(exchange);
}

void Client::on(http2::MessageRefused& e) {
    if (e.stream >= none_from_ && !open_.contains(e.stream)) return;
    auto& open = open_[e.stream];
    loop_->cancel(open.body_timer);
    open.exchange.reset();  // what still comes of it concerns nobody
    answer(e.stream, handler_.on_protocol_error(e.status, e.detail), {});
}

void Client::on(http2::MessageWritten& e) {
    const auto found = open_.find(e.stream);
    if (found != open_.end()) tell(std::exchange(found->second.written, {}), true);
}

void Client::on(http2::StreamClosed& e) {
    const auto found = open_.find(e.stream);
    if (found == open_.end()) return;
    loop_->cancel(found->second.body_timer);
    const auto written = std::move(found->second.written);
    open_.erase(found);
    tell(written, false);
}

void Client::events_handled() {
    connection_->flush_soon();
    if (!connection_->handshaken()) return;
    const bool idle = open_.empty();
    if (idle == idle_) return;
    idle_ = idle;
    loop_->cancel(timer_);
    if (idle) timer_ = loop_->at(now() + options_.idle_timeout, [this] { drain(); });
}

void Client::ended(const std::string&) { end_all(); }

void Client::end_all() {
    loop_->cancel(timer_);
    for (auto& [stream, open] : std::exchange(open_, {})) {
        loop_->cancel(open.body_timer);
        tell(open.written, false);
    }
    gone_(*this);
}

void Client::drain() {
    if (!connection_->handshaken()) return close();
    connection_->session().go_away();
    connection_->flush_soon();
}

void Client::close() {
    connection_->close();
    end_all();
}

void Client::answer(StreamId stream, const HttpResponse& response, Written written) {
    const auto found = open_.find(stream);
    if (found == open_.end() || !connection_->session().answer(stream, head_of(response), response.body)) {
        return tell(written, false);
    }
    found->second.written = std::move(written);
    connection_->flush_soon();
}

void Client::reset(StreamId stream, bool whole_connection) {
    if (!open_.contains(stream)) return;
    if (whole_connection) {
        connection_->abort();
        return end_all();
    }
    connection_->session().reset(stream, http2::kInternalError);
    connection_->flush_soon();
}

void Client::refuse(StreamId stream) {
    if (!open_.contains(stream)) return;
    connection_->session().reset(stream, http2::kRefusedStream);
    connection_->flush_soon();
}

void Client::take_none_from(StreamId stream) {
    auto none_from = none_from_.load();
    while (stream < none_from && !none_from_.compare_exchange_weak(none_from, stream)) {
    }
}

void Client::go_away(StreamId stream, std::string_view debug_data) {
    // Streams of a client have odd numbers.
    connection_->session().go_away(stream - 2, http2::kNoError, debug_data);
    connection_->flush_soon();
}

class TlsHttp2Server final : public Http2Server {
public:
    TlsHttp2Server(const ServerOptions& options, RequestHandler& handler, std::shared_ptr<TlsContext> tls,
                   Fd listener);
    ~TlsHttp2Server() override { stop(Millis{0}); }

    std::uint16_t port() const override { return port_; }
    void stop(Millis deadline) override;

private:
    struct Worker {
        std::shared_ptr<EventLoop> loop = std::make_shared<EventLoop>();
        std::unordered_map<Client*, std::shared_ptr<Client>> clients;  ///< the loop's thread only
        std::thread thread;
    };

    void listen();
    void accept_all();
    void rest();
    void take_over(Worker& worker, Fd fd);
    void forget(Worker& worker, Client& client);
    void on_all(const std::function<void(Client&)>& action);

    const ServerOptions options_;
    RequestHandler& handler_;
    const std::shared_ptr<TlsContext> tls_;
    Fd listener_;  ///< after the start, the first worker's
    const std::uint16_t port_;
    std::deque<Worker> workers_;
    std::size_t next_worker_ = 0;

    std::mutex mutex_;
    std::condition_variable none_left_;
    std::size_t connections_ = 0;  ///< guarded by mutex_
    bool stopped_ = false;         ///< guarded by mutex_
};

TlsHttp2Server::TlsHttp2Server(const ServerOptions& options, RequestHandler& handler,
                               std::shared_ptr<TlsContext> tls, Fd listener)
    : options_(options),
      handler_(handler),
      tls_(std::move(tls)),
      listener_(std::move(listener)),
      port_(local_port(listener_.get())),
      workers_(static_cast<std::size_t>(std::max(1, options.threads))) {
    listen();
    for (auto& worker : workers_) {
        worker.thread = std::thread([&worker, name = options.thread_name] {
            name_this_thread(name);
            worker.loop->run();
        });
    }
}

void TlsHttp2Server::listen() {
    workers_.front().loop->watch(listener_.get(), EPOLLIN, [this](std::uint32_t) { accept_all(); });
}

/// The process has no descriptor left.
void TlsHttp2Server::rest() {
    auto& loop = *workers_.front().loop;
    loop.forget(listener_.get());
    loop.at(now() + kAcceptRest, [this] {
        if (listener_.get() >= 0) listen();
    });
}

void TlsHttp2Server::accept_all() {
    for (;;) {
        Fd fd(accept4(listener_.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
        if (fd.get() < 0) {
            if (errno == EMFILE || errno == ENFILE) rest();
            if (errno == ECONNABORTED || errno == EINTR) continue;
            return;
        }
        {
            const std::lock_guard lock(mutex_);
            if (connections_ >= options_.max_connections) continue;
            ++connections_;
        }
        auto& worker = workers_[next_worker_++ % workers_.size()];
        const auto shared = std::make_shared<Fd>(std::move(fd));
        worker.loop->post([this, &worker, shared] { take_over(worker, std::move(*shared)); });
    }
}

void TlsHttp2Server::take_over(Worker& worker, Fd fd) {
    auto client = std::make_shared<Client>(worker.loop, options_, handler_,
                                           [this, &worker](Client& gone) { forget(worker, gone); });
    worker.clients.emplace(client.get(), client);
    client->start(std::move(fd), *tls_);
}

void TlsHttp2Server::forget(Worker& worker, Client& client) {
    const auto found = worker.clients.find(&client);
    if (found == worker.clients.end()) return;
    // It is still at work further up the stack.
    worker.loop->defer([kept = std::move(found->second)] {});
    worker.clients.erase(found);
    const std::lock_guard lock(mutex_);
    if (--connections_ == 0) none_left_.notify_all();
}

void TlsHttp2Server::on_all(const std::function<void(Client&)>& action) {
    for (auto& worker : workers_) {
        worker.loop->post([&worker, action] {
            const auto clients = worker.clients;  // closing one takes it out
            for (const auto& [key, client] : clients) action(*client);
        });
    }
}

void TlsHttp2Server::stop(Millis deadline) {
    {
        const std::lock_guard lock(mutex_);
        if (std::exchange(stopped_, true)) return;
    }
    workers_.front().loop->post([this] {
        workers_.front().loop->forget(listener_.get());
        listener_.reset();
    });
    on_all([](Client& client) { client.drain(); });
    {
        std::unique_lock lock(mutex_);
        none_left_.wait_for(lock, deadline, [this] { return connections_ == 0; });
    }
    on_all([](Client& client) { client.close(); });
    for (auto& worker : workers_) {
        worker.loop->post([&worker] { worker.loop->stop(); });
        worker.thread.join();
    }
}

}  // namespace

Result<std::unique_ptr<Http2Server>> Http2Server::start(const ServerOptions& options,
                                                        RequestHandler& handler) {
    auto tls = TlsContext::for_server(options.certificate_pem, options.key_pem);
    if (!tls) return fail(tls.error());
    auto listener = listen_on(options.host, options.port);
    if (!listener) return fail(listener.error());
    return std::unique_ptr<Http2Server>(
        std::make_unique<TlsHttp2Server>(options, handler, std::move(*tls), std::move(*listener)));
}

}  // namespace herald::net
