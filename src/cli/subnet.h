// Which addresses a playground gets: a subnet that the machine does not use yet.
//
// Pure.
#pragma once

#include <string_view>
#include <vector>

#include "base/result.h"
#include "network/address.h"

namespace shoal::cli {

// The destinations in what `ip -json -4 route show table all` prints, without the default routes.
// InvalidArgument when it is not that.
Result<std::vector<network::Subnet>> parse_routes(std::string_view json);

// The first /24 of 10.210.0.0/16 that no route overlaps. Conflict, naming a route, when there is
// none.
Result<network::Subnet> choose_subnet(const std::vector<network::Subnet>& routes);

// What a user asked for: an IPv4 network of 24 bits that overlaps no route.
Result<network::Subnet> check_subnet(std::string_view text,
                                     const std::vector<network::Subnet>& routes);

}  // namespace shoal::cli
