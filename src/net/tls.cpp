#include "net/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <utility>

#include <fmt/format.h>

#include "net/socket.hpp"

namespace herald::net {

namespace {

constexpr std::array<unsigned char, 3> kAlpn{2, 'h', '2'};
constexpr std::size_t kMaxRecordBytes = 16 * 1024;

std::string last_tls_error() {
    std::array<char, 256> text{};
    const auto code = ERR_get_error();
    if (code == 0) return "unknown error";
    ERR_error_string_n(code, text.data(), text.size());
    ERR_clear_error();
    return text.data();
}

tl::unexpected<Error> tls_failure(ErrorCode code, std::string_view doing) {
    return fail(code, fmt::format("{}: {}", doing, last_tls_error()));
}

ssl_ctx_st* new_context(const SSL_METHOD* method) {
    ERR_clear_error();
    auto* context = SSL_CTX_new(method);
    CHECK(context != nullptr);
    CHECK(SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1);
    SSL_CTX_set_options(context,
                        SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
    return context;
}

int choose_h2(SSL*, const unsigned char** chosen, unsigned char* size, const unsigned char* offered,
              unsigned int offered_size, void*) {
    unsigned char* found = nullptr;
    if (SSL_select_next_proto(&found, size, kAlpn.data(), kAlpn.size(), offered, offered_size) !=
        OPENSSL_NPN_NEGOTIATED) {
        return SSL_TLSEXT_ERR_ALERT_FATAL;
    }
    *chosen = found;
    return SSL_TLSEXT_ERR_OK;
}

/// The certificate and, behind it, its chain.
bool use_certificates(SSL_CTX* context, const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<X509, decltype(&X509_free)> own(
        PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
    if (!own || SSL_CTX_use_certificate(context, own.get()) != 1) return false;
    while (auto* issuer = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)) {
        if (SSL_CTX_add0_chain_cert(context, issuer) != 1) {
            X509_free(issuer);
            return false;
        }
    }
    ERR_clear_error();  // the end of the file is one
    return true;
}

bool use_key(SSL_CTX* context, const std::string& pem) {
    const std::unique_ptr<BIO, decltype(&BIO_free)> bio(
        BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free);
    const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(
        PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr), EVP_PKEY_free);
    return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

}  // namespace

Result<std::shared_ptr<TlsContext>> TlsContext::for_client(const std::string& ca_file) {
    std::shared_ptr<TlsContext> context(new TlsContext(new_context(TLS_client_method())));
    const int loaded = ca_file.empty() ? SSL_CTX_set_default_verify_paths(context->get())
                                       : SSL_CTX_load_verify_file(context->get(), ca_file.c_str());
    if (loaded != 1) return tls_failure(ErrorCode::invalid, "reading the authorities in " + ca_file);
    SSL_CTX_set_verify(context->get(), SSL_VERIFY_PEER, nullptr);
    CHECK(SSL_CTX_set_alpn_protos(context->get(), kAlpn.data(), kAlpn.size()) == 0);
    return context;
}

Result<std::shared_ptr<TlsContext>> TlsContext::for_server(const std::string& certificate_pem,
                                                           const std::string& key_pem) {
    std::shared_ptr<TlsContext> context(new TlsContext(new_context(TLS_server_method())));
    if (!use_certificates(context->get(), certificate_pem)) {
        return tls_failure(ErrorCode::invalid, "reading the server's certificate");
    }
    if (!use_key(context->get(), key_pem)) return tls_failure(ErrorCode::invalid, "reading the server's key");
    CHECK(SSL_CTX_set_num_tickets(context->get(), 0) == 1);
    SSL_CTX_set_alpn_select_cb(context->get(), choose_h2, nullptr);
    return context;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

TlsStream::TlsStream(const TlsContext& context, int fd) : tls_(SSL_new(context.get())) {
    CHECK(tls_ != nullptr && SSL_set_fd(tls_, fd) == 1);
}

TlsStream TlsStream::for_client(const TlsContext& context, int fd, const std::string& host) {
    TlsStream stream(context, fd);
    if (is_ip_address(host)) {
        CHECK(X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(stream.tls_), host.c_str()) == 1);
    } else {
        CHECK(SSL_set1_host(stream.tls_, host.c_str()) == 1);
        // Not SSL_set_tlsext_host_name, which is a macro with a C cast.
        CHECK(SSL_ctrl(stream.tls_, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
                       const_cast<char*>(host.c_str())) == 1);
    }
    SSL_set_connect_state(stream.tls_);
    return stream;
}

TlsStream TlsStream::for_server(const TlsContext& context, int fd) {
    TlsStream stream(context, fd);
    SSL_set_accept_state(stream.tls_);
    return stream;
}

TlsStream::TlsStream(TlsStream&& other) noexcept
    : tls_(std::exchange(other.tls_, nullptr)),
      wants_write_(other.wants_write_),
      detail_(std::move(other.detail_)) {}

TlsStream::~TlsStream() { SSL_free(tls_); }

TlsProgress TlsStream::handshake() {
    ERR_clear_error();
    const auto progress = progress_of(SSL_do_handshake(tls_));
    if (progress == TlsProgress::failed && SSL_get_verify_result(tls_) != X509_V_OK) {
        detail_ = fmt::format("the certificate is not trusted: {}",
                              X509_verify_cert_error_string(SSL_get_verify_result(tls_)));
    }
    return progress;
}

TlsProgress TlsStream::read(char* buffer, std::size_t size, std::size_t& got) {
    ERR_clear_error();
    return progress_of(SSL_read_ex(tls_, buffer, size, &got));
}

TlsProgress TlsStream::write(std::string_view bytes, std::size_t& taken) {
    ERR_clear_error();
    return progress_of(SSL_write_ex(tls_, bytes.data(), std::min(bytes.size(), kMaxRecordBytes), &taken));
}

void TlsStream::close_notify() {
    ERR_clear_error();
    if (SSL_is_init_finished(tls_)) SSL_shutdown(tls_);
    ERR_clear_error();
}

TlsProgress TlsStream::progress_of(int result) {
    wants_write_ = false;
    if (result == 1) return TlsProgress::done;
    const int system_error = errno;
    switch (SSL_get_error(tls_, result)) {
        case SSL_ERROR_WANT_WRITE:
            wants_write_ = true;
            return TlsProgress::blocked;
        case SSL_ERROR_WANT_READ:
            return TlsProgress::blocked;
        case SSL_ERROR_ZERO_RETURN:
            detail_ = "the peer closed the connection";
            return TlsProgress::closed;
        case SSL_ERROR_SYSCALL:
            detail_ = strerror(system_error);
            return TlsProgress::failed;
        default:
            detail_ = last_tls_error();
            return TlsProgress::failed;
    }
}

}  // namespace herald::net
