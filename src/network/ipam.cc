#include "network/ipam.h"

#include <algorithm>
#include <string_view>

namespace shoal::network {
namespace {

using model::IpamConfig;

// Smaller ones have no room for a gateway and a task beside the first and the last address.
constexpr int kHostBitsMin = 2;

// "This" network, loopback, multicast and reserved; unspecified, loopback, IPv4 in disguise, link
// local, multicast.
constexpr std::string_view kNotForHosts[] = {"0.0.0.0/8",     "127.0.0.0/8", "224.0.0.0/3", "::/96",
                                             "::ffff:0:0/96", "fe80::/10",   "ff00::/8"};

Result<void> check_usable(const Subnet& subnet) {
  if (subnet.address != subnet.first()) {
    return invalid_argument("invalid subnet {}: it should be {}/{}", subnet.str(),
                            subnet.first().str(), subnet.length);
  }
  if (subnet.length + kHostBitsMin > int(subnet.address.size() * 8)) {
    return invalid_argument("invalid subnet {}: it has fewer than 4 addresses", subnet.str());
  }
  for (const std::string_view text : kNotForHosts) {
    if (!subnet.overlaps(*Subnet::parse(text))) continue;
    return invalid_argument("invalid subnet {}: addresses in {} are not for containers",
                            subnet.str(), text);
  }
  return {};
}

// `what` names the field, as Docker does: "gateway 10.0.0.1".
Result<IpAddress> read_address(std::string_view text, const Subnet& subnet, std::string_view what) {
  const auto address = IpAddress::parse(text);
  if (!address) return invalid_argument("invalid {}: invalid address", what);
  if (address->family() != subnet.address.family()) {
    return invalid_argument("invalid {}: parent subnet is an {} block", what,
                            subnet.address.is_v4() ? "IPv4" : "IPv6");
  }
  if (!subnet.contains(*address)) {
    return invalid_argument("invalid {}: parent subnet {} doesn't contain this address", what,
                            subnet.str());
  }
  return *address;
}

Result<Subnet> read_range(const std::string& text, const Subnet& subnet) {
  const auto range = Subnet::parse(text);
  if (!range) return invalid_argument("invalid ip-range {}: invalid CIDR block notation", text);
  if (range->address.family() != subnet.address.family()) {
    return invalid_argument("invalid ip-range {}: parent subnet is an {} block", text,
                            subnet.address.is_v4() ? "IPv4" : "IPv6");
  }
  if (range->address != range->first()) {
    return invalid_argument("invalid ip-range {}: it should be {}/{}", text, range->first().str(),
                            range->length);
  }
  if (range->length < subnet.length) {
    return invalid_argument("invalid ip-range {}: CIDR block is bigger than its parent subnet {}",
                            text, subnet.str());
  }
  if (!subnet.contains(range->address)) {
    return invalid_argument("invalid ip-range {}: parent subnet {} doesn't contain ip-range", text,
                            subnet.str());
  }
  return *range;
}

Result<void> read_auxiliary(const IpamConfig& config, SubnetConfig& out) {
  if (config.auxiliary.size() > kAuxiliaryMax) {
    return invalid_argument("invalid subnet {}: more than {} auxiliary addresses", config.subnet,
                            kAuxiliaryMax);
  }
  for (const auto& [name, text] : config.auxiliary) {
    const std::string what = fmt::format("auxiliary address {}", name);
    ASSIGN_OR_RETURN(const IpAddress address, read_address(text, out.subnet, what));
    if (std::ranges::find(out.auxiliary, address) != out.auxiliary.end()) {
      return invalid_argument("invalid {}: {} is named twice", what, text);
    }
    out.auxiliary.push_back(address);
  }
  return {};
}

Result<void> read_gateway(const IpamConfig& config, SubnetConfig& out) {
  const auto is_auxiliary = [&](const IpAddress& address) {
    return std::ranges::find(out.auxiliary, address) != out.auxiliary.end();
  };
  if (config.gateway.empty()) {
    out.gateway = out.subnet.first().plus(1);
    while (is_auxiliary(out.gateway)) out.gateway = out.gateway.plus(1);
    if (out.gateway < out.subnet.last()) return {};
    return invalid_argument("invalid subnet {}: no address is left for the gateway", config.subnet);
  }
  const std::string what = fmt::format("gateway {}", config.gateway);
  ASSIGN_OR_RETURN(out.gateway, read_address(config.gateway, out.subnet, what));
  if (out.gateway == out.subnet.first() || out.gateway == out.subnet.last()) {
    return invalid_argument("invalid {}: it is the {} address of {}", what,
                            out.gateway == out.subnet.first() ? "first" : "last", config.subnet);
  }
  if (is_auxiliary(out.gateway)) {
    return invalid_argument("invalid {}: it is an auxiliary address as well", what);
  }
  return {};
}

}  // namespace

Result<SubnetConfig> read_config(const IpamConfig& config) {
  const auto subnet = Subnet::parse(config.subnet);
  if (!subnet) {
    return invalid_argument("invalid subnet {}: invalid CIDR block notation", config.subnet);
  }
  RETURN_IF_ERROR(check_usable(*subnet));
  SubnetConfig out{.subnet = *subnet, .range = std::nullopt, .gateway = {}, .auxiliary = {}};
  if (!config.range.empty()) {
    ASSIGN_OR_RETURN(out.range, read_range(config.range, *subnet));
  }
  RETURN_IF_ERROR(read_auxiliary(config, out));
  RETURN_IF_ERROR(read_gateway(config, out));
  return out;
}

}  // namespace shoal::network
