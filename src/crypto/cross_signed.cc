#include "crypto/cross_signed.h"

#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "crypto/openssl.h"

namespace shoal::crypto {
namespace {

using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;
using Check = std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>>;

void free_all(STACK_OF(X509) * certificates) {
  sk_X509_pop_free(certificates, X509_free);
}
using Certificates = std::unique_ptr<STACK_OF(X509), Freed<free_all>>;

// RSA of 2048 bits, or a curve of 224: what OpenSSL asks of the other keys of a TLS connection.
constexpr int kSecurityBitsMin = 112;

// What the peer sent behind its own certificate, which may stand before it in the list.
X509* certificate_behind(X509_STORE_CTX* check) {
  STACK_OF(X509)* given = X509_STORE_CTX_get0_untrusted(check);
  for (int i = 0; i < std::min(2, sk_X509_num(given)); ++i) {
    X509* one = sk_X509_value(given, i);
    if (X509_cmp(one, X509_STORE_CTX_get0_cert(check)) != 0) return one;
  }
  return nullptr;
}

bool seems_self_signed(X509* certificate) {
  return (X509_get_extension_flags(certificate) & EXFLAG_SS) != 0;
}

// OpenSSL alone takes a root without CA:TRUE for an authority too.
bool is_authority(X509* certificate) {
  const uint32_t flags = X509_get_extension_flags(certificate);
  return (flags & (EXFLAG_INVALID | EXFLAG_CRITICAL)) == 0 && X509_check_ca(certificate) == 1 &&
         X509_check_purpose(certificate, X509_PURPOSE_SSL_CLIENT, 1) == 1 &&
         X509_check_purpose(certificate, X509_PURPOSE_SSL_SERVER, 1) == 1 &&
         EVP_PKEY_get_security_bits(X509_get0_pubkey(certificate)) >= kSecurityBitsMin;
}

// As a root above it; what OpenSSL would check of it if it came that far.
bool may_sign_authorities(X509* root, const X509_VERIFY_PARAM* how) {
  return is_authority(root) && X509_get_ext_by_NID(root, NID_name_constraints, -1) < 0 &&
         X509_cmp_timeframe(how, X509_get0_notBefore(root), X509_get0_notAfter(root)) == 0;
}

bool is_signed_by_a_root(X509* cross, X509_STORE_CTX* check) {
  const Certificates roots(X509_STORE_get1_all_certs(X509_STORE_CTX_get0_store(check)));
  const X509_VERIFY_PARAM* how = X509_STORE_CTX_get0_param(check);
  for (int i = 0; i < sk_X509_num(roots.get()); ++i) {
    X509* root = sk_X509_value(roots.get(), i);
    if (X509_NAME_cmp(X509_get_issuer_name(cross), X509_get_subject_name(root)) != 0) continue;
    EVP_PKEY* key = X509_get0_pubkey(root);
    if (key && X509_verify(cross, key) == 1 && may_sign_authorities(root, how)) return true;
  }
  return false;
}

// Checks again, in the same way, with `anchor` as the only root; leaves result and path in `check`.
int verify_below(X509* anchor, X509_STORE_CTX* check) {
  const Store store(X509_STORE_new());
  const Check again(X509_STORE_CTX_new());
  if (!store || !again || X509_STORE_add_cert(store.get(), anchor) != 1 ||
      X509_STORE_CTX_init(again.get(), store.get(), X509_STORE_CTX_get0_cert(check), nullptr) !=
          1 ||
      X509_VERIFY_PARAM_set1(X509_STORE_CTX_get0_param(again.get()),
                             X509_STORE_CTX_get0_param(check)) != 1) {
    return 0;
  }
  const bool accepted = X509_verify_cert(again.get()) == 1;
  X509_STORE_CTX_set_error(check, X509_STORE_CTX_get_error(again.get()));
  X509_STORE_CTX_set0_verified_chain(check, X509_STORE_CTX_get1_chain(again.get()));
  return accepted ? 1 : 0;
}

int find_another_way(X509_STORE_CTX* check) {
  if (X509_STORE_CTX_get_error(check) != X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN) return 0;
  X509* cross = certificate_behind(check);
  if (!cross || !seems_self_signed(cross) || !is_accepted_signature(cross)) return 0;
  if (!is_authority(cross) || !is_signed_by_a_root(cross, check)) return 0;
  return verify_below(cross, check);
}

}  // namespace

int verify_with_cross_signed(X509_STORE_CTX* check, void*) {
  // The errors of what was tried are not those of the connection that this is for.
  ERR_set_mark();
  int accepted = X509_verify_cert(check);
  if (accepted != 1) accepted = find_another_way(check);
  if (accepted == 1) {
    ERR_pop_to_mark();
  } else {
    ERR_clear_last_mark();
  }
  return accepted;
}

}  // namespace shoal::crypto
