// Docker's HostConfig: how this machine shall hold the container.
#include <charconv>

#include "api/containers/binds.h"
#include "api/containers/create_json.h"
#include "codec/json_mounts.h"
#include "codec/json_words.h"

namespace shoal::api {
namespace {

using codec::JsonReader;
using model::ContainerConfig;
using model::ContainerRestart;

constexpr codec::Word<ContainerRestart> kRestartPolicies[] = {
    {ContainerRestart::No, "no"},
    {ContainerRestart::Always, "always"},
    {ContainerRestart::UnlessStopped, "unless-stopped"},
    {ContainerRestart::OnFailure, "on-failure"}};

Result<void> decode_mounts(JsonReader& host, ContainerConfig& out) {
  auto& mounts = out.spec.mounts;
  std::vector<std::string> binds;
  host.read("Binds", binds);
  for (const auto& text : binds) {
    ASSIGN_OR_RETURN(auto mount, parse_bind(text));
    mounts.push_back(std::move(mount));
  }
  RETURN_IF_ERROR(codec::decode_mounts(host, "Mounts", mounts));
  model::Labels tmpfs;
  host.read("Tmpfs", tmpfs);
  for (const auto& [target, options] : tmpfs) {
    ASSIGN_OR_RETURN(auto mount, parse_tmpfs(target, options));
    mounts.push_back(std::move(mount));
  }
  host.read("VolumesFrom", out.volumes_from);
  return {};
}

// HostPort is "8080", "" or a range.
Result<uint16_t> parse_host_port(std::string_view text) {
  uint16_t port = 0;
  if (text.empty()) return port;
  const auto end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, port);
  if (parsed.ec == std::errc() && parsed.ptr == end) return port;
  if (text.find('-') != std::string_view::npos) {
    return unimplemented("a range of host ports ({}) is not supported yet", text);
  }
  return invalid_argument("invalid port specification: \"{}\"", text);
}

Result<void> decode_ports(JsonReader& host, ContainerConfig& out) {
  host.read("PublishAllPorts", out.publish_all);
  auto bindings = host.child("PortBindings", "PortMap");
  if (!bindings) return {};
  for (const auto& name : bindings->keys()) {
    ASSIGN_OR_RETURN(const auto container_port, parse_container_port(name));
    auto entries = bindings->children(name, "PortBinding");
    if (entries.empty()) out.ports.push_back(container_port);
    for (auto& entry : entries) {
      auto port = container_port;
      std::string host_port;
      entry.read("HostIp", port.host_ip);
      entry.read("HostPort", host_port);
      ASSIGN_OR_RETURN(port.host_port, parse_host_port(host_port));
      out.ports.push_back(std::move(port));
    }
  }
  return {};
}

Result<void> decode_restart(JsonReader& host, ContainerConfig& out) {
  auto policy = host.child("RestartPolicy", "RestartPolicy");
  if (!policy) return {};
  std::string name;
  policy->read("Name", name);
  policy->read("MaximumRetryCount", out.restart_max_attempts);
  if (!codec::read_word(kRestartPolicies, "restart policy", name, out.restart)) {
    return invalid_argument(
        "invalid restart policy: unknown policy '{}'; use one of 'no', 'always', 'on-failure', or "
        "'unless-stopped'",
        name);
  }
  return {};
}

void decode_limits(JsonReader& host, ContainerConfig& out) {
  host.read("NanoCpus", out.nano_cpus);
  host.read("CpuShares", out.cpu_shares);
  host.read("CpuQuota", out.cpu_quota_us);
  host.read("CpuPeriod", out.cpu_period_us);
  host.read("CpusetCpus", out.cpuset_cpus);
  host.read("Memory", out.memory_bytes);
  host.read("MemorySwap", out.memory_swap_bytes);
  host.read("MemoryReservation", out.memory_reservation_bytes);
  host.read("PidsLimit", out.pids_max);
  if (out.pids_max == -1) out.pids_max = 0;  // Both mean "no limit".
  host.read("ShmSize", out.shm_size_bytes);
  host.read("OomKillDisable", out.oom_kill_disable);
  host.read("OomScoreAdj", out.spec.oom_score_adj);
  for (auto& reader : host.children("Ulimits", "Ulimit")) {
    auto& ulimit = out.spec.ulimits.emplace_back();
    reader.read("Name", ulimit.name);
    reader.read("Soft", ulimit.soft);
    reader.read("Hard", ulimit.hard);
  }
}

void decode_isolation(JsonReader& host, ContainerConfig& out) {
  host.read("Privileged", out.privileged);
  host.read("ReadonlyRootfs", out.spec.read_only);
  host.read("CapAdd", out.spec.cap_add);
  host.read("CapDrop", out.spec.cap_drop);
  host.read("SecurityOpt", out.security_options);
  host.read("GroupAdd", out.spec.groups);
  host.read("PidMode", out.pid_mode);
  host.read("IpcMode", out.ipc_mode);
  host.read("UTSMode", out.uts_mode);
  host.read("CgroupParent", out.cgroup_parent);
  host.read("Sysctls", out.spec.sysctls);
  host.read("Init", out.spec.init);
  host.read("Annotations", out.annotations);
  for (auto& reader : host.children("Devices", "DeviceMapping")) {
    auto& device = out.devices.emplace_back();
    reader.read("PathOnHost", device.host_path);
    reader.read("PathInContainer", device.container_path);
    reader.read("CgroupPermissions", device.permissions);
  }
}

// "name:address" becomes "address name", the order of /etc/hosts.
Result<void> decode_names(JsonReader& host, ContainerConfig& out) {
  model::DnsConfig dns;
  host.read("Dns", dns.nameservers);
  host.read("DnsSearch", dns.search);
  host.read("DnsOptions", dns.options);
  if (dns != model::DnsConfig{}) out.spec.dns = std::move(dns);
  std::vector<std::string> extra;
  host.read("ExtraHosts", extra);
  for (const auto& text : extra) {
    const auto colon = text.find(':');
    if (colon == 0 || colon == std::string::npos || colon + 1 == text.size()) {
      return invalid_argument("bad format for add-host: \"{}\"", text);
    }
    out.spec.hosts.push_back(fmt::format("{} {}", text.substr(colon + 1), text.substr(0, colon)));
  }
  return {};
}

void decode_log(JsonReader& host, ContainerConfig& out) {
  auto log = host.child("LogConfig", "LogConfig");
  if (!log) return;
  model::Driver driver;
  log->read("Type", driver.name);
  log->read("Config", driver.options);
  if (!driver.name.empty() || !driver.options.empty()) out.log_driver = std::move(driver);
}

bool is_given(const JsonReader& host, std::string_view key) {
  const std::string value = host.raw(key);
  return !value.empty() && value != "0" && value != "[]" && value != "{}" && value != "\"\"" &&
         value != "false";
}

// What would silently not be kept.
Result<void> refuse_unsupported(JsonReader& host) {
  for (const char* key : {"Links", "StorageOpt", "DeviceRequests", "DeviceCgroupRules",
                          "BlkioWeight", "BlkioWeightDevice", "BlkioDeviceReadBps",
                          "BlkioDeviceWriteBps", "BlkioDeviceReadIOps", "BlkioDeviceWriteIOps",
                          "CpuRealtimePeriod", "CpuRealtimeRuntime", "CpusetMems", "Cgroup"}) {
    if (is_given(host, key)) return unimplemented("HostConfig.{} is not supported yet", key);
  }
  int64_t swappiness = -1;
  host.read("MemorySwappiness", swappiness);
  if (swappiness != -1) return unimplemented("HostConfig.MemorySwappiness is not supported yet");
  std::string runtime, user_namespaces, cgroup_namespaces, volume_driver;
  host.read("Runtime", runtime);
  host.read("UsernsMode", user_namespaces);
  host.read("CgroupnsMode", cgroup_namespaces);
  host.read("VolumeDriver", volume_driver);
  if (!runtime.empty() && runtime != "crun" && runtime != "runc") {
    return invalid_argument("unknown or invalid runtime name: {}", runtime);
  }
  if (!user_namespaces.empty() && user_namespaces != "host") {
    return invalid_argument("invalid USER mode: {}", user_namespaces);
  }
  if (cgroup_namespaces == "host") {
    return unimplemented("the host's cgroup namespace is not supported yet");
  }
  if (!cgroup_namespaces.empty() && cgroup_namespaces != "private") {
    return invalid_argument("invalid CGROUP mode: {}", cgroup_namespaces);
  }
  if (!volume_driver.empty() && volume_driver != "local") {
    return not_found("plugin \"{}\" not found", volume_driver);
  }
  return {};
}

}  // namespace

Result<void> decode_host_config(JsonReader& host, ContainerConfig& out) {
  RETURN_IF_ERROR(refuse_unsupported(host));
  std::string network_mode;
  host.read("NetworkMode", network_mode);
  if (!network_mode.empty() && out.network_mode.empty()) out.network_mode = network_mode;
  host.read("AutoRemove", out.auto_remove);
  RETURN_IF_ERROR(decode_mounts(host, out));
  RETURN_IF_ERROR(decode_ports(host, out));
  RETURN_IF_ERROR(decode_restart(host, out));
  RETURN_IF_ERROR(decode_names(host, out));
  decode_limits(host, out);
  decode_isolation(host, out);
  decode_log(host, out);
  return {};
}

}  // namespace shoal::api
