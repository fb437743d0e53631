// Mounts as JSON: the same shape in a service's ContainerSpec and in a container's HostConfig.
#pragma once

#include <string_view>
#include <vector>

#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/container_spec.h"

namespace shoal::codec {

// Appends the mounts under `key`. InvalidArgument for unknown types and propagations.
Result<void> decode_mounts(JsonReader& reader, std::string_view key,
                           std::vector<model::Mount>& mounts);
// Writes nothing when there are none.
void encode_mounts(JsonWriter& json, std::string_view key, const std::vector<model::Mount>& mounts);

}  // namespace shoal::codec
