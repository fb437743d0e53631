// The parts that build_oci_spec() puts together; private to the room.
#pragma once

#include <nlohmann/json.hpp>

#include "engine/oci_spec.h"

namespace shoal::engine::spec {

using nlohmann::json;

// "mounts": the defaults, those of the specification ordered by how deep they lie, then the
// provided ones.
Result<json> mounts(const ContainerDescription& description, const SpecContext& context);

// "linux.namespaces".
json namespaces(const ContainerDescription& description, const SpecContext& context);

// "linux.resources", with the rules for devices.
Result<json> resources(const ContainerDescription& description, const SpecContext& context);

// "linux.devices": those asked for; a folder gives all devices in it.
Result<json> devices(const ContainerDescription& description);

// "linux.sysctl". Only what belongs to a namespace that the container does not share.
Result<json> sysctls(const ContainerDescription& description);

// "process.rlimits".
Result<json> rlimits(const ContainerDescription& description);

bool shares_host_pids(const model::ContainerConfig& config);

}  // namespace shoal::engine::spec
