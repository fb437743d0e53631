#include "network/address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/check.h"

namespace shoal::network {
namespace {

// The number of leading bits of `length` that fall into byte `index`, as a mask.
uint8_t mask_of(uint8_t length, size_t index) {
  const int bits = std::clamp(int(length) - int(index) * 8, 0, 8);
  return uint8_t(0xff00 >> bits);
}

}  // namespace

Result<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  IpAddress ip;
  ip.family_ = copy.find(':') == std::string::npos ? Family::V4 : Family::V6;
  const int family = ip.is_v4() ? AF_INET : AF_INET6;
  if (text.size() != std::strlen(copy.c_str()) ||
      ::inet_pton(family, copy.c_str(), ip.bytes_.data()) != 1) {
    return invalid_argument("invalid IP address \"{}\"", text);
  }
  return ip;
}

IpAddress IpAddress::of(std::span<const uint8_t> bytes) {
  CHECK(bytes.size() == 4 || bytes.size() == 16, "{} bytes", bytes.size());
  IpAddress ip;
  ip.family_ = bytes.size() == 4 ? Family::V4 : Family::V6;
  std::ranges::copy(bytes, ip.bytes_.begin());
  return ip;
}

IpAddress IpAddress::v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d) {
  return of(std::array<uint8_t, 4>{a, b, c, d});
}

IpAddress IpAddress::any(Family family) {
  IpAddress ip;
  ip.family_ = family;
  return ip;
}

bool IpAddress::is_any() const {
  return *this == any(family_);
}

bool IpAddress::is_loopback() const {
  if (is_v4()) return bytes_[0] == 127;
  return *this == any(Family::V6).plus(1);
}

IpAddress IpAddress::plus(uint64_t count) const {
  IpAddress ip = *this;
  for (size_t i = size(); i-- > 0 && count != 0;) {
    // Adds byte by byte; what does not fit into a byte is carried into the next count.
    const uint64_t sum = (count & 0xff) + ip.bytes_[i];
    ip.bytes_[i] = uint8_t(sum);
    count = (count >> 8) + (sum >> 8);
  }
  return ip;
}

std::string IpAddress::str() const {
  char text[INET6_ADDRSTRLEN];
  return ::inet_ntop(is_v4() ? AF_INET : AF_INET6, bytes_.data(), text, sizeof text);
}

Result<Subnet> Subnet::parse(std::string_view text) {
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return invalid_argument("invalid CIDR address: {}", text);
  const auto ip = IpAddress::parse(text.substr(0, slash));
  const auto digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto [end, error] = std::from_chars(digits.begin(), digits.end(), length);
  if (!ip || error != std::errc{} || end != digits.end() || length > ip->size() * 8) {
    return invalid_argument("invalid CIDR address: {}", text);
  }
  return Subnet{*ip, uint8_t(length)};
}

IpAddress Subnet::first() const {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < address.size(); ++i) bytes[i] = address.bytes()[i] & mask_of(length, i);
  return IpAddress::of({bytes.data(), address.size()});
}

IpAddress Subnet::last() const {
  std::array<uint8_t, 16> bytes{};
  for (size_t i = 0; i < address.size(); ++i) {
    bytes[i] = uint8_t(address.bytes()[i] | ~mask_of(length, i));
  }
  return IpAddress::of({bytes.data(), address.size()});
}

bool Subnet::contains(const IpAddress& ip) const {
  return ip.family() == address.family() && first() <= ip && ip <= last();
}

bool Subnet::overlaps(const Subnet& other) const {
  return contains(other.first()) || other.contains(first());
}

std::string Subnet::str() const {
  return fmt::format("{}/{}", address.str(), length);
}

Result<MacAddress> MacAddress::parse(std::string_view text) {
  MacAddress mac;
  const bool shaped = text.size() == 17;
  for (size_t i = 0; shaped && i < mac.bytes.size(); ++i) {
    const auto digits = text.substr(i * 3, 2);
    const auto [end, error] = std::from_chars(digits.begin(), digits.end(), mac.bytes[i], 16);
    const bool separated = i == 0 || text[i * 3 - 1] == ':';
    if (error != std::errc{} || end != digits.end() || !separated) {
      return invalid_argument("invalid MAC address: {}", text);
    }
  }
  if (!shaped || mac.bytes[0] & 1) return invalid_argument("invalid MAC address: {}", text);
  return mac;
}

MacAddress MacAddress::of(const IpAddress& ip) {
  MacAddress mac{{0x02, 0x42}};
  std::ranges::copy(ip.bytes().last(4), mac.bytes.begin() + 2);
  return mac;
}

std::string MacAddress::str() const {
  return fmt::format("{:02x}", fmt::join(bytes, ":"));
}

}  // namespace shoal::network
