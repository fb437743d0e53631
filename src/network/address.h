// Addresses of the data plane: IP addresses of either family, subnets and MAC addresses, as values.
//
// Nothing outside this file assumes four bytes: overlays and published ports carry IPv6 as well.
#pragma once

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::network {

enum class Family : uint8_t { V4, V6 };

// An IPv4 or IPv6 address. Invariant: the bytes behind size() are zero.
class IpAddress {
 public:
  // 0.0.0.0
  constexpr IpAddress() = default;

  // "10.0.0.1" or "fd00::1"; no zone, no prefix length.
  static Result<IpAddress> parse(std::string_view text);
  // Network byte order; 4 or 16 bytes.
  static IpAddress of(std::span<const uint8_t> bytes);
  static IpAddress v4(uint8_t a, uint8_t b, uint8_t c, uint8_t d);
  // 0.0.0.0 or ::
  static IpAddress any(Family family);

  Family family() const { return family_; }
  bool is_v4() const { return family_ == Family::V4; }
  size_t size() const { return is_v4() ? 4 : 16; }
  std::span<const uint8_t> bytes() const { return {bytes_.data(), size()}; }
  bool is_any() const;
  bool is_loopback() const;  // 127.0.0.0/8 or ::1

  // The address `count` further on; wraps within the family.
  IpAddress plus(uint64_t count) const;

  std::string str() const;  // as inet_ntop prints it
  auto operator<=>(const IpAddress&) const = default;

 private:
  Family family_ = Family::V4;
  std::array<uint8_t, 16> bytes_{};
};

// A network in prefix notation. `address` may have host bits (a gateway with its prefix length).
struct Subnet {
  IpAddress address;
  uint8_t length = 0;  // bits, at most 32 or 128

  // "172.17.0.0/16"
  static Result<Subnet> parse(std::string_view text);

  IpAddress first() const;  // the network's address: host bits zero
  IpAddress last() const;   // host bits one; the broadcast address in IPv4
  bool contains(const IpAddress& ip) const;
  bool overlaps(const Subnet& other) const;
  std::string str() const;
  auto operator<=>(const Subnet&) const = default;
};

struct MacAddress {
  std::array<uint8_t, 6> bytes{};

  static Result<MacAddress> parse(std::string_view text);
  // Docker's rule, 02:42 and then the IPv4 address; the last four bytes of an IPv6 one.
  static MacAddress of(const IpAddress& ip);
  std::string str() const;
  auto operator<=>(const MacAddress&) const = default;
};

}  // namespace shoal::network
