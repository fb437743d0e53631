#include "api/containers/container_json.h"

#include <algorithm>
#include <map>

#include "api/containers/human.h"
#include "network/bridges.h"
#include "network/ports.h"

namespace shoal::api {
namespace {

using codec::JsonWriter;
using containers::Container;

// Path and Args: the words of the process.
std::vector<std::string> command_words(const Container& container) {
  std::vector<std::string> words = container.config.spec.command;
  const auto& args = container.config.spec.args;
  words.insert(words.end(), args.begin(), args.end());
  return words;
}

// The COMMAND column.
std::string command_text(const Container& container) {
  std::string text;
  for (const auto& word : command_words(container)) {
    if (!text.empty()) text += ' ';
    const bool plain = word.find_first_of(" \t\n'\"") == std::string::npos && !word.empty();
    text += plain ? word : "'" + word + "'";
  }
  return text;
}

std::string port_key(const model::PortBinding& port) {
  return fmt::format("{}/{}", port.container_port, network::to_text(port.protocol));
}

// Host addresses that Docker would list for a port published on all of them.
std::vector<std::string> host_addresses(const model::PortBinding& port) {
  if (port.host_ip.empty()) return {"0.0.0.0", "::"};
  return {port.host_ip};
}

void write_summary_ports(JsonWriter& json, const Container& container) {
  json.key("Ports").begin_array();
  const auto write = [&](const model::PortBinding& port, const std::string& address) {
    json.begin_object();
    json.optional_field("IP", address);
    json.field("PrivatePort", port.container_port);
    json.optional_field("PublicPort", port.host_port);
    json.field("Type", network::to_text(port.protocol));
    json.end_object();
  };
  std::vector<std::string> published;
  for (const auto& port : container.ports) {
    published.push_back(port_key(port));
    for (const auto& address : host_addresses(port)) write(port, address);
  }
  if (container.state.is_running()) {
    for (const auto& exposed : container.config.exposed_ports) {
      if (std::find(published.begin(), published.end(), exposed) != published.end()) continue;
      json.begin_object();
      json.field("PrivatePort", uint16_t(std::strtoul(exposed.c_str(), nullptr, 10)));
      json.field("Type", exposed.substr(exposed.find('/') + 1));
      json.end_object();
    }
  }
  json.end_array();
}

void write_size(JsonWriter& json, const std::optional<ContainerSize>& size) {
  if (!size) return;
  json.field("SizeRw", size->writable_bytes);
  json.field("SizeRootFs", size->root_bytes);
}

void write_health(JsonWriter& json, const containers::Health& health) {
  json.key("Health").begin_object();
  json.field("Status", containers::health_name(health.status));
  json.field("FailingStreak", health.failing_streak);
  json.key("Log").begin_array();
  for (const auto& probe : health.log) {
    json.begin_object();
    json.field("Start", probe.started_at);
    json.field("End", probe.ended_at);
    json.field("ExitCode", probe.exit_code);
    json.field("Output", probe.output);
    json.end_object();
  }
  json.end_array();
  json.end_object();
}

void write_state(JsonWriter& json, const Container& container) {
  using containers::Status;
  const auto& state = container.state;
  const bool restarting = state.status == Status::Restarting;
  json.key("State").begin_object();
  json.field("Status", containers::status_name(state.status));
  json.field("Running", state.is_running() || restarting);
  json.field("Paused", state.status == Status::Paused);
  json.field("Restarting", restarting);
  json.field("OOMKilled", state.oom_killed);
  json.field("Dead", state.status == Status::Dead);
  json.field("Pid", int64_t(state.pid));
  json.field("ExitCode", state.exit_code);
  json.field("Error", state.error);
  json.field("StartedAt", state.started_at);
  json.field("FinishedAt", state.finished_at);
  if (state.health.status != containers::HealthStatus::None) write_health(json, state.health);
  json.end_object();
}

void write_network_settings(JsonWriter& json, const Container& container) {
  // Of the node's own bridge, when that is one of its networks and not only its way out.
  containers::Endpoint endpoint;
  for (const auto& network : container.networks) {
    if (network.network == network::kOwnBridge) endpoint = network;
  }
  json.key("NetworkSettings").begin_object();
  json.field("Bridge", "");
  json.field("SandboxID", "");
  json.field("SandboxKey", "");
  write_ports_map(json, container);
  json.field("HairpinMode", false);
  json.field("LinkLocalIPv6Address", "");
  json.field("LinkLocalIPv6PrefixLen", 0);
  json.key("SecondaryIPAddresses").null();
  json.key("SecondaryIPv6Addresses").null();
  json.field("EndpointID", endpoint.endpoint_id);
  json.field("Gateway", endpoint.gateway);
  json.field("GlobalIPv6Address", "");
  json.field("GlobalIPv6PrefixLen", 0);
  json.field("IPAddress", endpoint.address);
  json.field("IPPrefixLen", endpoint.prefix_length);
  json.field("IPv6Gateway", "");
  json.field("MacAddress", endpoint.mac);
  write_networks(json, container);
  json.end_object();
}

}  // namespace

std::string_view mount_type_name(model::MountType type) {
  switch (type) {
    case model::MountType::Bind:
      return "bind";
    case model::MountType::Volume:
      return "volume";
    case model::MountType::Tmpfs:
      return "tmpfs";
    case model::MountType::Npipe:
      return "npipe";
    case model::MountType::Cluster:
      return "cluster";
  }
  return "";
}

void write_ports_map(JsonWriter& json, const Container& container) {
  std::map<std::string, std::vector<model::PortBinding>> by_port;
  if (container.state.is_running()) {
    for (const auto& exposed : container.config.exposed_ports) by_port[exposed];
    for (const auto& port : container.ports) by_port[port_key(port)].push_back(port);
  }
  json.key("Ports").begin_object();
  for (const auto& [name, bindings] : by_port) {
    json.key(name);
    if (bindings.empty()) {
      json.null();
      continue;
    }
    json.begin_array();
    for (const auto& binding : bindings) {
      for (const auto& address : host_addresses(binding)) {
        json.begin_object();
        json.field("HostIp", address);
        json.field("HostPort", std::to_string(binding.host_port));
        json.end_object();
      }
    }
    json.end_array();
  }
  json.end_object();
}

namespace {

void write_network(JsonWriter& json, const containers::Endpoint& endpoint) {
  json.key(endpoint.network).begin_object();
  json.key("IPAMConfig");
  if (endpoint.asked_address.empty()) {
    json.null();
  } else {
    json.begin_object().field("IPv4Address", endpoint.asked_address).end_object();
  }
  json.key("Links").null();
  json.key("Aliases");
  if (endpoint.aliases.empty()) {
    json.null();
  } else {
    json.begin_array();
    for (const auto& alias : endpoint.aliases) json.value(alias);
    json.end_array();
  }
  json.field("MacAddress", endpoint.mac);
  json.key("DriverOpts").null();
  json.field("NetworkID", endpoint.network_id);
  json.field("EndpointID", endpoint.endpoint_id);
  json.field("Gateway", endpoint.gateway);
  json.field("IPAddress", endpoint.address);
  json.field("IPPrefixLen", endpoint.prefix_length);
  json.field("IPv6Gateway", "");
  json.field("GlobalIPv6Address", endpoint.address6);
  json.field("GlobalIPv6PrefixLen", endpoint.prefix_length6);
  json.key("DNSNames");
  if (endpoint.names.empty()) {
    json.null();
  } else {
    json.value(endpoint.names);
  }
  json.end_object();
}

}  // namespace

void write_networks(JsonWriter& json, const Container& container) {
  json.key("Networks").begin_object();
  for (const auto& endpoint : container.networks) write_network(json, endpoint);
  json.end_object();
}

void write_mount_points(JsonWriter& json, const Container& container) {
  json.key("Mounts").begin_array();
  for (const auto& mount : container.mounts) {
    json.begin_object();
    json.field("Type", mount_type_name(mount.type));
    json.optional_field("Name", mount.name);
    json.field("Source", mount.source);
    json.field("Destination", mount.target);
    json.optional_field("Driver", mount.driver);
    json.field("Mode", "");
    json.field("RW", !mount.read_only);
    json.field("Propagation", mount.propagation);
    json.end_object();
  }
  json.end_array();
}

void write_summary(JsonWriter& json, const Container& container,
                   const std::optional<ContainerSize>& size, Time now) {
  const auto& mode = container.config.network_mode;
  json.begin_object();
  json.field("Id", container.id);
  json.key("Names").begin_array().value("/" + container.name).end_array();
  json.field("Image", container.image());
  json.field("ImageID", container.image_id);
  json.field("Command", command_text(container));
  json.field("Created", JsonWriter::shown(container.created_at).unix_ns / Duration(1s).count());
  write_summary_ports(json, container);
  write_size(json, size);
  json.field("Labels", container.labels());
  json.field("State", containers::status_name(container.state.status));
  json.field("Status", status_text(container.state, now));
  json.key("HostConfig").begin_object();
  json.field("NetworkMode", mode.empty() ? "default" : mode);
  json.end_object();
  json.key("NetworkSettings").begin_object();
  write_networks(json, container);
  json.end_object();
  write_mount_points(json, container);
  json.end_object();
}

std::string inspect_text(const Container& container, const InspectExtras& extras) {
  auto words = command_words(container);
  const std::string path = words.empty() ? "" : words.front();
  if (!words.empty()) words.erase(words.begin());
  JsonWriter json;
  json.begin_object();
  json.field("Id", container.id);
  json.field("Created", container.created_at);
  json.field("Path", path);
  json.field("Args", words);
  write_state(json, container);
  json.field("Image", container.image_id);
  json.field("ResolvConfPath", container.folder + "/resolv.conf");
  json.field("HostnamePath", container.folder + "/hostname");
  json.field("HostsPath", container.folder + "/hosts");
  json.field("LogPath", container.log_path);
  json.field("Name", "/" + container.name);
  json.field("RestartCount", container.restart_count);
  json.field("Driver", "overlay2");
  json.field("Platform", "linux");
  json.field("MountLabel", "");
  json.field("ProcessLabel", "");
  json.field("AppArmorProfile", "");
  json.key("ExecIDs");
  if (extras.exec_ids.empty()) {
    json.null();
  } else {
    json.value(extras.exec_ids);
  }
  write_host_config(json, container);
  json.key("GraphDriver").begin_object();
  json.key("Data").null();
  json.field("Name", "overlay2");
  json.end_object();
  write_size(json, extras.size);
  write_mount_points(json, container);
  write_config(json, container);
  write_network_settings(json, container);
  json.end_object();
  return json.take();
}

}  // namespace shoal::api
