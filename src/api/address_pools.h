// What `docker swarm init` says of the addresses of networks, checked in Docker's words.
#pragma once

#include "api/swarm_backend.h"

namespace shoal::api {

inline constexpr uint32_t kSubnetMaskMax = 29;  // smaller subnets have no room for tasks
inline constexpr uint32_t kDataPathPortMin = 1024;
inline constexpr uint32_t kDataPathPortMax = 49'151;
inline constexpr size_t kAddressPoolsMax = 64;

// InvalidArgument for pools that are none, that overlap, or that are smaller than the subnets that
// shall be made of them, and for a port outside of the registered ones. Stricter than Docker, which
// looks at the length of subnets only beside pools of one's own and takes pools that overlap or
// hold addresses that are not for hosts.
Result<void> check_addresses(const InitRequest& init);

}  // namespace shoal::api
