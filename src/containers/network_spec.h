// Between a network as a user asks for it and the bridge that netdriver makes.
#pragma once

#include <string>

#include "base/result.h"
#include "model/network.h"
#include "network/bridges.h"

namespace shoal::containers {

inline constexpr size_t kNetworkNameMax = 255;

// Without a subnet when none was asked for. InvalidArgument, PermissionDenied or Unimplemented, in
// Docker's words where it has some, for what cannot be made.
Result<network::Bridge> read_bridge(const std::string& id, const model::NetworkSpec& spec);

// True when a subnet was asked for.
bool asks_subnet(const model::NetworkSpec& spec);

}  // namespace shoal::containers
