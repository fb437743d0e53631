#include "containers/records.h"

#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>

#include <cerrno>

#include <nlohmann/json.hpp>

#include "os/fd.h"
#include "os/file.h"

// Durations and times are numbers of nanoseconds; what is not set is left out.
namespace nlohmann {
template <class Rep, class Period>
struct adl_serializer<std::chrono::duration<Rep, Period>> {
  static void to_json(json& j, std::chrono::duration<Rep, Period> d) { j = d.count(); }
  static void from_json(const json& j, std::chrono::duration<Rep, Period>& d) {
    d = std::chrono::duration<Rep, Period>(j.get<Rep>());
  }
};
template <class T>
struct adl_serializer<std::optional<T>> {
  static void to_json(json& j, const std::optional<T>& value) {
    if (value) {
      j = *value;
    } else {
      j = nullptr;
    }
  }
  static void from_json(const json& j, std::optional<T>& value) {
    if (j.is_null()) {
      value.reset();
    } else {
      value.emplace(j.get<T>());
    }
  }
};
}  // namespace nlohmann

#define SHOAL_FIELDS NLOHMANN_DEFINE_TYPE_NON_INTRUSIVE_WITH_DEFAULT

namespace shoal {
void to_json(nlohmann::json& j, const Time& time) {
  j = time.unix_ns;
}
void from_json(const nlohmann::json& j, Time& time) {
  time.unix_ns = j.get<int64_t>();
}
}  // namespace shoal

namespace shoal::model {
SHOAL_FIELDS(Driver, name, options)
SHOAL_FIELDS(Mount, type, source, target, read_only, consistency, propagation, bind_non_recursive,
             bind_create_mountpoint, bind_read_only_non_recursive, bind_read_only_force_recursive,
             volume_no_copy, volume_labels, volume_driver, volume_subpath, tmpfs_size_bytes,
             tmpfs_mode, tmpfs_options)
SHOAL_FIELDS(HealthConfig, test, interval, timeout, start_period, start_interval, retries)
SHOAL_FIELDS(Ulimit, name, soft, hard)
SHOAL_FIELDS(FileReference, object_id, object_name, runtime, target, uid, gid, mode)
SHOAL_FIELDS(DnsConfig, nameservers, search, options)
SHOAL_FIELDS(Privileges, no_new_privileges, seccomp_mode, seccomp_profile, apparmor_mode,
             credential_spec_json, selinux_json)
// Without registry_auth: it is a secret, and pulling is over.
SHOAL_FIELDS(ContainerSpec, image, labels, command, args, hostname, env, dir, user, groups,
             privileges, tty, open_stdin, read_only, mounts, stop_signal, stop_grace_period,
             healthcheck, hosts, dns, secrets, configs, isolation, init, sysctls, cap_add, cap_drop,
             ulimits, oom_score_adj)
SHOAL_FIELDS(PortBinding, protocol, container_port, host_ip, host_port)
SHOAL_FIELDS(NetworkConnection, driver, network, name, address, addresses, aliases, ingress,
             internal, attachable, attachment)
SHOAL_FIELDS(DeviceMapping, host_path, container_path, permissions)
SHOAL_FIELDS(ContainerConfig, name, spec, attach_stdin, attach_stdout, attach_stderr, stdin_once,
             domainname, exposed_ports, annotations, nano_cpus, cpu_shares, cpu_quota_us,
             cpu_period_us, cpuset_cpus, memory_bytes, memory_swap_bytes, memory_reservation_bytes,
             pids_max, shm_size_bytes, oom_kill_disable, network_mode, ports, publish_all, pid_mode,
             ipc_mode, uts_mode, cgroup_parent, privileged, devices, security_options, volumes_from,
             auto_remove, restart, restart_max_attempts, log_driver, platform, networks)
}  // namespace shoal::model

namespace shoal::network {
template <class T>
void text_from_json(const nlohmann::json& j, T& value) {
  auto parsed = T::parse(j.get<std::string>());
  if (!parsed) throw std::invalid_argument(parsed.error().message);
  value = *parsed;
}
void to_json(nlohmann::json& j, const IpAddress& address) {
  j = address.str();
}
void from_json(const nlohmann::json& j, IpAddress& address) {
  text_from_json(j, address);
}
void to_json(nlohmann::json& j, const Subnet& subnet) {
  j = subnet.str();
}
void from_json(const nlohmann::json& j, Subnet& subnet) {
  text_from_json(j, subnet);
}
void to_json(nlohmann::json& j, const MacAddress& mac) {
  j = mac.str();
}
void from_json(const nlohmann::json& j, MacAddress& mac) {
  text_from_json(j, mac);
}
SHOAL_FIELDS(PublishedPort, protocol, host_ip, host_port, container_port)
SHOAL_FIELDS(OverlayAttachment, network, addresses, link)
}  // namespace shoal::network

