// A network of this node as a text on disk.
#pragma once

#include <string>
#include <string_view>

#include "containers/networks.h"

namespace shoal::containers {

std::string network_text(const Network& network);
// Internal "damaged record of a network: …".
Result<Network> parse_network(std::string_view text);

}  // namespace shoal::containers
