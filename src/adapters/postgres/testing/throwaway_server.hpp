#pragma once

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <string>

#include <gtest/gtest.h>

#include "base/result.hpp"

namespace herald::postgres {

/// A PostgreSQL of the test's own that speaks TLS, and has a certificate for `localhost` alone. It keeps
/// nothing.
class ThrowawayServer {
public:
    ThrowawayServer() {
        std::string pattern = std::filesystem::temp_directory_path() / "herald-postgres-XXXXXX";
        CHECK(mkdtemp(pattern.data()) != nullptr);
        folder_ = pattern;
        // The server refuses to run as root.
        if (geteuid() == 0) {
            run("chown postgres " + pattern);
            as_ = "setpriv --reuid=postgres --regid=postgres --clear-groups ";
        }
        make_authority("ca");
        make_authority("other-ca");
        make_certificate();
        start();
    }
    ~ThrowawayServer() {
        try {
            run(pg("pg_ctl") + " -D " + file("data") + " -m immediate stop");
        } catch (const std::exception& failure) {
            ADD_FAILURE() << failure.what();
            return;
        }
        std::error_code ignored;
        std::filesystem::remove_all(folder_, ignored);
    }
    ThrowawayServer(const ThrowawayServer&) = delete;
    ThrowawayServer& operator=(const ThrowawayServer&) = delete;

    std::string url(const std::string& host) const {
        return "postgresql://herald@" + host + ":" + std::to_string(port_) + "/postgres?connect_timeout=5";
    }
    std::string file(const std::string& name) const { return folder_ / name; }

private:
    static std::string pg(const std::string& program) { return "/usr/lib/postgresql/15/bin/" + program; }

    void run(const std::string& command) const {
        const auto log = file("commands.log");
        if (std::system((as_ + command + " >> " + log + " 2>&1 < /dev/null").c_str()) != 0) {
            throw std::runtime_error("this failed, " + log + " says why: " + command);
        }
    }

    void make_authority(const std::string& name) const {
        run("openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=" +
            name + " -keyout " + file(name + ".key") + " -out " + file(name + ".pem"));
    }
    void make_certificate() const {
        run("openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost"
            " -addext subjectAltName=DNS:localhost -keyout " +
            file("server.key") + " -out " + file("server.csr"));
        run("openssl x509 -req -days 2 -copy_extensions copy -CAcreateserial -CA " + file("ca.pem") +
            " -CAkey " + file("ca.key") + " -in " + file("server.csr") + " -out " + file("server.pem"));
    }

    void start() {
        port_ = free_port();
        run(pg("initdb") + " -A trust -U herald --no-sync --no-locale -E UTF8 -D " + file("data"));
        run(pg("pg_ctl") + " -w -l " + file("server.log") + " -D " + file("data") + " -o \"-p " +
            std::to_string(port_) + " -c listen_addresses=127.0.0.1 -c fsync=off -c ssl=on -c ssl_key_file=" +
            file("server.key") + " -c ssl_cert_file=" + file("server.pem") +
            " -c unix_socket_directories=" + folder_.string() + "\" start");
    }

    static std::uint16_t free_port() {
        const int probe = socket(AF_INET, SOCK_STREAM, 0);
        sockaddr_in address{};
        address.sin_family = AF_INET;
        address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        socklen_t size = sizeof address;
        CHECK(bind(probe, reinterpret_cast<sockaddr*>(&address), size) == 0);
        CHECK(getsockname(probe, reinterpret_cast<sockaddr*>(&address), &size) == 0);
        close(probe);
        return ntohs(address.sin_port);
    }

    std::filesystem::path folder_;
    std::string as_;
    std::uint16_t port_ = 0;
};

}  // namespace herald::postgres
