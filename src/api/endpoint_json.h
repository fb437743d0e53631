// Docker's EndpointSettings: what a container asks for in one of its networks.
#pragma once

#include "codec/json_reader.h"
#include "model/container.h"

namespace shoal::api {

// Fills in all but the network. Unimplemented names what cannot be had.
Result<void> decode_endpoint(codec::JsonReader& settings, model::NetworkConnection& connection);

}  // namespace shoal::api
