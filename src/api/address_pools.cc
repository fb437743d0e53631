#include "api/address_pools.h"

#include "allocator/networks.h"
#include "network/address.h"

namespace shoal::api {
namespace {

using network::Subnet;

constexpr uint32_t kDefaultMaskLength = 24;
constexpr std::string_view kDefaultPool = "10.0.0.0/8";

// Loopback, multicast and reserved addresses.
constexpr std::string_view kNotForHosts[] = {"0.0.0.0/8", "127.0.0.0/8", "224.0.0.0/3",
                                             "::/96",     "fe80::/10",   "ff00::/8"};

Result<Subnet> read_pool(const std::string& text, uint32_t mask_length) {
  const auto pool = Subnet::parse(text);
  if (!pool) return invalid_argument("invalid base pool {}: invalid CIDR address: {}", text, text);
  const uint32_t wanted = pool->address.is_v4() ? mask_length : allocator::kIpv6SubnetLength;
  if (pool->length > wanted) {
    return invalid_argument("invalid CIDR: \"{}\". Subnet size is too small for pool: {}", text,
                            wanted);
  }
  for (const std::string_view reserved : kNotForHosts) {
    if (!pool->overlaps(*Subnet::parse(reserved))) continue;
    return invalid_argument("invalid base pool {}: addresses in {} are not for containers", text,
                            reserved);
  }
  return *pool;
}

}  // namespace

Result<void> check_addresses(const InitRequest& init) {
  const uint32_t mask_length =
      init.subnet_mask_length != 0 ? init.subnet_mask_length : kDefaultMaskLength;
  if (mask_length > kSubnetMaskMax) {
    return invalid_argument("subnet size is out of range: {}", mask_length);
  }
  if (init.default_address_pools.size() > kAddressPoolsMax) {
    return invalid_argument("{} default address pools are given: at most {} can be",
                            init.default_address_pools.size(), kAddressPoolsMax);
  }
  std::vector<std::string> given = init.default_address_pools;
  if (given.empty()) given.emplace_back(kDefaultPool);
  std::vector<Subnet> pools;
  for (const std::string& text : given) {
    ASSIGN_OR_RETURN(const Subnet pool, read_pool(text, mask_length));
    for (const Subnet& other : pools) {
      if (!other.overlaps(pool)) continue;
      return invalid_argument("invalid base pool {}: it overlaps {}", text, other.str());
    }
    pools.push_back(pool);
  }
  const uint32_t port = init.data_path_port;
  if (port != 0 && (port < kDataPathPortMin || port > kDataPathPortMax)) {
    return invalid_argument("Datapath port number is not in valid range ({}-{}) : {}",
                            kDataPathPortMin, kDataPathPortMax, port);
  }
  return {};
}

}  // namespace shoal::api
