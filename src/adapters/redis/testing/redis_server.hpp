#pragma once

#include <fcntl.h>
#include <hiredis/hiredis.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/result.hpp"
#include "net/socket.hpp"

namespace herald::redis {

/// A redis-server of the test's own, on a loopback port that nobody else has. It ends with the test.
class RedisServer {
public:
    /// `arguments` come besides those that keep it to itself; with `tls` the port speaks only that.
    explicit RedisServer(std::vector<std::string> arguments = {}, bool tls = false)
        : arguments_(std::move(arguments)), tls_(tls), port_(free_port()) {
        start();
    }
    ~RedisServer() { kill(); }
    RedisServer(const RedisServer&) = delete;
    RedisServer& operator=(const RedisServer&) = delete;

    std::string place() const { return "127.0.0.1:" + std::to_string(port_); }
    std::string url() const { return "redis://" + place(); }

    /// On the same port, with nothing of what was there before.
    void start() {
        CHECK(pid_ < 0);
        const auto port = std::to_string(port_);
        std::vector<std::string> words{
            "redis-server", "--bind",          "127.0.0.1",  "--save",         "", "--dir", "/tmp",
            "--port",       tls_ ? "0" : port, "--tls-port", tls_ ? port : "0"};
        words.insert(words.end(), arguments_.begin(), arguments_.end());
        pid_ = fork();
        CHECK(pid_ >= 0);
        if (pid_ == 0) become_server(words);
        for (int i = 0; i < 1000 && !answers(); ++i)
            std::this_thread::sleep_for(std::chrono::milliseconds(10));
        CHECK(answers());
    }

    void kill() {
        if (pid_ < 0) return;
        ::kill(pid_, SIGKILL);
        waitpid(pid_, nullptr, 0);
        pid_ = -1;
    }
    void freeze() { ::kill(pid_, SIGSTOP); }
    void thaw() { ::kill(pid_, SIGCONT); }

    /// What it answers to a command, as text or as a number's digits.
    std::string ask(const std::vector<std::string>& words) const {
        const std::unique_ptr<redisContext, decltype(&redisFree)> context(redisConnect("127.0.0.1", port_),
                                                                          redisFree);
        CHECK(context != nullptr && context->err == 0);
        std::vector<const char*> texts;
        for (const auto& word : words) texts.push_back(word.c_str());
        const std::unique_ptr<void, decltype(&freeReplyObject)> raw(
            redisCommandArgv(context.get(), static_cast<int>(texts.size()), texts.data(), nullptr),
            freeReplyObject);
        CHECK(raw != nullptr);
        const auto& reply = *static_cast<const redisReply*>(raw.get());
        return reply.str != nullptr ? std::string(reply.str, reply.len) : std::to_string(reply.integer);
    }

private:
    static int free_port() {
        const auto listener = net::listen_on("127.0.0.1", 0);
        CHECK(listener.has_value());
        return net::local_port(listener->get());
    }

    [[noreturn]] static void become_server(std::vector<std::string>& words) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        const int nowhere = open("/dev/null", O_RDWR);
        for (const int fd : {0, 1, 2}) dup2(nowhere, fd);
        std::vector<char*> arguments;
        for (auto& word : words) arguments.push_back(word.data());
        arguments.push_back(nullptr);
        execvp(arguments[0], arguments.data());
        _exit(127);
    }

    bool answers() const {
        const auto addresses = net::resolve("127.0.0.1", static_cast<std::uint16_t>(port_), true);
        const auto& address = addresses->front();
        const net::Fd fd(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
        return connect(fd.get(), reinterpret_cast<const sockaddr*>(&address.storage), address.size) == 0;
    }

    const std::vector<std::string> arguments_;
    const bool tls_;
    const int port_;
    pid_t pid_ = -1;
};

}  // namespace herald::redis
