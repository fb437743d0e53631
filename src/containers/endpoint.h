// Between a container's wishes and what netdriver connects.
#pragma once

#include "containers/entry.h"

namespace shoal::containers {

// False with the host's network and with another container's.
bool needs_endpoint(const model::ContainerConfig& config);

// InvalidArgument for an address that is none.
Result<netdriver::EndpointRequest> endpoint_request(const Entry& entry);

// Puts the connection's addresses and ports where others see them, and takes them away.
void show_connection(Entry& entry);
void hide_connection(Entry& entry);

}  // namespace shoal::containers
