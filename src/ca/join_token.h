// Join tokens: "SWMTKN-1-<digest of the root, base 36>-<secret, base 36>" (semantics 2.7).
//
// The digest lets a joining node recognise the swarm's root certificate, the secret says which role
// it may have. Rotating a token replaces only the secret.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/cluster.h"

namespace shoal::ca {

inline constexpr size_t kDigestBytes = 32;
inline constexpr size_t kDigestDigits = 50;
inline constexpr size_t kSecretBytes = 16;
inline constexpr size_t kSecretDigits = 25;

// `root_digest`: SHA-256 of the exact bytes of the root's PEM text; `secret`: kSecretBytes of
// chance. Other sizes end the process.
std::string make_join_token(std::string_view root_digest, std::string_view secret);

struct JoinToken {
  std::string root_digest;  // kDigestBytes
  std::string secret;       // the digits, as they stand in the token
};
// InvalidArgument "invalid join token" for anything else.
Result<JoinToken> parse_join_token(std::string_view token);

// The role that this token buys in this swarm. InvalidArgument, in Docker's words, for anything but
// one of its two tokens; how long that takes does not depend on how much of it is right.
Result<model::NodeRole> token_role(const model::Cluster& cluster, std::string_view token);

}  // namespace shoal::ca