namespace shoal::netdriver {
SHOAL_FIELDS(Endpoint, container_id, container_name, network, endpoint_id, netns_path, link,
             address, gateway, default_route, mac, ports)
SHOAL_FIELDS(OverlayEndpoint, attachment, mac)
}  // namespace shoal::netdriver

namespace shoal::containers {
SHOAL_FIELDS(MountPoint, type, name, source, target, driver, propagation, read_only, anonymous)
SHOAL_FIELDS(ExecConfig, argv, env, working_dir, user, tty, attach_stdin, attach_stdout,
             attach_stderr, privileged, detach_keys)
SHOAL_FIELDS(Connections, netns_path, bridges, overlays)
SHOAL_FIELDS(State, status, exit_code, oom_killed, error, started_at, finished_at)

namespace {

using nlohmann::json;

constexpr size_t kRecordBytesMax = size_t{8} << 20;

std::string path_in(const std::string& folder) {
  return folder + "/container.json";
}
std::string removing_path_in(const std::string& folder) {
  return folder + "/removing.json";
}

Result<EntryRef> read_from(const std::string& path, const std::string& folder) {
  ASSIGN_OR_RETURN(const std::string text, os::read_file(path, kRecordBytesMax));
  ASSIGN_OR_RETURN(auto entry, parse_record(text));
  entry->folder = folder;
  return entry;
}

// Not synced, but never seen half written by a reader of this boot.
Result<void> replace_file(const std::string& path, std::string_view bytes) {
  const std::string beside = path + ".new";
  const os::Fd fd(::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (!fd) return os::system_error("create", beside, errno);
  if (::write(fd.get(), bytes.data(), bytes.size()) != ssize_t(bytes.size())) {
    return os::system_error("write", beside, errno);
  }
  if (::rename(beside.c_str(), path.c_str()) != 0) return os::system_error("rename", path, errno);
  return {};
}

}  // namespace

std::string record_text(const Entry& entry) {
  return json{{"id", entry.id},
              {"name", entry.name},
              {"created_at", entry.created_at},
              {"config", entry.config},
              {"image_id", entry.image_id},
              {"mounts", entry.mounts},
              {"state", entry.state},
              {"restart_count", entry.restart_count},
              {"log_path", entry.log_path},
              {"connections", entry.connections},
              {"stopped_by_user", entry.stopped_by_user},
              {"begun_in", entry.begun_in}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<EntryRef> parse_record(std::string_view text) {
  try {
    const json stored = json::parse(text);
    auto entry = std::make_shared<Entry>();
    stored.at("id").get_to(entry->id);
    stored.at("name").get_to(entry->name);
    stored.at("created_at").get_to(entry->created_at);
    stored.at("config").get_to(entry->config);
    stored.at("image_id").get_to(entry->image_id);
    stored.at("mounts").get_to(entry->mounts);
    stored.at("state").get_to(entry->state);
    stored.at("restart_count").get_to(entry->restart_count);
    stored.at("log_path").get_to(entry->log_path);
    stored.at("stopped_by_user").get_to(entry->stopped_by_user);
    entry->connections = stored.value("connections", Connections{});
    entry->begun_in = stored.value("begun_in", "");
    return entry;
  } catch (const std::exception& damage) {
    return internal_error("damaged record of a container: {}", damage.what());
  }
}

std::string exec_text(const ExecConfig& config) {
  return json(config).dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<ExecConfig> parse_exec(std::string_view text) {
  try {
    return json::parse(text).get<ExecConfig>();
  } catch (const std::exception& damage) {
    return internal_error("damaged record of an exec: {}", damage.what());
  }
}

Result<void> write_record(const std::string& folder, std::string_view text, bool synced) {
  return synced ? os::write_file(path_in(folder), text) : replace_file(path_in(folder), text);
}

Result<EntryRef> read_record(const std::string& folder) {
  return read_from(path_in(folder), folder);
}

Result<void> begin_removal(const std::string& folder, bool with_volumes) {
  const std::string path = path_in(folder);
  const int failed = with_volumes ? ::rename(path.c_str(), removing_path_in(folder).c_str())
                                  : ::unlink(path.c_str());
  if (failed == 0 || errno == ENOENT) return {};
  return os::system_error("remove", path, errno);
}

Result<EntryRef> read_removing(const std::string& folder) {
  return read_from(removing_path_in(folder), folder);
}

}  // namespace shoal::containers
