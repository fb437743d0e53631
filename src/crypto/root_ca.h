// The swarm's root certificate: P-256, SHA-256, CN=swarm-ca, CA:TRUE, valid for 20 years, backdated
// by an hour (semantics 2.7, as Docker's swarms have it).
#pragma once

#include <string>

#include "base/result.h"
#include "base/time.h"
#include "crypto/certificate.h"
#include "model/node.h"

namespace shoal::crypto {

inline constexpr std::string_view kRootName = "swarm-ca";
inline constexpr Duration kRootValidFor = 20 * 365 * 24h;
inline constexpr Duration kBackdate = 1h;

struct RootCa {
  std::string certificate_pem;
  std::string key_pem;  // PKCS#8, not encrypted: whoever stores it seals it
  model::TlsInfo tls;   // what `swarm inspect` and node descriptions show of it
};

// A new root. Internal when OpenSSL refuses, with its reason.
Result<RootCa> make_root_ca(Time now);

// A certificate for the name and the key of `root_pem`, signed by another authority: who trusts
// only that one accepts what the root has issued. Valid as long as the root itself. InvalidArgument
// when one of them cannot be read, Internal when the signer's two parts do not belong together.
Result<std::string> cross_sign(const Signer& signer, std::string_view root_pem);

// The root in `certificate_pem` with its key, as the user gave them. InvalidArgument when they do
// not belong together or the certificate is no root.
Result<RootCa> read_root_ca(std::string_view certificate_pem, std::string_view key_pem);

// SHA-256 of the bytes, as 32 raw bytes.
std::string sha256(std::string_view bytes);

}  // namespace shoal::crypto
