// inspect's Config and HostConfig, back in Docker's form.
#include <map>

#include "api/containers/container_json.h"
#include "codec/json_mounts.h"
#include "network/ports.h"

namespace shoal::api {
namespace {

using codec::JsonWriter;
using containers::Container;
using model::ContainerConfig;

void write_set(JsonWriter& json, std::string_view name, const std::vector<std::string>& members) {
  if (members.empty()) return;
  json.key(name).begin_object();
  for (const auto& member : members) json.key(member).begin_object().end_object();
  json.end_object();
}

void write_list_or_null(JsonWriter& json, std::string_view name,
                        const std::vector<std::string>& list) {
  json.key(name);
  if (list.empty()) {
    json.null();
  } else {
    json.value(list);
  }
}

void write_health_check(JsonWriter& json, const model::HealthConfig& health) {
  json.key("Healthcheck").begin_object();
  json.optional_field("Test", health.test);
  json.optional_field("Interval", health.interval.count());
  json.optional_field("Timeout", health.timeout.count());
  json.optional_field("StartPeriod", health.start_period.count());
  json.optional_field("StartInterval", health.start_interval.count());
  json.optional_field("Retries", health.retries);
  json.end_object();
}

std::string_view restart_name(model::ContainerRestart restart) {
  switch (restart) {
    case model::ContainerRestart::No:
      return "no";
    case model::ContainerRestart::Always:
      return "always";
    case model::ContainerRestart::UnlessStopped:
      return "unless-stopped";
    case model::ContainerRestart::OnFailure:
      return "on-failure";
  }
  return "";
}

void write_port_bindings(JsonWriter& json, const ContainerConfig& config) {
  std::map<std::string, std::vector<model::PortBinding>> by_port;
  for (const auto& port : config.ports) {
    const auto name = fmt::format("{}/{}", port.container_port, network::to_text(port.protocol));
    by_port[name].push_back(port);
  }
  json.key("PortBindings").begin_object();
  for (const auto& [name, bindings] : by_port) {
    json.key(name).begin_array();
    for (const auto& binding : bindings) {
      json.begin_object();
      json.field("HostIp", binding.host_ip);
      json.field("HostPort", binding.host_port == 0 ? "" : std::to_string(binding.host_port));
      json.end_object();
    }
    json.end_array();
  }
  json.end_object();
  json.field("PublishAllPorts", config.publish_all);
}

void write_limits(JsonWriter& json, const ContainerConfig& config) {
  json.field("CpuShares", config.cpu_shares);
  json.field("Memory", config.memory_bytes);
  json.field("NanoCpus", config.nano_cpus);
  json.field("CgroupParent", config.cgroup_parent);
  json.field("CpuPeriod", config.cpu_period_us);
  json.field("CpuQuota", config.cpu_quota_us);
  json.field("CpusetCpus", config.cpuset_cpus);
  json.field("CpusetMems", "");
  json.field("MemoryReservation", config.memory_reservation_bytes);
  json.field("MemorySwap", config.memory_swap_bytes);
  json.key("MemorySwappiness").null();
  json.field("OomKillDisable", config.oom_kill_disable);
  json.field("PidsLimit", config.pids_max);
  json.field("ShmSize", config.shm_size_bytes == 0 ? int64_t{64} << 20 : config.shm_size_bytes);
  json.key("Ulimits").begin_array();
  for (const auto& ulimit : config.spec.ulimits) {
    json.begin_object();
    json.field("Name", ulimit.name);
    json.field("Hard", ulimit.hard);
    json.field("Soft", ulimit.soft);
    json.end_object();
  }
  json.end_array();
  json.key("Devices").begin_array();
  for (const auto& device : config.devices) {
    json.begin_object();
    json.field("PathOnHost", device.host_path);
    json.field("PathInContainer", device.container_path);
    json.field("CgroupPermissions", device.permissions);
    json.end_object();
  }
  json.end_array();
}

void write_isolation(JsonWriter& json, const ContainerConfig& config) {
  const auto& spec = config.spec;
  write_list_or_null(json, "CapAdd", spec.cap_add);
  write_list_or_null(json, "CapDrop", spec.cap_drop);
  json.field("CgroupnsMode", "private");
  write_list_or_null(json, "GroupAdd", spec.groups);
  json.field("IpcMode", config.ipc_mode.empty() ? "private" : config.ipc_mode);
  json.field("PidMode", config.pid_mode);
  json.field("UTSMode", config.uts_mode);
  json.field("UsernsMode", "");
  json.field("OomScoreAdj", spec.oom_score_adj);
  json.field("Privileged", config.privileged);
  json.field("ReadonlyRootfs", spec.read_only);
  write_list_or_null(json, "SecurityOpt", config.security_options);
  json.optional_field("Sysctls", spec.sysctls);
  json.field("Runtime", "crun");
  if (spec.init) json.field("Init", *spec.init);
}

void write_names(JsonWriter& json, const model::ContainerSpec& spec) {
  const auto dns = spec.dns.value_or(model::DnsConfig{});
  json.field("Dns", dns.nameservers);
  json.field("DnsOptions", dns.options);
  json.field("DnsSearch", dns.search);
  std::vector<std::string> hosts;  // "address name" is "name:address" here
  for (const auto& line : spec.hosts) {
    const auto space = line.find(' ');
    hosts.push_back(line.substr(space + 1) + ":" + line.substr(0, space));
  }
  write_list_or_null(json, "ExtraHosts", hosts);
}

}  // namespace

void write_config(JsonWriter& json, const Container& container) {
  const auto& config = container.config;
  const auto& spec = config.spec;
  json.key("Config").begin_object();
  json.field("Hostname", spec.hostname);
  json.field("Domainname", config.domainname);
  json.field("User", spec.user);
  json.field("AttachStdin", config.attach_stdin);
  json.field("AttachStdout", config.attach_stdout);
  json.field("AttachStderr", config.attach_stderr);
  write_set(json, "ExposedPorts", config.exposed_ports);
  json.field("Tty", spec.tty);
  json.field("OpenStdin", spec.open_stdin);
  json.field("StdinOnce", config.stdin_once);
  json.field("Env", spec.env);
  write_list_or_null(json, "Cmd", spec.args);
  if (spec.healthcheck) write_health_check(json, *spec.healthcheck);
  json.field("Image", spec.image);
  std::vector<std::string> volumes;
  for (const auto& mount : container.mounts) {
    if (mount.anonymous) volumes.push_back(mount.target);
  }
  write_set(json, "Volumes", volumes);
  json.field("WorkingDir", spec.dir);
  write_list_or_null(json, "Entrypoint", spec.command);
  json.key("OnBuild").null();
  json.field("Labels", spec.labels);
  json.optional_field("StopSignal", spec.stop_signal);
  if (spec.stop_grace_period) json.field("StopTimeout", *spec.stop_grace_period / 1s);
  json.end_object();
}

void write_host_config(JsonWriter& json, const Container& container) {
  const auto& config = container.config;
  const model::Driver log = config.log_driver.value_or(model::Driver{});
  json.key("HostConfig").begin_object();
  json.key("Binds").null();
  json.field("ContainerIDFile", "");
  json.key("LogConfig").begin_object();
  json.field("Type", log.name.empty() ? "json-file" : log.name);
  json.field("Config", log.options);
  json.end_object();
  json.field("NetworkMode", config.network_mode.empty() ? "default" : config.network_mode);
  write_port_bindings(json, config);
  json.key("RestartPolicy").begin_object();
  json.field("Name", restart_name(config.restart));
  json.field("MaximumRetryCount", config.restart_max_attempts);
  json.end_object();
  json.field("AutoRemove", config.auto_remove);
  json.field("VolumeDriver", "");
  write_list_or_null(json, "VolumesFrom", config.volumes_from);
  json.key("ConsoleSize").begin_array().value(0).value(0).end_array();
  json.optional_field("Annotations", config.annotations);
  write_names(json, config.spec);
  json.key("Links").null();
  write_isolation(json, config);
  codec::encode_mounts(json, "Mounts", config.spec.mounts);
  write_limits(json, config);
  json.end_object();
}

}  // namespace shoal::api
