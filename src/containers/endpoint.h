// Between a container's wishes and what netdriver connects.
#pragma once

#include "containers/entry.h"

namespace shoal::containers {

// False with the host's network and with another container's.
bool needs_endpoint(const model::ContainerConfig& config);

// "80/tcp", as check.h lets it through; empty for a range.
std::optional<model::PortBinding> parse_exposed(std::string_view text);

// InvalidArgument for an address that is none.
Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry);

// No network it is on has a way out; the routing mesh's is none.
bool is_internal(const model::ContainerConfig& config);
// It is on a network in which names are looked up.
bool has_names(const model::ContainerConfig& config);

// What the container gets in each of its overlays, in their order: eth0, eth1 … InvalidArgument for
// an address that is none.
Result<std::vector<network::OverlayAttachment>> overlay_attachments(
    const model::ContainerConfig& config);

// The addresses that its own host name stands for: those in its overlays but the routing mesh's,
// or, when it has none, the bridge's.
std::vector<network::IpAddress> own_addresses(const Entry& entry);

// Puts the connection's addresses and ports where others see them, and takes them away.
void show_connection(Entry& entry);
void hide_connection(Entry& entry);

}  // namespace shoal::containers
