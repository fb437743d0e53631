// Between a container's wishes and what netdriver connects.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "containers/entry.h"

namespace shoal::containers {

// False with the host's network and with another container's.
bool needs_endpoint(const model::ContainerConfig& config);

// "bridge", "overlay", "host", "null"
std::string_view driver_name(model::NetworkDriver driver);

// "80/tcp", as check.h lets it through; empty for a range.
std::optional<model::PortBinding> parse_exposed(std::string_view text);

// Names are looked up in this network: not in the node's own bridge, nor in the routing mesh's.
bool is_named(const model::NetworkConnection& connection);
// It is on a network in which names are looked up.
bool has_names(const model::ContainerConfig& config);

// The bridge through which the container reaches what is outside of its networks, by its key: the
// first of its networks that is a bridge and not internal; of one on overlays, the node's own,
// which need not be among its networks. Empty: there is no way out.
std::optional<std::string> way_out(const model::ContainerConfig& config);

// What is to be published where its way out is. InvalidArgument for an address that is none.
Result<std::vector<network::PublishedPort>> wanted_ports(const Entry& entry);
Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry, const std::string& bridge,
                                                    std::string link);
Result<network::OverlayAttachment> overlay_attachment(const model::NetworkConnection& connection,
                                                      std::string link);

// Null when it is not connected there. Valid until its connections change.
const netdriver::Endpoint* bridge_of(const Entry& entry, std::string_view key);
const netdriver::OverlayEndpoint* overlay_of(const Entry& entry, std::string_view network);
// The first of eth0, eth1 … that it does not have yet.
std::string free_link(const Entry& entry);

// Under which the containers of the network find it; the first is what an address is turned into.
std::vector<std::string> names_of(const Entry& entry, const model::NetworkConnection& connection);

// The addresses that its own host name stands for: those in its networks but the routing mesh's,
// or, when it has none, its way out's.
std::vector<network::IpAddress> own_addresses(const Entry& entry);

// Puts the connections' addresses and ports where others see them, and takes them away.
void show_connection(Entry& entry);
void hide_connection(Entry& entry);

}  // namespace shoal::containers
