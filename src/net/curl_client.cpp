#include "net/curl_client.hpp"

#include <curl/curl.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <list>
#include <map>
#include <mutex>
#include <thread>
#include <unordered_map>

#include <fmt/format.h>

#include "base/result.hpp"
#include "base/thread_name.hpp"
#include "net/thread_signals.hpp"

namespace herald::net {
namespace {

using Steady = std::chrono::steady_clock;

constexpr Steady::time_point kNever = Steady::time_point::max();
constexpr Millis kLongestDeadline = std::chrono::hours{24};
constexpr const char* kNotBegun = "not sent in half the time allowed";
constexpr std::size_t kMaxAnswerBody = 1024 * 1024;
constexpr std::size_t kMaxAnswerHead = 64 * 1024;

template <auto Free>
struct Freer {
    template <class T>
    void operator()(T* object) const {
        Free(object);
    }
};
using Easy = std::unique_ptr<CURL, Freer<curl_easy_cleanup>>;
using Multi = std::unique_ptr<CURLM, Freer<curl_multi_cleanup>>;
using List = std::unique_ptr<curl_slist, Freer<curl_slist_free_all>>;

class Descriptor {
public:
    explicit Descriptor(int fd) : fd_(fd) { CHECK(fd >= 0); }
    ~Descriptor() { ::close(fd_); }
    Descriptor(const Descriptor&) = delete;
    Descriptor& operator=(const Descriptor&) = delete;
    int get() const { return fd_; }

private:
    const int fd_;
};

/// A request on its way, and what libcurl's callbacks learn about it.
struct Transfer {
    HttpRequest request;
    HttpClient::Callbacks callbacks;
    Steady::time_point begin_by;
    Steady::time_point expires_at;
    std::list<Transfer>* home = nullptr;  ///< the list that holds it, at `self`
    std::list<Transfer>::iterator self;
    std::multimap<Steady::time_point, Transfer*>::iterator deadline;  ///< at `begin_by`, then at `expires_at`

    Easy easy;
    List headers;
    std::array<char, CURL_ERROR_SIZE> error_text{};
    HttpResponse response;
    std::size_t answer_head_size = 0;
    bool begun = false;    ///< the request was about to be sent on a connection
    bool written = false;  ///< its last byte was handed over
    const char* abort_reason = nullptr;

