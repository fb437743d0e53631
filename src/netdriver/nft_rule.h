// Encodes one rule of network/ruleset.h as the kernel's nftables expressions.
#pragma once

#include <cstdint>
#include <string>

#include "netdriver/netlink.h"
#include "network/ruleset.h"

namespace shoal::netdriver {

// A rule with Balance refers to an anonymous map that the same transaction made just before.
inline constexpr auto kTurnsMapName = "__map%d";

// Appends the rule's expressions to a NFT_MSG_NEWRULE message. `maps` has every map that it names;
// `turns_map_id` is the transaction's number for the anonymous map of a Balance.
void put_expressions(nlmsghdr* message, const network::Rule& rule, const network::MapShapes& maps,
                     uint32_t turns_map_id);

}  // namespace shoal::netdriver
