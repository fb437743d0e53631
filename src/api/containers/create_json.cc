#include "api/containers/create_json.h"

#include <algorithm>
#include <charconv>

#include "api/endpoint_json.h"

namespace shoal::api {
namespace {

using codec::JsonReader;
using model::ContainerConfig;
using model::MountType;

Result<void> decode_health(JsonReader& config, ContainerConfig& out) {
  auto health = config.child("Healthcheck", "HealthConfig");
  if (!health) return {};
  auto& check = out.spec.healthcheck.emplace();
  health->read("Test", check.test);
  health->read("Interval", check.interval);
  health->read("Timeout", check.timeout);
  health->read("StartPeriod", check.start_period);
  health->read("StartInterval", check.start_interval);
  health->read("Retries", check.retries);
  return {};
}

Result<void> decode_exposed_ports(JsonReader& config, ContainerConfig& out) {
  auto exposed = config.child("ExposedPorts", "PortSet");
  if (!exposed) return {};
  for (const auto& port : exposed->keys()) {
    RETURN_IF_ERROR(parse_container_port(port));
    out.exposed_ports.push_back(port.find('/') == std::string::npos ? port + "/tcp" : port);
  }
  return {};
}

// Volumes without a source, where HostConfig mounts nothing: decided when both are read.
void decode_volumes(JsonReader& config, ContainerConfig& out) {
  auto volumes = config.child("Volumes", "map[string]struct {}");
  if (!volumes) return;
  for (const auto& target : volumes->keys()) {
    out.spec.mounts.push_back({.type = MountType::Volume, .target = target});
  }
}

void drop_covered_volumes(ContainerConfig& config, size_t declared_count) {
  auto& mounts = config.spec.mounts;
  const auto first_asked = mounts.begin() + ptrdiff_t(declared_count);
  const auto asked = std::vector(first_asked, mounts.end());
  mounts.erase(std::remove_if(mounts.begin(), first_asked,
                              [&](const model::Mount& declared) {
                                return std::any_of(asked.begin(), asked.end(), [&](const auto& m) {
                                  return m.target == declared.target;
                                });
                              }),
               first_asked);
}

}  // namespace

void read_words(JsonReader& reader, std::string_view key, std::vector<std::string>& out) {
  if (reader.raw(key).starts_with('"')) {
    reader.read(key, out.emplace_back());
  } else {
    reader.read(key, out);
  }
}

Result<model::PortBinding> parse_container_port(std::string_view text) {
  const auto refuse = [&] { return invalid_argument("invalid port specification: \"{}\"", text); };
  model::PortBinding port;
  const auto slash = text.find('/');
  const auto number = text.substr(0, slash);
  const auto end = number.data() + number.size();
  const auto parsed = std::from_chars(number.data(), end, port.container_port);
  if (parsed.ec != std::errc() || parsed.ptr != end || port.container_port == 0) return refuse();
  if (slash == std::string_view::npos) return port;
  const auto protocol = text.substr(slash + 1);
  if (protocol == "udp") {
    port.protocol = model::PortProtocol::Udp;
  } else if (protocol == "sctp") {
    port.protocol = model::PortProtocol::Sctp;
  } else if (protocol != "tcp") {
    return refuse();
  }
  return port;
}

Result<void> decode_config(JsonReader& config, ContainerConfig& out) {
  auto& spec = out.spec;
  config.read("Image", spec.image);
  config.read("Hostname", spec.hostname);
  config.read("Domainname", out.domainname);
  config.read("User", spec.user);
  config.read("AttachStdin", out.attach_stdin);
  config.read("AttachStdout", out.attach_stdout);
  config.read("AttachStderr", out.attach_stderr);
  config.read("Tty", spec.tty);
  config.read("OpenStdin", spec.open_stdin);
  config.read("StdinOnce", out.stdin_once);
  config.read("Env", spec.env);
  read_words(config, "Cmd", spec.args);
  read_words(config, "Entrypoint", spec.command);
  config.read("WorkingDir", spec.dir);
  config.read("Labels", spec.labels);
  config.read("StopSignal", spec.stop_signal);
  int64_t stop_timeout_s = 0;
  config.read("StopTimeout", stop_timeout_s);
  if (config.has("StopTimeout")) spec.stop_grace_period = std::chrono::seconds(stop_timeout_s);
  bool network_disabled = false;
  config.read("NetworkDisabled", network_disabled);
  if (network_disabled) out.network_mode = "none";
  std::string mac;
  config.read("MacAddress", mac);
  if (!mac.empty()) return unimplemented("a chosen MAC address is not supported yet");
  RETURN_IF_ERROR(decode_health(config, out));
  RETURN_IF_ERROR(decode_exposed_ports(config, out));
  decode_volumes(config, out);
  return {};
}

Result<void> decode_networking(JsonReader& networking, ContainerConfig& out) {
  auto endpoints = networking.child("EndpointsConfig", "map[string]*EndpointSettings");
  if (!endpoints) return {};
  for (const auto& name : endpoints->keys()) {
    model::NetworkConnection connection;
    connection.name = name;
    auto endpoint = endpoints->child(name, "EndpointSettings");
    if (endpoint) RETURN_IF_ERROR(decode_endpoint(*endpoint, connection));
    out.networks.push_back(std::move(connection));
  }
  return {};
}

Result<ContainerConfig> decode_create(std::string_view body) {
  ASSIGN_OR_RETURN(const auto document, codec::JsonDocument::parse(body));
  JsonReader root = document.root("CreateRequest");
  ContainerConfig config;
  RETURN_IF_ERROR(decode_config(root, config));
  const size_t declared_count = config.spec.mounts.size();
  if (auto host = root.child("HostConfig", "HostConfig")) {
    RETURN_IF_ERROR(decode_host_config(*host, config));
  }
  if (auto networking = root.child("NetworkingConfig", "NetworkingConfig")) {
    RETURN_IF_ERROR(decode_networking(*networking, config));
  }
  RETURN_IF_ERROR(document.status());
  drop_covered_volumes(config, declared_count);
  return config;
}

}  // namespace shoal::api
