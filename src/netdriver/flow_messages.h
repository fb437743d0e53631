// ctnetlink's messages that name flows by a filter. Used by Flows.
//
// The kernel's filters are trusted with IPv4 only: of IPv6 addresses it lets through exactly what
// does not match (seen with 6.18). And a port means nothing to it without a protocol.
#pragma once

#include <cstdint>

#include "netdriver/netlink.h"
#include "network/flows.h"

namespace shoal::netdriver {

nlmsghdr* add_flow_message(Messages& messages, uint16_t type, uint16_t flags, uint8_t family);

// Asks for all flows; the kernel (since 5.8) leaves out what does not match, where it can, so each
// must be looked at again.
Messages flow_dump(const network::FlowFilter& filter);

// Whether the kernel can be told the whole filter: a deletion must not take more.
bool can_end_in_kernel(const network::FlowFilter& filter);
// Ends all that match, which only a kernel since 6.11 does. An older one wants every field of one
// flow, and refuses.
void add_flow_deletion(Messages& messages, const network::FlowFilter& filter);

}  // namespace shoal::netdriver
