#include "ca/join_token.h"

#include "base/check.h"

namespace shoal::ca {
namespace {

constexpr std::string_view kPrefix = "SWMTKN-1-";
constexpr std::string_view kDigits = "0123456789abcdefghijklmnopqrstuvwxyz";

// The big-endian number in base 36, padded with zeros in front.
std::string to_base36(std::string_view bytes, size_t width) {
  std::string number(bytes), digits(width, '0');
  for (size_t place = width; place-- > 0;) {
    unsigned rest = 0;
    for (char& byte : number) {
      const unsigned value = rest * 256 + static_cast<unsigned char>(byte);
      byte = char(value / 36);
      rest = value % 36;
    }
    digits[place] = kDigits[rest];
  }
  return digits;
}

// Empty when a character is no digit or the number does not fit.
std::string from_base36(std::string_view digits, size_t size) {
  std::string number(size, '\0');
  for (const char digit : digits) {
    const size_t value = kDigits.find(digit);
    if (value == std::string_view::npos) return {};
    unsigned carry = unsigned(value);
    for (size_t i = size; i-- > 0;) {
      const unsigned sum = static_cast<unsigned char>(number[i]) * 36 + carry;
      number[i] = char(sum % 256);
      carry = sum / 256;
    }
    if (carry != 0) return {};
  }
  return number;
}

// Looks at every byte, also after the first that differs.
bool equal_in_constant_time(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  volatile unsigned char difference = 0;
  for (size_t i = 0; i < a.size(); ++i) difference = difference | (a[i] ^ b[i]);
  return difference == 0;
}

}  // namespace

std::string make_join_token(std::string_view root_digest, std::string_view secret) {
  CHECK(root_digest.size() == kDigestBytes && secret.size() == kSecretBytes);
  return std::string(kPrefix) + to_base36(root_digest, kDigestDigits) + "-" +
         to_base36(secret, kSecretDigits);
}

Result<JoinToken> parse_join_token(std::string_view token) {
  const std::unexpected<Error> invalid = invalid_argument("invalid join token");
  if (!token.starts_with(kPrefix)) return invalid;
  token.remove_prefix(kPrefix.size());
  if (token.size() != kDigestDigits + 1 + kSecretDigits || token[kDigestDigits] != '-') {
    return invalid;
  }
  JoinToken parsed{from_base36(token.substr(0, kDigestDigits), kDigestBytes),
                   std::string(token.substr(kDigestDigits + 1))};
  if (parsed.root_digest.empty() || from_base36(parsed.secret, kSecretBytes).empty()) {
    return invalid;
  }
  return parsed;
}

Result<model::NodeRole> token_role(const model::Cluster& cluster, std::string_view token) {
  const bool manager = equal_in_constant_time(token, cluster.join_token_manager);
  const bool worker = equal_in_constant_time(token, cluster.join_token_worker);
  if (!parse_join_token(token) || (!manager && !worker)) {
    return invalid_argument("A valid join token is necessary to join this cluster");
  }
  return manager ? model::NodeRole::Manager : model::NodeRole::Worker;
}

}  // namespace shoal::ca
