#include "net/http_server.hpp"

#include <poll.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <condition_variable>
#include <ctime>
#include <mutex>
#include <set>
#include <thread>
#include <unordered_set>

#include <fmt/format.h>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>

#include "base/log.hpp"
#include "base/thread_name.hpp"
#include "net/thread_signals.hpp"

namespace herald::net {
namespace {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::ip::tcp;
using boost::system::error_code;
using Steady = std::chrono::steady_clock;
using Executor = asio::io_context::executor_type;
using Socket = asio::basic_stream_socket<tcp, Executor>;
using Timer = asio::basic_waitable_timer<Steady, asio::wait_traits<Steady>, Executor>;
using Acceptor = asio::basic_socket_acceptor<tcp, Executor>;
using Parser = http::request_parser<http::string_body>;
template <class T>
using Task = asio::awaitable<T, Executor>;
using Written = std::function<void(bool complete)>;

constexpr asio::as_tuple_t<asio::use_awaitable_t<Executor>> kAwait{};
constexpr Steady::time_point kNever = Steady::time_point::max();

/// How long accepting rests when the process has no descriptor left, or the server is full and nobody leaves.
constexpr Millis kAcceptPause{50};
/// A full server rests again and again; it says so only this often.
constexpr Millis kWarningPause{10'000};
/// How often an exchange that waits for its answer looks whether the client is still there. One that has only
/// ended its sending counts as gone, because the two cannot be told apart.
constexpr Millis kPeerProbe{1'000};
/// A client that is still sending when it was answered gets this long to read the answer: closing at once
/// would send RST, which discards what it has not read yet.
constexpr Millis kLinger{2'000};
/// After a timeout, and until the coroutine has noticed it, its operations are cancelled this often: one
/// cancel misses an operation that completed just then.
constexpr Millis kCancelAgain{10};

class Connection;

/// An io thread with its own context, so that a connection needs no lock and no strand.
class Loop : public std::enable_shared_from_this<Loop> {
public:
    mutable asio::io_context context{1};
    std::unordered_set<Connection*> connections;  ///< on the loop's thread only

    void start(const std::string& thread_name) {
        work_.emplace(context.get_executor());
        thread_ = std::thread([this, thread_name] {
            name_this_thread(thread_name);
            block_signals_on_this_thread();
            context.run();
        });
    }

    bool is_current() const { return context.get_executor().running_in_this_thread(); }

    /// Runs `f` later on the loop's thread; drops it when the loop has ended.
    template <class F>
    void post(F f) {
        const std::lock_guard lock(mutex_);
        if (!ended_) asio::post(context, std::move(f));
    }

    /// Runs `f` on the loop's thread, at once when that is this one. An ended loop has no other thread left
    /// that could touch its connections: `f` runs on this one.
    template <class F>
    void run(F f) {
        if (!is_current()) {
            const std::lock_guard lock(mutex_);
            if (!ended_) return asio::post(context, std::move(f));
        }
        f();
    }

    /// Joins once every connection and acceptor has ended.
    void join() {
        work_.reset();
        if (thread_.joinable()) thread_.join();
        {
            const std::lock_guard lock(mutex_);
            ended_ = true;
        }
        // What was posted between the end of run() and `ended_`.
        context.restart();
        context.poll();
    }

    /// The Date header, made once a second. On the loop's thread only.
    std::string_view date() {
        const std::time_t now = std::time(nullptr);
        if (now != date_second_) {
            std::tm parts{};
            gmtime_r(&now, &parts);
            char text[40];
            date_.assign(text, std::strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S GMT", &parts));
            date_second_ = now;
        }
        return date_;
    }

private:
    std::optional<asio::executor_work_guard<Executor>> work_;
    std::thread thread_;
    std::mutex mutex_;
    bool ended_ = false;
    std::time_t date_second_ = 0;
    std::string date_;
};

/// The connections that are between two requests. Thread-safe.
class IdleConnections {
public:
    void add(Steady::time_point since, Connection* connection) {
        const std::lock_guard lock(mutex_);
        idle_.emplace(since, connection);
    }
    /// Before the connection ends: what is in here is alive.
    void remove(Steady::time_point since, Connection* connection) {
        const std::lock_guard lock(mutex_);
        idle_.erase({since, connection});
    }
    /// The one that has been idle longest, which is not in here any more; null when there is none.
    std::shared_ptr<Connection> take_longest();

private:
    std::mutex mutex_;
    std::set<std::pair<Steady::time_point, Connection*>> idle_;
};

/// What every connection of one server shares. Outlives the server where an exchange does.
struct Shared {
    const ServerOptions options;
    std::atomic<bool> stopping = false;
    std::atomic<std::size_t> connections = 0;
    std::atomic<std::size_t> open_exchanges = 0;
    std::mutex mutex;
    std::condition_variable ended;  ///< told, under `mutex`, when a connection or the acceptor ends
    bool accepting = false;
    std::function<void()> has_room;  ///< called, under `mutex`, when a full server lost a connection
    IdleConnections idle;

    explicit Shared(const ServerOptions& o) : options(o) {}
};

struct Answer {
    HttpResponse response;
    Written written;
};

/// One client. Everything but the constructor runs on the loop's thread, or after that has ended.
class Connection : public std::enable_shared_from_this<Connection> {
public:
    Connection(std::shared_ptr<Loop> loop, std::shared_ptr<Shared> shared, RequestHandler& handler,
               Socket socket)
        : loop_(std::move(loop)),
          shared_(std::move(shared)),
          handler_(handler),
          socket_(std::move(socket)),
          buffer_(shared_->options.max_head_bytes + kReadAhead),
          deadline_timer_(loop_->context),
          answered_(loop_->context) {}

    Task<void> serve();

    void answer(Answer answer);
    /// Breaks the connection off with RST, as long as it has an exchange.
    void reset();
    /// For stop(): closes what has no exchange, or, when `forced`, whatever there is.
    void wind_down(bool forced);

    /// Closes it unless a request has begun meanwhile.
    void end_idling();

    Loop& loop() const { return *loop_; }

private:
    enum class Next { request, close };

    /// Beast reads up to this much at a time, so the buffer may hold it beyond a head of the largest size.
    static constexpr std::size_t kReadAhead = 64 * 1024;

    Task<Next> serve_request(bool first);
    Task<bool> next_request_began();
    Task<Next> exchange(Parser& parser, ServerRequest request);
    Task<error_code> read_body(Parser& parser);
    Task<bool> answer_came();
    Task<Next> write_answer(const Parser& parser);
    Task<bool> write(const HttpResponse& response, bool head_only, std::string_view connection_header);
    Task<Next> refuse(int status, std::string detail);
    Task<Next> refuse(error_code error, bool something_came);
    Task<void> let_client_read();

    bool peer_has_left();
    void close_socket();
    void begin_exchange();
    void end_exchange();
    void end();

    void set_deadline(Millis within);
    void clear_deadline() { deadline_ = kNever; }
    void arm_deadline_timer(Steady::time_point at);
    void deadline_timer_fired();

    const std::shared_ptr<Loop> loop_;
    const std::shared_ptr<Shared> shared_;
    RequestHandler& handler_;
    Socket socket_;
    std::string peer_;
    boost::beast::flat_buffer buffer_;

    Timer deadline_timer_;
    Steady::time_point deadline_ = kNever;
    Steady::time_point armed_for_ = kNever;
    bool timed_out_ = false;

    Timer answered_;  ///< cancelled when there is an answer, or none to wait for
    std::optional<Answer> answer_;
    bool has_exchange_ = false;
    bool is_idle_ = false;
    bool closed_ = false;  ///< by reset() or wind_down()
};

class HttpExchange final : public Exchange {
public:
    HttpExchange(std::shared_ptr<Connection> connection, ServerRequest request)
        : connection_(std::move(connection)), request_(std::move(request)) {}

    /// A handler that lets go of an exchange will never answer it.
    ~HttpExchange() override { reset(true); }

    const ServerRequest& request() const override { return request_; }
    void set_body(std::string body) { request_.body = std::move(body); }

    void respond(HttpResponse response, Written written) override {
        if (done_.exchange(true)) return;
        connection_->loop().run(
            [connection = connection_, answer = Answer{std::move(response), std::move(written)}]() mutable {
                connection->answer(std::move(answer));
            });
    }

    void reset(bool) override {
        if (done_.exchange(true)) return;
        connection_->loop().run([connection = connection_] { connection->reset(); });
    }

    void go_away(std::string_view) override { reset(true); }

private:
    const std::shared_ptr<Connection> connection_;
    ServerRequest request_;
    std::atomic<bool> done_ = false;
};

std::string_view to_std(boost::beast::string_view text) { return {text.data(), text.size()}; }

bool equal_without_case(std::string_view a, std::string_view b) { return boost::beast::iequals(a, b); }

/// Takes apart origin-form, absolute-form and the asterisk (RFC 9112 section 3.2).
bool split_target(std::string_view target, ServerRequest& request) {
    for (const std::string_view scheme : {"http://", "https://"}) {
        if (!equal_without_case(target.substr(0, scheme.size()), scheme)) continue;
        target.remove_prefix(scheme.size());
        target.remove_prefix(std::min(target.find_first_of("/?"), target.size()));
        request.path = "/";
        if (target.empty()) return true;
        if (target.front() == '/') request.path.clear();
        break;
    }
    const auto question = std::min(target.find('?'), target.size());
    request.path += target.substr(0, question);
    if (question < target.size()) request.query = target.substr(question + 1);
    return request.path.starts_with('/') || request.path == "*";
}

/// What is wrong with a head that Beast lets through; empty when nothing is.
std::string_view complaint_about(const Parser& parser) {
    const auto& head = parser.get();
    const auto hosts = head.count(http::field::host);
    if (hosts > 1 || (hosts == 0 && head.version() >= 11)) return "there must be exactly one Host header";
    if (head.version() < 11 && head.count(http::field::transfer_encoding) > 0) {
        return "HTTP/1.0 has no transfer codings";
    }
    // Beast takes any other coding for no body at all, and the body for the next request.
    const auto coding = to_std(head[http::field::transfer_encoding]);
    if (head.count(http::field::transfer_encoding) > 0 && !equal_without_case(coding, "chunked")) {
        return "the only transfer coding understood is chunked";
    }
    return {};
}

bool read_head(const Parser& parser, ServerRequest& request) {
    const auto& head = parser.get();
    request.method = head.method_string();
    for (const auto& field : head.base()) {
        request.headers.push_back({std::string(field.name_string()), std::string(field.value())});
    }
    return split_target(to_std(head.target()), request);
}

bool expects_continue(const Parser& parser) {
    return parser.get().version() >= 11 &&
           equal_without_case(to_std(parser.get()[http::field::expect]), "100-continue");
}

void append_header(std::string& out, std::string_view name, std::string_view value) {
    out.append(name).append(": ");
    // A line break in a value would begin a header, or a body, of the client's choice.
    for (const char c : value) out.push_back(c == '\r' || c == '\n' || c == '\0' ? ' ' : c);
    out.append("\r\n");
}

std::string head_of(const HttpResponse& response, std::string_view date, std::string_view connection_header) {
    std::string out;
    out.reserve(256);
    const auto reason = to_std(http::obsolete_reason(static_cast<http::status>(response.status)));
    fmt::format_to(std::back_inserter(out), "HTTP/1.1 {} {}\r\n", response.status, reason);
    append_header(out, "Date", date);
    for (const auto& header : response.headers) {
        const bool ours = equal_without_case(header.name, "content-length") ||
                          equal_without_case(header.name, "connection") ||
                          equal_without_case(header.name, "date") ||
                          equal_without_case(header.name, "transfer-encoding");
        if (!ours) append_header(out, header.name, header.value);
    }
    if (!connection_header.empty()) append_header(out, "Connection", connection_header);
    if (response.status != 204 && response.status != 304) {
        append_header(out, "Content-Length", std::to_string(response.body.size()));
    }
    return out.append("\r\n");
}

Task<void> Connection::serve() {
    loop_->connections.insert(this);
    error_code error;
    const auto endpoint = socket_.remote_endpoint(error);
    if (!error) peer_ = endpoint.address().to_string();
    socket_.set_option(tcp::no_delay(true), error);
    bool first = true;
    while (co_await serve_request(first) == Next::request) first = false;
    end();
}

Task<Connection::Next> Connection::serve_request(bool first) {
    if (!first && buffer_.size() == 0 && !co_await next_request_began()) co_return Next::close;
    if (shared_->stopping) co_return Next::close;

    Parser parser;
    parser.header_limit(static_cast<std::uint32_t>(shared_->options.max_head_bytes));
    parser.body_limit(shared_->options.max_body_bytes);
    set_deadline(shared_->options.head_timeout);
    const auto [error, size] = co_await http::async_read_header(socket_, buffer_, parser, kAwait);
    clear_deadline();
    if (error) co_return co_await refuse(error, parser.got_some() || buffer_.size() > 0);

    if (const auto complaint = complaint_about(parser); !complaint.empty()) {
        co_return co_await refuse(400, std::string(complaint));
    }
    ServerRequest request;
    if (!read_head(parser, request))
        co_return co_await refuse(400, "the request target is neither a path nor an address");
    request.peer = peer_;
    co_return co_await exchange(parser, std::move(request));
}

Task<bool> Connection::next_request_began() {
    set_deadline(shared_->options.idle_timeout);
    const auto idle_since = Steady::now();
    is_idle_ = true;
    shared_->idle.add(idle_since, this);
    const auto [error, size] = co_await socket_.async_read_some(buffer_.prepare(4096), kAwait);
    shared_->idle.remove(idle_since, this);
    is_idle_ = false;
    clear_deadline();
    buffer_.commit(size);
    co_return !error;
}

Task<Connection::Next> Connection::exchange(Parser& parser, ServerRequest request) {
    auto exchange = std::make_shared<HttpExchange>(shared_from_this(), std::move(request));
    begin_exchange();
    handler_.on_head(exchange);
    if (!answer_ && !closed_ && !parser.is_done()) {
        if (const auto error = co_await read_body(parser)) {
            end_exchange();
            co_return co_await refuse(error, true);
        }
    }
    if (!answer_ && !closed_) {
        exchange->set_body(std::move(parser.get().body()));
        handler_.on_request(std::move(exchange));
    }
    exchange.reset();
    if (!co_await answer_came()) co_return Next::close;
    co_return co_await write_answer(parser);
}

Task<error_code> Connection::read_body(Parser& parser) {
    set_deadline(shared_->options.body_timeout);
    if (expects_continue(parser) && buffer_.size() == 0) {
        constexpr std::string_view go_on = "HTTP/1.1 100 Continue\r\n\r\n";
        const auto [error, size] = co_await asio::async_write(socket_, asio::buffer(go_on), kAwait);
        if (error) {
            clear_deadline();
            co_return error;
        }
    }
    const auto [error, size] = co_await http::async_read(socket_, buffer_, parser, kAwait);
    clear_deadline();
    co_return error;
}

Task<bool> Connection::answer_came() {
    while (!answer_ && !closed_) {
        answered_.expires_after(kPeerProbe);
        co_await answered_.async_wait(kAwait);
        if (!answer_ && !closed_ && peer_has_left()) co_return false;
    }
    co_return answer_.has_value() && !closed_;
}

Task<Connection::Next> Connection::write_answer(const Parser& parser) {
    const Answer answer = std::move(*answer_);
    answer_.reset();
    const auto wish = find_header(answer.response.headers, "connection");
    const bool body_was_read = parser.is_done();
    const bool keep = body_was_read && parser.keep_alive() && !shared_->stopping &&
                      !(wish && equal_without_case(*wish, "close"));
    const std::string_view connection_header = !keep                         ? "close"
                                               : parser.get().version() < 11 ? "keep-alive"
                                                                             : "";
    const bool head_only = parser.get().method() == http::verb::head;
    const bool complete = co_await write(answer.response, head_only, connection_header);
    end_exchange();
    if (answer.written) answer.written(complete);
    if (complete && keep) co_return Next::request;
    if (complete && !body_was_read) co_await let_client_read();
    co_return Next::close;
}

Task<bool> Connection::write(const HttpResponse& response, bool head_only,
                             std::string_view connection_header) {
    const std::string head = head_of(response, loop_->date(), connection_header);
    const bool bodiless = head_only || response.status == 204 || response.status == 304;
    const std::array<asio::const_buffer, 2> buffers{
        asio::buffer(head), bodiless ? asio::const_buffer() : asio::buffer(response.body)};
    set_deadline(shared_->options.body_timeout);
    const auto [error, size] = co_await asio::async_write(socket_, buffers, kAwait);
    clear_deadline();
    co_return !error;
}

Task<Connection::Next> Connection::refuse(int status, std::string detail) {
    const HttpResponse response = handler_.on_protocol_error(status, detail);
    if (co_await write(response, false, "close")) co_await let_client_read();
    co_return Next::close;
}

Task<Connection::Next> Connection::refuse(error_code error, bool something_came) {
    if (closed_ || !something_came) co_return Next::close;
    if (timed_out_) co_return co_await refuse(408, "the request did not arrive in time");
    if (error == http::error::header_limit || error == http::error::buffer_overflow) {
        co_return co_await refuse(
            431, fmt::format("the head is larger than {} bytes", shared_->options.max_head_bytes));
    }
    if (error == http::error::body_limit) {
        co_return co_await refuse(
            413, fmt::format("the body is larger than {} bytes", shared_->options.max_body_bytes));
    }
    const bool gone = error == http::error::end_of_stream || error == http::error::partial_message ||
                      error.category() != http::make_error_code(http::error::bad_method).category();
    if (gone) co_return Next::close;
    co_return co_await refuse(400, "the request is malformed: " + error.message());
}

Task<void> Connection::let_client_read() {
    error_code ignored;
    socket_.shutdown(Socket::shutdown_send, ignored);
    set_deadline(kLinger);
    for (;;) {
        buffer_.clear();
        const auto [error, size] = co_await socket_.async_read_some(buffer_.prepare(16 * 1024), kAwait);
        if (error) break;
    }
    clear_deadline();
}

void Connection::answer(Answer answer) {
    if (has_exchange_) {
        answer_ = std::move(answer);
        answered_.cancel();
    } else if (answer.written) {
        answer.written(false);
    }
}

void Connection::reset() {
    if (!has_exchange_ || closed_) return;
    error_code ignored;
    socket_.set_option(asio::socket_base::linger(true, 0), ignored);
    close_socket();
}

void Connection::wind_down(bool forced) {
    if (forced || !has_exchange_) close_socket();
}

void Connection::end_idling() {
    if (is_idle_) close_socket();
}

void Connection::close_socket() {
    closed_ = true;
    error_code ignored;
    socket_.close(ignored);
    answered_.cancel();
}

bool Connection::peer_has_left() {
    pollfd fd{socket_.native_handle(), POLLRDHUP, 0};
    return ::poll(&fd, 1, 0) > 0 && (fd.revents & (POLLRDHUP | POLLERR | POLLHUP)) != 0;
}

void Connection::begin_exchange() {
    has_exchange_ = true;
    ++shared_->open_exchanges;
}

void Connection::end_exchange() {
    if (!has_exchange_) return;
    has_exchange_ = false;
    --shared_->open_exchanges;
    if (answer_ && answer_->written) answer_->written(false);
    answer_.reset();
}

void Connection::end() {
    end_exchange();
    close_socket();
    clear_deadline();
    deadline_timer_.cancel();
    loop_->connections.erase(this);
    const std::lock_guard lock(shared_->mutex);
    const bool was_full = shared_->connections-- >= shared_->options.max_connections;
    if (was_full) shared_->has_room();
    shared_->ended.notify_all();
}

std::shared_ptr<Connection> IdleConnections::take_longest() {
    const std::lock_guard lock(mutex_);
    if (idle_.empty()) return nullptr;
    return idle_.extract(idle_.begin()).value().second->shared_from_this();
}

void Connection::set_deadline(Millis within) {
    timed_out_ = false;
    deadline_ = Steady::now() + within;
    if (deadline_ < armed_for_) arm_deadline_timer(deadline_);
}

/// The timer may be armed for an earlier moment than the deadline, never for a later one: so a busy
/// connection, which sets deadlines all the time, hardly ever touches its timer.
void Connection::arm_deadline_timer(Steady::time_point at) {
    armed_for_ = at;
    deadline_timer_.expires_at(at);
    deadline_timer_.async_wait([self = shared_from_this()](error_code error) {
        if (!error) self->deadline_timer_fired();
    });
}

void Connection::deadline_timer_fired() {
    armed_for_ = kNever;
    if (deadline_ == kNever) return;
    const auto now = Steady::now();
    if (now < deadline_) return arm_deadline_timer(deadline_);
    timed_out_ = true;
    error_code ignored;
    socket_.cancel(ignored);
    arm_deadline_timer(now + kCancelAgain);
}

class AsioHttpServer final : public HttpServer {
public:
    AsioHttpServer(const ServerOptions& options, RequestHandler& handler)
        : shared_(std::make_shared<Shared>(options)),
          handler_(handler),
          loops_(make_loops(std::max(options.threads, 1))),
          acceptor_(loops_.front()->context),
          pause_(loops_.front()->context) {
        shared_->has_room = [this] { loops_.front()->post([this] { pause_.cancel(); }); };
    }

    ~AsioHttpServer() override { stop(Millis{0}); }

    Status listen() {
        const auto failed = [&](const error_code& error) {
            const auto& o = shared_->options;
            return fail(ErrorCode::unavailable,
                        fmt::format("listening on {}:{}: {}", o.host, o.port, error.message()));
        };
        error_code error;
        tcp::resolver resolver(loops_.front()->context);
        const auto found = resolver.resolve(shared_->options.host, std::to_string(shared_->options.port),
                                            tcp::resolver::passive | tcp::resolver::numeric_service, error);
        if (error) return failed(error);
        const auto endpoint = found.begin()->endpoint();
        acceptor_.open(endpoint.protocol(), error);
        if (!error) acceptor_.set_option(asio::socket_base::reuse_address(true), error);
        if (!error) acceptor_.bind(endpoint, error);
        if (!error) acceptor_.listen(asio::socket_base::max_listen_connections, error);
        if (error) return failed(error);
        port_ = acceptor_.local_endpoint(error).port();
        return {};
    }

    void run() {
        for (const auto& loop : loops_) loop->start(shared_->options.thread_name);
        shared_->accepting = true;
        asio::co_spawn(loops_.front()->context, accept(),
                       [shared = shared_](const std::exception_ptr& failure) {
                           CHECK(!failure);
                           const std::lock_guard lock(shared->mutex);
                           shared->accepting = false;
                           shared->ended.notify_all();
                       });
    }

    std::uint16_t port() const override { return port_; }
    Levels levels() const override { return {shared_->connections.load(), shared_->open_exchanges.load()}; }
    void stop(Millis deadline) override;

private:
    static std::vector<std::shared_ptr<Loop>> make_loops(int threads) {
        std::vector<std::shared_ptr<Loop>> loops;
        loops.reserve(static_cast<std::size_t>(threads));
        for (int i = 0; i < threads; ++i) loops.push_back(std::make_shared<Loop>());
        return loops;
    }

    Task<void> accept();
    Task<void> make_room();
    Task<void> rest_accepting(std::string reason);
    void serve(const std::shared_ptr<Loop>& loop, Socket socket);
    void wind_down(bool forced);

    const std::shared_ptr<Shared> shared_;
    RequestHandler& handler_;
    const std::vector<std::shared_ptr<Loop>> loops_;
    Acceptor acceptor_;
    Timer pause_;
    Steady::time_point next_warning_;
    std::uint16_t port_ = 0;
    std::mutex stop_mutex_;
    bool stopped_ = false;
};

Task<void> AsioHttpServer::accept() {
    for (std::size_t turn = 0; !shared_->stopping; ++turn) {
        if (shared_->connections >= shared_->options.max_connections) {
            co_await make_room();
            continue;
        }
        const auto& loop = loops_[turn % loops_.size()];
        auto [error, socket] = co_await acceptor_.async_accept(loop->context.get_executor(), kAwait);
        if (!error) {
            serve(loop, std::move(socket));
        } else if (error != asio::error::connection_aborted && !shared_->stopping) {
            // Above all EMFILE: the connection stays in the kernel's queue; asking again at once would spin.
            co_await rest_accepting(error.message());
        }
    }
}

/// Only for somebody who waits to be accepted: until then the idle ones may stay.
Task<void> AsioHttpServer::make_room() {
    const auto [error] = co_await acceptor_.async_wait(tcp::acceptor::wait_read, kAwait);
    if (shared_->stopping || shared_->connections < shared_->options.max_connections) co_return;
    if (auto idle = shared_->idle.take_longest()) {
        Loop& loop = idle->loop();
        loop.post([idle = std::move(idle)] { idle->end_idling(); });
    }
    std::string reason = error ? error.message() : "max_connections";
    co_await rest_accepting(std::move(reason));
}

Task<void> AsioHttpServer::rest_accepting(std::string reason) {
    if (Steady::now() >= next_warning_) {
        log::warning("http.accepting_paused", {{"reason", reason}, {"port", port_}});
        next_warning_ = Steady::now() + kWarningPause;
    }
    pause_.expires_after(kAcceptPause);
    co_await pause_.async_wait(kAwait);
}

void AsioHttpServer::serve(const std::shared_ptr<Loop>& loop, Socket socket) {
    ++shared_->connections;
    auto connection = std::make_shared<Connection>(loop, shared_, handler_, std::move(socket));
    asio::co_spawn(
        loop->context, [connection]() { return connection->serve(); },
        [](const std::exception_ptr& failure) { CHECK(!failure); });
}

void AsioHttpServer::wind_down(bool forced) {
    for (const auto& loop : loops_) {
        loop->post([loop = loop.get(), forced] {
            for (Connection* connection : loop->connections) connection->wind_down(forced);
        });
    }
}

void AsioHttpServer::stop(Millis deadline) {
    const std::lock_guard stop_lock(stop_mutex_);
    if (std::exchange(stopped_, true)) return;
    shared_->stopping = true;
    loops_.front()->post([this] {
        error_code ignored;
        acceptor_.close(ignored);
        pause_.cancel();
    });
    wind_down(false);
    {
        std::unique_lock lock(shared_->mutex);
        const auto all_ended = [&] { return shared_->connections == 0 && !shared_->accepting; };
        if (!shared_->ended.wait_for(lock, deadline, all_ended)) {
            wind_down(true);
            shared_->ended.wait(lock, all_ended);
        }
    }
    for (const auto& loop : loops_) loop->join();
}

}  // namespace

Result<std::unique_ptr<HttpServer>> HttpServer::start(const ServerOptions& options, RequestHandler& handler) {
    try {
        auto server = std::make_unique<AsioHttpServer>(options, handler);
        if (auto listening = server->listen(); !listening) return fail(listening.error());
        server->run();
        return server;
    } catch (const std::exception& error) {
        return fail(ErrorCode::unavailable, fmt::format("starting the HTTP server: {}", error.what()));
    }
}

}  // namespace herald::net
