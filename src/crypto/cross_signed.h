// The check of a chain of certificates, with one way to a root that OpenSSL does not find.
//
// While a Docker Swarm changes its root, its managers show and issue certificates with the new root
// behind them, signed by the old one. That certificate has one name as subject and as issuer, and
// names no key of its issuer: OpenSSL takes it for one that is signed by itself and asks no root
// about it.
//
// OpenSSL is the first to be asked, and what it accepts is accepted. What it refuses for that one
// reason is accepted when every step holds by itself:
//   - The certificate behind the checked one was signed by a root of the store, with SHA-2 and RSA
//     or ECDSA, and bears that root's name as subject and as issuer.
//   - Both are authorities (CA:TRUE, and not kept from signing certificates) for servers and
//     clients, with keys that are long enough.
//   - The root is in its time, and does not limit the names below it.
//   - OpenSSL accepts the checked certificate with the one behind it as the only root: signature,
//     dates, purpose, key lengths, limits and host name are all its business.
// So the path is leaf, cross-signed certificate, root; it cannot be longer, and nothing else that
// a peer sends is looked at. Never more signatures are checked than the store has roots.
#pragma once

struct x509_store_ctx_st;  // OpenSSL's X509_STORE_CTX

namespace shoal::crypto {

// In the shape of X509_verify_cert() and SSL_CTX_set_cert_verify_callback(): 1 when the certificate
// of `check` is accepted, else 0 with the reason in `check`.
int verify_with_cross_signed(x509_store_ctx_st* check, void* nothing);

}  // namespace shoal::crypto
