// TaskSpec (TaskTemplate): both ways.
#include "codec/json_task_spec.h"

#include "codec/json_objects.h"
#include "codec/json_words.h"

namespace shoal::codec {
namespace {

using model::GenericResource;
using model::Resources;
using model::RestartCondition;
using model::TaskSpec;

constexpr Word<RestartCondition> kConditions[] = {{RestartCondition::Any, "any"},
                                                  {RestartCondition::None, "none"},
                                                  {RestartCondition::OnFailure, "on-failure"}};

void decode_resources(JsonReader& reader, Resources& resources) {
  reader.read("NanoCPUs", resources.nano_cpus);
  reader.read("MemoryBytes", resources.memory_bytes);
  reader.read("Pids", resources.pids);
  for (auto& item : reader.children("GenericResources", "GenericResource")) {
    GenericResource resource;
    if (auto discrete = item.child("DiscreteResourceSpec", "DiscreteGenericResource")) {
      int64_t count = 0;
      discrete->read("Kind", resource.kind);
      discrete->read("Value", count);
      resource.value = count;
    } else if (auto named = item.child("NamedResourceSpec", "NamedGenericResource")) {
      std::string name;
      named->read("Kind", resource.kind);
      named->read("Value", name);
      resource.value = std::move(name);
    }
    resources.generic.push_back(std::move(resource));
  }
}

void encode_resources(JsonWriter& json, const Resources& resources) {
  json.begin_object();
  json.optional_field("NanoCPUs", resources.nano_cpus);
  json.optional_field("MemoryBytes", resources.memory_bytes);
  json.optional_field("Pids", resources.pids);
  if (!resources.generic.empty()) {
    json.key("GenericResources");
    encode_generic(json, resources.generic);
  }
  json.end_object();
}

Result<void> decode_restart(JsonReader& reader, model::RestartPolicy& policy) {
  RETURN_IF_ERROR(
      read_word(reader, "Condition", kConditions, "RestartCondition", policy.condition));
  reader.read("Delay", policy.delay);
  reader.read("MaxAttempts", policy.max_attempts);
  reader.read("Window", policy.window);
  return {};
}

void encode_restart(JsonWriter& json, const model::RestartPolicy& policy) {
  json.begin_object();
  json.field("Condition", word_of(kConditions, policy.condition));
  if (policy.delay) json.field("Delay", *policy.delay);
  json.field("MaxAttempts", policy.max_attempts);
  json.optional_field("Window", policy.window);
  json.end_object();
}

void decode_placement(JsonReader& reader, model::Placement& placement) {
  reader.read("Constraints", placement.constraints);
  for (auto& preference : reader.children("Preferences", "PlacementPreference")) {
    if (auto spread = preference.child("Spread", "SpreadOver")) {
      spread->read("SpreadDescriptor", placement.spread.emplace_back());
    }
  }
  reader.read("MaxReplicas", placement.max_replicas);
  for (auto& item : reader.children("Platforms", "Platform")) {
    auto& platform = placement.platforms.emplace_back();
    item.read("Architecture", platform.architecture);
    item.read("OS", platform.os);
  }
}

void encode_placement(JsonWriter& json, const model::Placement& placement) {
  json.begin_object();
  json.optional_field("Constraints", placement.constraints);
  if (!placement.spread.empty()) {
    json.key("Preferences").begin_array();
    for (const auto& descriptor : placement.spread) {
      json.begin_object().key("Spread").begin_object();
      json.field("SpreadDescriptor", descriptor).end_object().end_object();
    }
    json.end_array();
  }
  json.optional_field("MaxReplicas", placement.max_replicas);
  if (!placement.platforms.empty()) {
    json.key("Platforms").begin_array();
    for (const auto& platform : placement.platforms) {
      json.begin_object().optional_field("Architecture", platform.architecture);
      json.optional_field("OS", platform.os).end_object();
    }
    json.end_array();
  }
  json.end_object();
}

}  // namespace

void decode_networks(JsonReader& reader, std::vector<model::NetworkAttachmentConfig>& networks) {
  for (auto& item : reader.children("Networks", "NetworkAttachmentConfig")) {
    auto& network = networks.emplace_back();
    item.read("Target", network.target);
    item.read("Aliases", network.aliases);
    item.read("DriverOpts", network.driver_options);
  }
}

void encode_networks(JsonWriter& json,
                     const std::vector<model::NetworkAttachmentConfig>& networks) {
  if (networks.empty()) return;
  json.key("Networks").begin_array();
  for (const auto& network : networks) {
    json.begin_object().optional_field("Target", network.target);
    json.optional_field("Aliases", network.aliases);
    json.optional_field("DriverOpts", network.driver_options).end_object();
  }
  json.end_array();
}

Result<TaskSpec> decode_task_spec(JsonReader& reader) {
  TaskSpec spec;
  reader.read("Runtime", spec.runtime, "swarm.RuntimeType");
  if (!spec.runtime.empty() && spec.runtime != "container" && spec.runtime != "plugin" &&
      spec.runtime != "attachment") {
    return invalid_argument("unsupported runtime");
  }
  if (spec.runtime.empty())
    spec.runtime = "container";  // As it is printed: what is read back is equal.
  if (spec.runtime == "plugin" || reader.has("PluginSpec")) {
    return unimplemented("plugin services are not supported by this version of Shoal");
  }
  auto container = reader.child("ContainerSpec", "ContainerSpec");
  if (!container) return invalid_argument("mismatched Runtime and *Spec fields");
  RETURN_IF_ERROR(decode_container_spec(*container, spec.container));
  if (auto resources = reader.child("Resources", "ResourceRequirements")) {
    spec.resources.emplace();
    if (auto limits = resources->child("Limits", "Limit")) {
      decode_resources(*limits, spec.resources->limits);
    }
    if (auto reservations = resources->child("Reservations", "Resources")) {
      decode_resources(*reservations, spec.resources->reservations);
    }
  }
  if (auto restart = reader.child("RestartPolicy", "RestartPolicy")) {
    RETURN_IF_ERROR(decode_restart(*restart, spec.restart.emplace()));
  }
  if (auto placement = reader.child("Placement", "Placement")) {
    decode_placement(*placement, spec.placement.emplace());
  }
  if (auto driver = reader.child("LogDriver", "Driver")) {
    driver->read("Name", spec.log_driver.emplace().name);
    driver->read("Options", spec.log_driver->options);
  }
  decode_networks(reader, spec.networks);
  reader.read("ForceUpdate", spec.force_update);
  return spec;
}

void encode_generic(JsonWriter& json, const std::vector<GenericResource>& resources) {
  json.begin_array();
  for (const auto& resource : resources) {
    const auto* count = std::get_if<int64_t>(&resource.value);
    json.begin_object().key(count ? "DiscreteResourceSpec" : "NamedResourceSpec").begin_object();
    json.field("Kind", resource.kind);
    if (count) {
      json.field("Value", *count);
    } else {
      json.field("Value", std::get<std::string>(resource.value));
    }
    json.end_object().end_object();
  }
  json.end_array();
}

void encode_task_spec(JsonWriter& json, const TaskSpec& spec, bool with_runtime) {
  json.begin_object();
  if (spec.attachment) {
    json.key("NetworkAttachmentSpec").begin_object();
    json.field("ContainerID", spec.attachment->container_id).end_object();
  } else {
    json.key("ContainerSpec");
    encode_container_spec(json, spec.container);
  }
  if (spec.resources) {
    json.key("Resources").begin_object().key("Limits");
    encode_resources(json, spec.resources->limits);
    json.key("Reservations");
    encode_resources(json, spec.resources->reservations);
    json.end_object();
  }
  if (spec.restart) {
    json.key("RestartPolicy");
    encode_restart(json, *spec.restart);
  }
  if (spec.placement) {
    json.key("Placement");
    encode_placement(json, *spec.placement);
  }
  encode_networks(json, spec.networks);
  if (spec.log_driver) {
    json.key("LogDriver").begin_object().optional_field("Name", spec.log_driver->name);
    json.optional_field("Options", spec.log_driver->options).end_object();
  }
  json.field("ForceUpdate", spec.force_update);
  if (spec.attachment) {
    json.field("Runtime", model::kAttachmentRuntime);
  } else if (with_runtime) {
    json.field("Runtime", "container");
  }
  json.end_object();
}

}  // namespace shoal::codec
