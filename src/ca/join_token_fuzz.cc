// Join tokens, as an operator types them.
#include "base/check.h"
#include "ca/join_token.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {

void run(std::string_view input) {
  const auto token = ca::parse_join_token(input);
  if (token) CHECK(token->root_digest.size() == ca::kDigestBytes);
}

std::vector<std::string> seeds() {
  return {ca::make_join_token(std::string(ca::kDigestBytes, '\xff'),
                              std::string(ca::kSecretBytes, '\x80')),
          ca::make_join_token(std::string(ca::kDigestBytes, '\0'),
                              std::string(ca::kSecretBytes, '\0'))};
}

}  // namespace shoal::fuzz
