// Certificates of nodes: issued from a request, read from a peer, verified against the root.
//
// A node's certificate: subject CN=<node id>, OU=<role>, O=<cluster id>; for servers and clients;
// SHA-256; valid from an hour before it was issued, since clocks differ. Whatever bytes come in,
// the answer is a value or an error. Pure functions, any thread; each takes 0.1 to 0.5 ms.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"
#include "model/identity.h"

namespace shoal::crypto {

// Longer PEM or DER is refused before it is parsed.
inline constexpr size_t kPemBytesMax = 64 * 1024;
// Roots of one bundle, and certificates of one chain.
inline constexpr size_t kBundleMax = 16;
inline constexpr int kRsaBitsMin = 2048;
inline constexpr int kRsaBitsMax = 8192;  // Checking a signature of a longer one takes too long.

struct CertificateInfo {
  model::NodeIdentity identity;
  Time not_before;
  Time not_after;
  std::string serial;  // lower-case hex
};
// The first certificate of a PEM text, or one in DER. It is not verified here. InvalidArgument when
// it cannot be read, PermissionDenied when its subject is not that of a node of a swarm.
Result<CertificateInfo> read_certificate(std::string_view pem_or_der);

// Who signs: a certificate authority with its private key (PKCS#8).
struct Signer {
  std::string certificate_pem;
  std::string key_pem;
};
// The certificate as PEM. Of the request (PEM) only the key is used: ECDSA P-256 or P-384, or RSA
// of kRsaBitsMin to kRsaBitsMax, and only when the request is signed with it. InvalidArgument for a
// request that is refused; Internal when the signer's two parts do not belong together.
Result<std::string> issue_certificate(const Signer& signer, std::string_view csr_pem,
                                      const model::CertificateTerms& terms, Time now);

// Whether the first certificate of `chain_pem` leads, over the others in it, to a root in
// `roots_pem` and is valid at `now`; cross_signed.h says how. PermissionDenied with the reason when
// it does not, InvalidArgument when either cannot be read.
Result<void> verify_chain(std::string_view chain_pem, std::string_view roots_pem, Time now);

// What a node says of its certificate's issuer: subject and key of the authority that signed the
// first certificate of the chain, which is its second one or in `roots_pem`; trust_root is
// `roots_pem`. Errors as verify_chain(), whatever the time.
Result<model::TlsInfo> issuer_of(std::string_view chain_pem, std::string_view roots_pem);

// What nodes show of the swarm's root (its first certificate), after a look at every certificate of
// the bundle: each must be an authority that verifies itself, with an RSA or ECDSA key and SHA-2.
// trust_root is the text as it came: tokens hold its digest. InvalidArgument otherwise.
Result<model::TlsInfo> read_root(std::string_view roots_pem);

}  // namespace shoal::crypto
