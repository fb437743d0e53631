#include "model/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>
#include <string>

namespace shoal::model {
namespace {

constexpr int kMappedBits = 96;  // of ::ffff:0:0

// Decimal, without a sign, from 0 to `max`.
std::optional<int> parse_bits(std::string_view text, int max) {
  int value = 0;
  const char* end = text.data() + text.size();
  const auto [at, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || at != end || value < 0 || value > max) return std::nullopt;
  return value;
}

}  // namespace

std::optional<IpAddress> parse_address(std::string_view text) {
  const std::string copy(text);
  IpAddress address{};
  if (inet_pton(AF_INET6, copy.c_str(), address.data()) == 1) return address;
  address[10] = address[11] = 0xff;
  if (inet_pton(AF_INET, copy.c_str(), address.data() + kMappedBits / 8) == 1) return address;
  return std::nullopt;
}

std::optional<IpSubnet> parse_subnet(std::string_view text) {
  const size_t slash = text.find('/');
  const auto address = parse_address(text.substr(0, slash));
  if (!address) return std::nullopt;
  if (slash == std::string_view::npos) return IpSubnet{*address, 128};
  const bool v4 = text.find(':') == std::string_view::npos;
  const auto bits = parse_bits(text.substr(slash + 1), v4 ? 32 : 128);
  if (!bits) return std::nullopt;
  return IpSubnet{*address, *bits + (v4 ? kMappedBits : 0)};
}

bool contains(const IpSubnet& subnet, const IpAddress& address) {
  const int whole = subnet.prefix_bits / 8, rest = subnet.prefix_bits % 8;
  if (!std::equal(address.begin(), address.begin() + whole, subnet.address.begin())) return false;
  if (rest == 0) return true;
  const uint8_t mask = uint8_t(0xff << (8 - rest));
  return (subnet.address[whole] & mask) == (address[whole] & mask);
}

}  // namespace shoal::model
