// A container as the API shows it: one line of GET /containers/json, and GET /containers/{id}/json
// with all that the docker client prints.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "api/http/message.h"
#include "codec/json_writer.h"
#include "containers/container.h"

namespace shoal::api {

// Bytes on disk, when they were asked for.
struct ContainerSize {
  uint64_t writable_bytes = 0;
  uint64_t root_bytes = 0;  // the image's and the writable layer's together
};

void write_summary(codec::JsonWriter& json, const containers::Container& container,
                   const std::optional<ContainerSize>& size, Time now);

// What inspect shows beyond the container itself.
struct InspectExtras {
  std::vector<std::string> exec_ids;  // those that run
  std::optional<ContainerSize> size;
};
std::string inspect_text(const containers::Container& container, const InspectExtras& extras);

// Parts that both share, and others use.
void write_ports_map(codec::JsonWriter& json, const containers::Container& container);
void write_networks(codec::JsonWriter& json, const containers::Container& container);
void write_mount_points(codec::JsonWriter& json, const containers::Container& container);
std::string_view mount_type_name(model::MountType type);
// inspect's Config and HostConfig.
void write_config(codec::JsonWriter& json, const containers::Container& container);
void write_host_config(codec::JsonWriter& json, const containers::Container& container);

}  // namespace shoal::api