    void tell_written() {
        if (std::exchange(written, true)) return;
        if (callbacks.written) callbacks.written();
    }
};

/// Connected, and the next thing libcurl does is to send. A second call for one transfer means that libcurl
/// repeats the request on another connection, which may make the other side act twice.
int before_request(void* user, char*, char*, int, int) {
    auto& transfer = *static_cast<Transfer*>(user);
    if (transfer.begun) return CURL_PREREQFUNC_ABORT;
    if (Steady::now() >= transfer.begin_by) {
        transfer.abort_reason = kNotBegun;
        return CURL_PREREQFUNC_ABORT;
    }
    transfer.begun = true;
    if (transfer.request.body.empty()) transfer.tell_written();
    return CURL_PREREQFUNC_OK;
}

/// Told whenever bytes have gone either way; a small body goes with the head in one packet.
int look_at_progress(void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t body_sent) {
    auto& transfer = *static_cast<Transfer*>(user);
    const auto size = static_cast<curl_off_t>(transfer.request.body.size());
    // A handle that is used again may still tell of the request before.
    if (transfer.begun && size > 0 && body_sent >= size) transfer.tell_written();
    return 0;
}

std::string_view trimmed(std::string_view text) {
    constexpr std::string_view space = " \t\r\n";
    const auto begin = text.find_first_not_of(space);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(space) - begin + 1);
}

std::size_t take_header(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::string_view line(data, size * count);
    transfer.answer_head_size += line.size();
    if (transfer.answer_head_size > kMaxAnswerHead) {
        transfer.abort_reason = "the answer's head is too large";
        return CURL_WRITEFUNC_ERROR;
    }
    // An interim answer such as 100 is followed by another status line.
    if (line.starts_with("HTTP/")) {
        transfer.response.headers.clear();
    } else if (const auto colon = line.find(':'); colon != std::string_view::npos) {
        const auto name = trimmed(line.substr(0, colon));
        const auto value = trimmed(line.substr(colon + 1));
        transfer.response.headers.push_back({std::string(name), std::string(value)});
    }
    return line.size();
}

std::size_t take_body(char* data, std::size_t size, std::size_t count, void* user) {
    auto& transfer = *static_cast<Transfer*>(user);
    const std::size_t n = size * count;
    if (transfer.response.body.size() + n > kMaxAnswerBody) {
        transfer.abort_reason = "the answer's body is too large";
        return CURL_WRITEFUNC_ERROR;
    }
    transfer.response.body.append(data, n);
    return n;
}

bool has_line_break(std::string_view text) {
    return text.find_first_of(std::string_view("\r\n\0", 3)) != text.npos;
}

/// What libcurl would pass on and the other side would read as something else; empty when nothing is.
std::string_view complaint_about(const HttpRequest& request) {
    if (has_line_break(request.url) || has_line_break(request.method))
        return "line break in the url or method";
    for (const auto& header : request.headers) {
        if (has_line_break(header.name) || has_line_break(header.value)) return "line break in a header";
    }
    return {};
}

List header_list(const HttpRequest& request) {
    curl_slist* list = nullptr;
    const auto add = [&](const std::string& line) { list = curl_slist_append(list, line.c_str()); };
    for (const auto& header : request.headers) {
        // libcurl removes "Name:" and sends "Name;" as a header without value.
        add(header.value.empty() ? header.name + ";" : header.name + ": " + header.value);
    }
    add("Expect:");
    for (const char* const uninvited : {"Content-Type", "Accept"}) {
        if (!find_header(request.headers, uninvited)) add(std::string(uninvited) + ":");
    }
    return List(list);
}

template <class T>
void set(CURL* easy, CURLoption option, T value) {
    CHECK(curl_easy_setopt(easy, option, value) == CURLE_OK);
}

/// What differs from one request to the next; the handle keeps the rest.
void address(CURL* easy, Transfer& transfer) {
    const HttpRequest& request = transfer.request;
    transfer.headers = header_list(request);
    set(easy, CURLOPT_URL, request.url.c_str());
    set(easy, CURLOPT_HTTPHEADER, transfer.headers.get());
    const bool has_body = !request.body.empty() || (request.method != "GET" && request.method != "HEAD");
    if (request.method == "HEAD") {
        set(easy, CURLOPT_NOBODY, 1L);
    } else if (has_body) {
        set(easy, CURLOPT_POST, 1L);
        set(easy, CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
        set(easy, CURLOPT_POSTFIELDS, request.body.c_str());
    } else {
        set(easy, CURLOPT_HTTPGET, 1L);
    }
    const bool is_implied = request.method == "HEAD" || request.method == (has_body ? "POST" : "GET");
    set(easy, CURLOPT_CUSTOMREQUEST, is_implied ? nullptr : request.method.c_str());
    for (const auto option :
         {CURLOPT_PREREQDATA, CURLOPT_XFERINFODATA, CURLOPT_HEADERDATA, CURLOPT_WRITEDATA, CURLOPT_PRIVATE}) {
        set(easy, option, &transfer);
    }
    set(easy, CURLOPT_ERRORBUFFER, transfer.error_text.data());
}

/// `inbox_` and `closed_` are guarded by `mutex_`; everything below them belongs to the thread.
class CurlClient final : public HttpClient {
public:
    explicit CurlClient(const CurlClientOptions& options);
    ~CurlClient() override;

    void send(HttpRequest request, Callbacks callbacks) override;

private:
    static int socket_changed(CURL*, curl_socket_t socket, int what, void* user, void*);
    static curl_socket_t open_socket(void* user, curlsocktype, curl_sockaddr* address);
    static int close_socket(void* user, curl_socket_t socket);
    static int timer_changed(CURLM*, long timeout_ms, void* user);

    void run();
    void watch(int operation, curl_socket_t socket, std::uint32_t events) const;
    bool end_watch_if_idle(curl_socket_t socket);
    void wait_and_act();
    int wait_ms() const;
    void take_inbox();
    void start_waiting();
    Easy new_easy();
    void collect_finished();
    void expire(Steady::time_point now);
    void complete_all();
    void finish(Transfer& transfer, HttpResult result);
    HttpResult result_of(Transfer& transfer, CURLcode code);
    static tl::unexpected<HttpFailure> failure(const Transfer& transfer, std::string_view why);

    const CurlClientOptions options_;
    std::mutex mutex_;
    std::list<Transfer> inbox_;
    bool closed_ = false;

    Descriptor epoll_;
    Descriptor wake_;
    std::vector<epoll_event> events_;
    struct Connection {
        std::optional<std::uint32_t> watched_for;  ///< epoll's events
        bool is_idle = false;
    };
    std::unordered_map<curl_socket_t, Connection> connections_;
    Multi multi_;
    Steady::time_point curl_timer_ = kNever;
    std::list<Transfer> waiting_;
    std::list<Transfer> running_;
    std::multimap<Steady::time_point, Transfer*> deadlines_;
    std::vector<std::pair<Transfer*, CURLcode>> finished_;  ///< within `collect_finished`
    std::vector<Easy> spare_;
    std::thread thread_;
};

CURLM* new_multi() {
    static const CURLcode ready = curl_global_init(CURL_GLOBAL_DEFAULT);
    CHECK(ready == CURLE_OK);
    CURLM* multi = curl_multi_init();
    CHECK(multi != nullptr);
    return multi;
}

CurlClient::CurlClient(const CurlClientOptions& options)
    : options_(options),
      epoll_(epoll_create1(EPOLL_CLOEXEC)),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      events_(options_.max_connections + 16),  // all at once
      multi_(new_multi()) {
    const auto set = [this](CURLMoption option, auto value) {
        CHECK(curl_multi_setopt(multi_.get(), option, value) == CURLM_OK);
    };
    set(CURLMOPT_SOCKETFUNCTION, &socket_changed);
    set(CURLMOPT_SOCKETDATA, this);
    set(CURLMOPT_TIMERFUNCTION, &timer_changed);
    set(CURLMOPT_TIMERDATA, this);
    set(CURLMOPT_PIPELINING, long{CURLPIPE_NOTHING});
    set(CURLMOPT_MAX_TOTAL_CONNECTIONS, static_cast<long>(options_.max_connections));
    set(CURLMOPT_MAXCONNECTS, static_cast<long>(options_.max_connections));
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = wake_.get();
    CHECK(epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, wake_.get(), &event) == 0);
    thread_ = std::thread([this] { run(); });
}

CurlClient::~CurlClient() {
    {
        const std::lock_guard lock(mutex_);
        closed_ = true;
    }
    eventfd_write(wake_.get(), 1);
    thread_.join();
}

void CurlClient::send(HttpRequest request, Callbacks callbacks) {
    std::list<Transfer> one(1);
    Transfer& transfer = one.front();
    request.deadline = std::min(request.deadline, kLongestDeadline);
    const auto sent_at = Steady::now();
    transfer.begin_by = sent_at + request.begin_within();
    transfer.expires_at = sent_at + request.deadline;
    transfer.request = std::move(request);
    transfer.callbacks = std::move(callbacks);
    bool first = false;
    {
        const std::lock_guard lock(mutex_);
        if (!closed_) {
            first = inbox_.empty();
            inbox_.splice(inbox_.end(), one);
        }
    }
    if (first) eventfd_write(wake_.get(), 1);
    // Only a callback of a transfer that the destructor completes can get here.
    if (!one.empty() && transfer.callbacks.done)
        transfer.callbacks.done(failure(transfer, "the client is closed"));
}

std::uint32_t events_of(int what) {
    return ((what & CURL_POLL_IN) != 0 ? std::uint32_t{EPOLLIN} : 0) |
           ((what & CURL_POLL_OUT) != 0 ? std::uint32_t{EPOLLOUT} : 0);
}

void CurlClient::watch(int operation, curl_socket_t socket, std::uint32_t events) const {
    epoll_event event{};
    event.data.fd = socket;
    event.events = events;
    CHECK(epoll_ctl(epoll_.get(), operation, socket, &event) == 0);
}

/// A connection that becomes idle stays watched: the next request on it wants to know the same.
int CurlClient::socket_changed(CURL*, curl_socket_t socket, int what, void* user, void* known) {
    auto& self = *static_cast<CurlClient*>(user);
    const auto found = self.connections_.find(socket);
    if (found == self.connections_.end()) {  // the resolver's
        const bool is_gone = what == CURL_POLL_REMOVE;
        self.watch(is_gone            ? EPOLL_CTL_DEL
                   : known == nullptr ? EPOLL_CTL_ADD
                                      : EPOLL_CTL_MOD,
                   socket, events_of(what));
        curl_multi_assign(self.multi_.get(), socket, is_gone ? nullptr : user);
        return 0;
    }
    auto& connection = found->second;
    connection.is_idle = what == CURL_POLL_REMOVE;
    const auto events = events_of(what);
    if (connection.is_idle || connection.watched_for == events) return 0;
    self.watch(connection.watched_for ? EPOLL_CTL_MOD : EPOLL_CTL_ADD, socket, events);
    connection.watched_for = events;
    return 0;
}

curl_socket_t CurlClient::open_socket(void* user, curlsocktype, curl_sockaddr* address) {
    const int socket = ::socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
    if (socket < 0) return CURL_SOCKET_BAD;
    static_cast<CurlClient*>(user)->connections_[socket] = {};
    return socket;
}

int CurlClient::close_socket(void* user, curl_socket_t socket) {
    static_cast<CurlClient*>(user)->connections_.erase(socket);
    return ::close(socket);
}

/// An idle connection says only that its peer closed it; libcurl sees that before it would use it again.
bool CurlClient::end_watch_if_idle(curl_socket_t socket) {
    const auto found = connections_.find(socket);
    if (found == connections_.end() || !found->second.is_idle) return false;
    watch(EPOLL_CTL_DEL, socket, 0);
    found->second.watched_for.reset();
    return true;
}

int CurlClient::timer_changed(CURLM*, long timeout_ms, void* user) {
    auto& self = *static_cast<CurlClient*>(user);
    self.curl_timer_ = timeout_ms < 0 ? kNever : Steady::now() + Millis{timeout_ms};
    return 0;
}

void CurlClient::run() {
    name_this_thread(options_.thread_name);
    block_signals_on_this_thread();
    for (;;) {
        // An answer that is there by its deadline counts, however late this thread comes to look.
        const auto looked_at = Steady::now();
        wait_and_act();
        collect_finished();
        expire(looked_at);
        {
            const std::lock_guard lock(mutex_);
            if (closed_) break;
        }
        take_inbox();
        start_waiting();
    }
    complete_all();
}

void CurlClient::wait_and_act() {
    const int n = epoll_wait(epoll_.get(), events_.data(), static_cast<int>(events_.size()), wait_ms());
    int still_running = 0;
    for (int i = 0; i < n; ++i) {
        const auto& event = events_[static_cast<std::size_t>(i)];
        if (event.data.fd == wake_.get()) {
            eventfd_t count = 0;
            eventfd_read(wake_.get(), &count);
            continue;
        }
        int what = 0;
        if (end_watch_if_idle(event.data.fd)) continue;
        if ((event.events & (EPOLLIN | EPOLLHUP)) != 0) what |= CURL_CSELECT_IN;
        if ((event.events & EPOLLOUT) != 0) what |= CURL_CSELECT_OUT;
        if ((event.events & EPOLLERR) != 0) what |= CURL_CSELECT_ERR;
        curl_multi_socket_action(multi_.get(), event.data.fd, what, &still_running);
    }
    if (Steady::now() < curl_timer_) return;
    curl_timer_ = kNever;
    curl_multi_socket_action(multi_.get(), CURL_SOCKET_TIMEOUT, 0, &still_running);
}

int CurlClient::wait_ms() const {
    const auto next = std::min(curl_timer_, deadlines_.empty() ? kNever : deadlines_.begin()->first);
    if (next == kNever) return -1;
    const auto left = std::chrono::ceil<Millis>(next - Steady::now()).count();
    return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

void CurlClient::take_inbox() {
    std::list<Transfer> arrived;
    {
        const std::lock_guard lock(mutex_);
        arrived.swap(inbox_);
    }
    for (auto it = arrived.begin(); it != arrived.end(); ++it) {
        it->home = &waiting_;
        it->self = it;
        it->deadline = deadlines_.emplace(it->begin_by, &*it);
    }
    waiting_.splice(waiting_.end(), arrived);
}

void CurlClient::start_waiting() {
    while (!waiting_.empty() && running_.size() < options_.max_in_flight) {
        Transfer& transfer = waiting_.front();
        running_.splice(running_.end(), waiting_, transfer.self);
        transfer.home = &running_;
        if (const auto complaint = complaint_about(transfer.request); !complaint.empty()) {
            finish(transfer, failure(transfer, complaint));
            continue;
        }
        if (spare_.empty()) spare_.push_back(new_easy());
        transfer.easy = std::move(spare_.back());
        spare_.pop_back();
        address(transfer.easy.get(), transfer);
        CHECK(curl_multi_add_handle(multi_.get(), transfer.easy.get()) == CURLM_OK);
    }
}

Easy CurlClient::new_easy() {
    Easy owner(curl_easy_init());
    CURL* const easy = owner.get();
    CHECK(easy != nullptr);
    set(easy, CURLOPT_PROTOCOLS_STR, "http,https");
    set(easy, CURLOPT_HTTP_VERSION, long{CURL_HTTP_VERSION_1_1});
    set(easy, CURLOPT_PREREQFUNCTION, &before_request);
    set(easy, CURLOPT_XFERINFOFUNCTION, &look_at_progress);
    set(easy, CURLOPT_NOPROGRESS, 0L);
    set(easy, CURLOPT_HEADERFUNCTION, &take_header);
    set(easy, CURLOPT_WRITEFUNCTION, &take_body);
    set(easy, CURLOPT_OPENSOCKETFUNCTION, &open_socket);
    set(easy, CURLOPT_OPENSOCKETDATA, this);
    set(easy, CURLOPT_CLOSESOCKETFUNCTION, &close_socket);
    set(easy, CURLOPT_CLOSESOCKETDATA, this);
    // Or the environment's would be used.
    set(easy, CURLOPT_PROXY, "");
    set(easy, CURLOPT_NOSIGNAL, 1L);
    // Or a transfer removed at its deadline would wait for the resolver's thread.
    set(easy, CURLOPT_QUICK_EXIT, 1L);
    set(easy, CURLOPT_CONNECTTIMEOUT_MS, static_cast<long>(options_.connect_timeout.count()));
    const auto idle_s = std::chrono::duration_cast<std::chrono::seconds>(options_.max_idle).count();
    set(easy, CURLOPT_MAXAGE_CONN, static_cast<long>(std::max<std::int64_t>(idle_s, 1)));
    if (!options_.ca_file.empty()) set(easy, CURLOPT_CAINFO, options_.ca_file.c_str());
    return owner;
}

/// All messages are read before a handle is removed: removing looks through those that are left.
void CurlClient::collect_finished() {
    int left = 0;
    while (const CURLMsg* message = curl_multi_info_read(multi_.get(), &left)) {
        if (message->msg != CURLMSG_DONE) continue;
        char* user = nullptr;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &user);
        finished_.emplace_back(reinterpret_cast<Transfer*>(user), message->data.result);
    }
    for (const auto& [transfer, code] : finished_) finish(*transfer, result_of(*transfer, code));
    finished_.clear();
}

void CurlClient::expire(Steady::time_point now) {
    while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
        Transfer& transfer = *deadlines_.begin()->second;
        if (transfer.begun && now < transfer.expires_at) {
            deadlines_.erase(transfer.deadline);
            transfer.deadline = deadlines_.emplace(transfer.expires_at, &transfer);
            continue;
        }
        finish(transfer, failure(transfer, transfer.begun ? "no answer in time" : kNotBegun));
    }
}

