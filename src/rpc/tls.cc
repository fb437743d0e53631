#include "rpc/tls.h"

#include <openssl/err.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <cstring>

#include "base/check.h"
#include "crypto/certificate.h"
#include "rpc/tls_contexts.h"

namespace shoal::rpc {
namespace {

using Session = std::unique_ptr<SSL, Freed<SSL_free>>;

// What the BIO of a session reads from and writes to. Its own BIO instead of OpenSSL's memory BIO:
// no copy on the way in, and nothing is held while the connection is idle.
struct Wire {
  std::string_view input;
  std::string output;
};

int wire_read(BIO* bio, char* out, int size) {
  auto& input = static_cast<Wire*>(BIO_get_data(bio))->input;
  BIO_clear_retry_flags(bio);
  if (input.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const size_t count = std::min(input.size(), size_t(size));
  std::memcpy(out, input.data(), count);
  input.remove_prefix(count);
  return int(count);
}

int wire_write(BIO* bio, const char* bytes, int size) {
  static_cast<Wire*>(BIO_get_data(bio))->output.append(bytes, size_t(size));
  BIO_clear_retry_flags(bio);
  return size;
}

long wire_control(BIO*, int command, long, void*) {
  return command == BIO_CTRL_FLUSH ? 1 : 0;
}

BIO_METHOD* wire_method() {
  static BIO_METHOD* const method = [] {
    BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "shoal wire");
    BIO_meth_set_read(made, wire_read);
    BIO_meth_set_write(made, wire_write);
    BIO_meth_set_ctrl(made, wire_control);
    return made;
  }();
  return method;
}

// Alerts by which the other side says that our certificate is the reason.
bool blames_certificate(unsigned long code) {
  if (ERR_GET_LIB(code) != ERR_LIB_SSL) return false;
  switch (ERR_GET_REASON(code)) {
    case SSL_R_CERTIFICATE_VERIFY_FAILED:
    case SSL_R_SSLV3_ALERT_BAD_CERTIFICATE:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_EXPIRED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_REVOKED:
    case SSL_R_SSLV3_ALERT_CERTIFICATE_UNKNOWN:
    case SSL_R_SSLV3_ALERT_UNSUPPORTED_CERTIFICATE:
    case SSL_R_TLSV1_ALERT_UNKNOWN_CA:
    case SSL_R_TLSV1_ALERT_ACCESS_DENIED:
    case SSL_R_TLSV13_ALERT_CERTIFICATE_REQUIRED:
      return true;
    default:
      return false;
  }
}

// The error of the last call on `ssl`, which returned `result`.
std::unexpected<Error> failure(const SSL* ssl, int result) {
  const unsigned long code = ERR_peek_last_error();
  const long verdict = SSL_get_verify_result(ssl);
  if (SSL_get_error(ssl, result) == SSL_ERROR_ZERO_RETURN) {
    ERR_clear_error();
    return unavailable("the peer closed the connection");
  }
  const std::string reason = openssl_reason();
  if (code && ERR_GET_REASON(code) == SSL_R_CERTIFICATE_VERIFY_FAILED) {
    return unauthenticated("the peer's certificate is not accepted: {}",
                           X509_verify_cert_error_string(verdict));
  }
  if (code && blames_certificate(code)) {
    return unauthenticated("the peer does not accept our certificate: {}", reason);
  }
  return unavailable("TLS: {}", reason);
}

}  // namespace

struct Tls::Impl {
  // The contexts outlive a replace(): sessions made from them go on.
  std::shared_ptr<const Credentials::Contexts> contexts;
  Wire wire;
  std::string kept;
  Session ssl;
};

namespace {

Result<Session> make_session(SSL_CTX* context, Wire* wire) {
  Session ssl(SSL_new(context));
  BIO* bio = BIO_new(wire_method());
  if (!ssl || !bio) {
    BIO_free(bio);
    return internal_error("making a TLS session: {}", openssl_reason());
  }
  BIO_set_data(bio, wire);
  BIO_set_init(bio, 1);
  SSL_set_bio(ssl.get(), bio, bio);
  return ssl;
}

}  // namespace

Tls::Tls(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Tls::~Tls() = default;

Result<std::unique_ptr<Tls>> Tls::server(const Credentials& credentials) {
  auto impl = std::make_unique<Impl>();
  impl->contexts = credentials.contexts();
  if (!impl->contexts->server) return failed_precondition("a server needs a certificate");
  ASSIGN_OR_RETURN(impl->ssl, make_session(impl->contexts->server.get(), &impl->wire));
  SSL_set_accept_state(impl->ssl.get());
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

Result<std::unique_ptr<Tls>> Tls::client(const Credentials& credentials, const ClientSide& side) {
  auto impl = std::make_unique<Impl>();
  impl->contexts = credentials.contexts();
  SSL_CTX* context = side.present_certificate ? impl->contexts->client.get()
                                              : impl->contexts->anonymous_client.get();
  ASSIGN_OR_RETURN(impl->ssl, make_session(context, &impl->wire));
  SSL* ssl = impl->ssl.get();
  SSL_set_connect_state(ssl);
  if (side.verify) {
    SSL_set_hostflags(ssl, X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
    if (SSL_set1_host(ssl, side.server_name.c_str()) != 1) {
      return internal_error("expecting \"{}\": {}", side.server_name, openssl_reason());
    }
  } else {
    SSL_set_verify(ssl, SSL_VERIFY_NONE, nullptr);
  }
  SSL_set_tlsext_host_name(ssl, side.server_name.c_str());
  return std::unique_ptr<Tls>(new Tls(std::move(impl)));
}

void Tls::feed(std::string_view bytes) {
  CHECK(impl_->wire.input.empty(), "the last input was not used up");
  impl_->wire.input = bytes;
}

void Tls::keep_input() {
  impl_->kept = std::string(impl_->wire.input);
  impl_->wire.input = impl_->kept;
}

Result<bool> Tls::handshake() {
  ERR_clear_error();
  const int result = SSL_do_handshake(impl_->ssl.get());
  if (result == 1) return true;
  if (SSL_get_error(impl_->ssl.get(), result) == SSL_ERROR_WANT_READ) return false;
  return failure(impl_->ssl.get(), result);
}

Result<size_t> Tls::decrypt(std::span<char> out) {
  ERR_clear_error();
  const int result = SSL_read(impl_->ssl.get(), out.data(), int(out.size()));
  if (result > 0) return size_t(result);
  if (SSL_get_error(impl_->ssl.get(), result) == SSL_ERROR_WANT_READ) return size_t{0};
  return failure(impl_->ssl.get(), result);
}

Result<void> Tls::encrypt(std::string_view plain) {
  ERR_clear_error();
  while (!plain.empty()) {
    const int written = SSL_write(impl_->ssl.get(), plain.data(), int(plain.size()));
    if (written <= 0) return failure(impl_->ssl.get(), written);
    plain.remove_prefix(size_t(written));
  }
  return {};
}

void Tls::close() {
  ERR_clear_error();
  SSL_shutdown(impl_->ssl.get());
  ERR_clear_error();
}

std::string& Tls::output() {
  return impl_->wire.output;
}

Result<std::optional<model::NodeIdentity>> Tls::identity() const {
  const X509* certificate = SSL_get0_peer_certificate(impl_->ssl.get());
  if (!certificate) return std::nullopt;
  CHECK(SSL_get_verify_result(impl_->ssl.get()) == X509_V_OK, "a peer that was not verified");
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  const std::string der(reinterpret_cast<char*>(bytes), size > 0 ? size_t(size) : 0);
  OPENSSL_free(bytes);
  ASSIGN_OR_RETURN(crypto::CertificateInfo info, crypto::read_certificate(der));
  return std::move(info.identity);
}

}  // namespace shoal::rpc
