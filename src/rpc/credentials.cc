#include "rpc/credentials.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>

#include <string_view>

#include "crypto/cross_signed.h"
#include "rpc/tls_contexts.h"

namespace shoal::rpc {
namespace {

using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;

// ECDHE with AEAD only; TLS 1.3 has its own list, which is good as it is.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr unsigned char kH2[] = {2, 'h', '2'};
// A chain from a node to a root has one intermediate while a root is rotated.
constexpr int kChainMax = 8;

Memory memory_of(std::string_view text) {
  return Memory(BIO_new_mem_buf(text.data(), int(text.size())));
}

// No passphrase is ever asked for.
int no_passphrase(char*, int, int, void*) {
  return 0;
}

std::unexpected<Error> bad(std::string_view what) {
  return invalid_argument("{}: {}", what, openssl_reason());
}

int select_h2(SSL*, const unsigned char** out, unsigned char* out_size,
              const unsigned char* offered, unsigned offered_size, void*) {
  unsigned char* selected = nullptr;
  if (SSL_select_next_proto(&selected, out_size, kH2, sizeof kH2, offered, offered_size) !=
      OPENSSL_NPN_NEGOTIATED) {
    return SSL_TLSEXT_ERR_ALERT_FATAL;
  }
  *out = selected;
  return SSL_TLSEXT_ERR_OK;
}

Result<Context> common_context(const SSL_METHOD* method) {
  Context context(SSL_CTX_new(method));
  if (!context) return bad("making a TLS context");
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(context.get(), SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION |
                                         SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE);
  SSL_CTX_set_num_tickets(context.get(), 0);
  SSL_CTX_set_session_cache_mode(context.get(), SSL_SESS_CACHE_OFF);
  // The buffers of a connection that says nothing are given back: 34 KB each.
  SSL_CTX_set_mode(context.get(), SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
                                      SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  if (SSL_CTX_set_cipher_list(context.get(), kCiphers) != 1) return bad("choosing ciphers");
  return context;
}

Result<void> trust(SSL_CTX* context, const std::string& roots) {
  const Memory text = memory_of(roots);
  X509_STORE* store = SSL_CTX_get_cert_store(context);
  size_t count = 0;
  while (const Certificate root{PEM_read_bio_X509(text.get(), nullptr, no_passphrase, nullptr)}) {
    if (X509_STORE_add_cert(store, root.get()) != 1) return bad("trusting a root certificate");
    ++count;
  }
  ERR_clear_error();  // The end of the text.
  if (count == 0 && !roots.empty()) return invalid_argument("no certificate among the roots");
  SSL_CTX_set_verify_depth(context, kChainMax);
  return {};
}

Result<void> show(SSL_CTX* context, const CredentialsPem& pem) {
  const Memory key_text = memory_of(pem.key), chain_text = memory_of(pem.certificates);
  const Key key(PEM_read_bio_PrivateKey(key_text.get(), nullptr, no_passphrase, nullptr));
  if (!key) return bad("reading the private key");
  const Certificate own(PEM_read_bio_X509(chain_text.get(), nullptr, no_passphrase, nullptr));
  if (!own) return bad("reading the certificate");
  if (SSL_CTX_use_certificate(context, own.get()) != 1) return bad("using the certificate");
  if (SSL_CTX_use_PrivateKey(context, key.get()) != 1) return bad("using the private key");
  while (const Certificate more{
      PEM_read_bio_X509(chain_text.get(), nullptr, no_passphrase, nullptr)}) {
    if (SSL_CTX_add1_chain_cert(context, more.get()) != 1) return bad("using the chain");
  }
  ERR_clear_error();
  return {};
}

Result<Context> server_context(const CredentialsPem& pem) {
  ASSIGN_OR_RETURN(Context context, common_context(TLS_server_method()));
  RETURN_IF_ERROR(trust(context.get(), pem.roots));
  RETURN_IF_ERROR(show(context.get(), pem));
  // Asked for and verified, but not required: a node that joins has none.
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  SSL_CTX_set_alpn_select_cb(context.get(), select_h2, nullptr);
  return context;
}

Result<Context> client_context(const CredentialsPem& pem, bool with_certificate) {
  ASSIGN_OR_RETURN(Context context, common_context(TLS_client_method()));
  RETURN_IF_ERROR(trust(context.get(), pem.roots));
  if (with_certificate) RETURN_IF_ERROR(show(context.get(), pem));
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  // The manager may be a Docker Engine that changes its root.
  SSL_CTX_set_cert_verify_callback(context.get(), crypto::verify_with_cross_signed, nullptr);
  if (SSL_CTX_set_alpn_protos(context.get(), kH2, sizeof kH2) != 0) return bad("offering h2");
  return context;
}

Result<std::shared_ptr<const Credentials::Contexts>> make_contexts(const CredentialsPem& pem) {
  auto contexts = std::make_shared<Credentials::Contexts>();
  const bool has_key = !pem.key.empty() || !pem.certificates.empty();
  if (has_key && pem.roots.empty()) return invalid_argument("a certificate without a root");
  if (has_key) {
    ASSIGN_OR_RETURN(contexts->server, server_context(pem));
  }
  ASSIGN_OR_RETURN(contexts->client, client_context(pem, has_key));
  ASSIGN_OR_RETURN(contexts->anonymous_client, client_context(pem, false));
  return contexts;
}

}  // namespace

std::string openssl_reason() {
  const unsigned long code = ERR_peek_last_error();
  ERR_clear_error();
  if (code == 0) return "no reason given";
  if (ERR_SYSTEM_ERROR(code)) return "a system call failed";
  const char* reason = ERR_reason_error_string(code);
  return reason ? reason : fmt::format("error {:x}", code);
}

Credentials::Credentials(std::shared_ptr<const Contexts> contexts)
    : contexts_(std::move(contexts)) {}

Credentials::~Credentials() = default;

Result<std::shared_ptr<Credentials>> Credentials::make(const CredentialsPem& pem) {
  ASSIGN_OR_RETURN(auto contexts, make_contexts(pem));
  return std::shared_ptr<Credentials>(new Credentials(std::move(contexts)));
}

Result<void> Credentials::replace(const CredentialsPem& pem) {
  ASSIGN_OR_RETURN(contexts_, make_contexts(pem));
  return {};
}

}  // namespace shoal::rpc