void CurlClient::complete_all() {
    take_inbox();
    while (!deadlines_.empty()) {
        Transfer& transfer = *deadlines_.begin()->second;
        finish(transfer, failure(transfer, "the client was closed"));
    }
}

void CurlClient::finish(Transfer& transfer, HttpResult result) {
    if (transfer.easy) {
        // Ends the transfer if it is not over; its connection is closed then, so no late answer is taken for
        // the next one's.
        curl_multi_remove_handle(multi_.get(), transfer.easy.get());
        spare_.push_back(std::move(transfer.easy));
    }
    deadlines_.erase(transfer.deadline);
    std::list<Transfer> one;
    one.splice(one.end(), *transfer.home, transfer.self);
    if (transfer.callbacks.done) transfer.callbacks.done(std::move(result));
}

HttpResult CurlClient::result_of(Transfer& transfer, CURLcode code) {
    if (code == CURLE_OK) {
        long status = 0;
        curl_easy_getinfo(transfer.easy.get(), CURLINFO_RESPONSE_CODE, &status);
        transfer.response.status = static_cast<int>(status);
        return std::move(transfer.response);
    }
    if (transfer.abort_reason != nullptr) return failure(transfer, transfer.abort_reason);
    const char* const text = transfer.error_text.data();
    return failure(transfer, *text != '\0' ? text : curl_easy_strerror(code));
}

tl::unexpected<HttpFailure> CurlClient::failure(const Transfer& transfer, std::string_view why) {
    HttpFailure failure;
    failure.request_written = transfer.written;
    failure.detail = why;
    return tl::unexpected<HttpFailure>(std::move(failure));
}

}  // namespace

std::unique_ptr<HttpClient> make_curl_client(const CurlClientOptions& options) {
    return std::make_unique<CurlClient>(options);
}

}  // namespace herald::net
