#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cctype>
#include <cerrno>
#include <filesystem>

#include "engine/spec_parts.h"

namespace shoal::engine::spec {
namespace {

constexpr int64_t kCpuPeriodUs = 100'000;

json device_rule(const char* type, json major, json minor, const std::string& access) {
  json rule = {{"allow", true}, {"type", type}, {"access", access}};
  if (!major.is_null()) rule["major"] = major;
  if (!minor.is_null()) rule["minor"] = minor;
  return rule;
}

// Docker's list: nothing but making device nodes, the harmless devices, and terminals.
json default_device_rules() {
  json rules = json::array({{{"allow", false}, {"access", "rwm"}}});
  rules.push_back(device_rule("c", nullptr, nullptr, "m"));
  rules.push_back(device_rule("b", nullptr, nullptr, "m"));
  constexpr std::pair<int, int> kHarmless[] = {{1, 3}, {1, 5}, {1, 7}, {1, 8},
                                               {1, 9}, {5, 0}, {5, 1}, {5, 2}};
  for (const auto& [major, minor] : kHarmless) {
    rules.push_back(device_rule("c", major, minor, "rwm"));
  }
  rules.push_back(device_rule("c", 136, nullptr, "rwm"));  // pts
  return rules;
}

json cpu(const model::ContainerConfig& config) {
  json cpu = json::object();
  if (config.cpu_shares > 0) cpu["shares"] = config.cpu_shares;
  if (config.nano_cpus > 0) {
    cpu["period"] = kCpuPeriodUs;
    cpu["quota"] = config.nano_cpus * kCpuPeriodUs / 1'000'000'000;
  } else {
    if (config.cpu_quota_us != 0) cpu["quota"] = config.cpu_quota_us;
    if (config.cpu_period_us > 0) cpu["period"] = config.cpu_period_us;
  }
  if (!config.cpuset_cpus.empty()) cpu["cpus"] = config.cpuset_cpus;
  return cpu;
}

json memory(const model::ContainerConfig& config, const HostFacts& host) {
  json memory = json::object();
  if (config.memory_bytes > 0) {
    memory["limit"] = config.memory_bytes;
    // Docker: as much swap again as memory, unless said otherwise.
    const int64_t swap =
        config.memory_swap_bytes == 0 ? 2 * config.memory_bytes : config.memory_swap_bytes;
    if (host.swap_limit) memory["swap"] = swap;
  }
  if (config.memory_reservation_bytes > 0) memory["reservation"] = config.memory_reservation_bytes;
  if (config.oom_kill_disable && host.cgroup_layout != CgroupLayout::V2) {
    memory["disableOOMKiller"] = true;
  }
  return memory;
}

struct DeviceNode {
  std::string container_path;
  std::string permissions;
  struct stat info{};
};

Result<void> gather(const std::string& host_path, const std::string& container_path,
                    const std::string& permissions, std::vector<DeviceNode>& nodes) {
  DeviceNode node{container_path, permissions.empty() ? "rwm" : permissions, {}};
  if (::stat(host_path.c_str(), &node.info) != 0) {
    return invalid_argument(
        "error gathering device information while adding custom device \"{}\": {}", host_path,
        errno == ENOENT ? "no such file or directory" : ::strerror(errno));
  }
  if (S_ISCHR(node.info.st_mode) || S_ISBLK(node.info.st_mode)) {
    nodes.push_back(std::move(node));
    return {};
  }
  if (!S_ISDIR(node.info.st_mode)) {
    return invalid_argument(
        "error gathering device information while adding custom device \"{}\": not a device node",
        host_path);
  }
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(host_path)) {
    if (entry.is_symlink() || entry.is_regular_file()) continue;
    names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  for (const auto& name : names) {
    // What is neither a device nor a folder in there (a socket) is passed over.
    (void)gather(host_path + "/" + name, container_path + "/" + name, permissions, nodes);
  }
  return {};
}

Result<std::vector<DeviceNode>> gather_all(const model::ContainerConfig& config) {
  std::vector<DeviceNode> nodes;
  if (config.privileged) {
    RETURN_IF_ERROR(gather("/dev", "/dev", "rwm", nodes));
    // These are mounts of the container's own.
    std::erase_if(nodes, [](const DeviceNode& node) {
      const std::string& path = node.container_path;
      return path.starts_with("/dev/pts/") || path.starts_with("/dev/shm/") ||
             path.starts_with("/dev/mqueue/") || path == "/dev/ptmx" || path == "/dev/console";
    });
  }
  for (const auto& device : config.devices) {
    const auto& inside = device.container_path.empty() ? device.host_path : device.container_path;
    RETURN_IF_ERROR(gather(device.host_path, inside, device.permissions, nodes));
  }
  return nodes;
}

const char* device_type(const DeviceNode& node) {
  return S_ISBLK(node.info.st_mode) ? "b" : "c";
}

bool is_ipc_sysctl(const std::string& name) {
  static constexpr std::string_view kNames[] = {
      "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem",
      "kernel.shmall", "kernel.shmmax", "kernel.shmmni", "kernel.shm_rmid_forced"};
  return std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames) ||
         name.starts_with("fs.mqueue.");
}

bool joins(const std::string& mode) {
  return mode.starts_with("container:");
}

}  // namespace

bool shares_host_pids(const model::ContainerConfig& config) {
  return config.pid_mode == "host";
}

json namespaces(const ContainerDescription& description, const SpecContext& context) {
  const auto& config = description.config;
  json list = json::array({{{"type", "mount"}}});
  if (config.uts_mode != "host") list.push_back({{"type", "uts"}});
  const auto add = [&list](const char* type, const std::string& path) {
    json entry = {{"type", type}};
    if (!path.empty()) entry["path"] = path;
    list.push_back(std::move(entry));
  };
  if (!shares_host_pids(config)) add("pid", description.pid_namespace);
  if (config.ipc_mode != "host") add("ipc", description.ipc_namespace);
  if (!description.network_namespace.empty()) add("network", description.network_namespace);
  if (context.host->cgroup_layout == CgroupLayout::V2) add("cgroup", "");
  return list;
}

Result<json> resources(const ContainerDescription& description, const SpecContext& context) {
  const auto& config = description.config;
  json rules = json::array();
  if (config.privileged) {
    rules.push_back({{"allow", true}, {"access", "rwm"}});
  } else {
    rules = default_device_rules();
    ASSIGN_OR_RETURN(const auto nodes, gather_all(config));
    for (const auto& node : nodes) {
      rules.push_back(device_rule(device_type(node), major(node.info.st_rdev),
                                  minor(node.info.st_rdev), node.permissions));
    }
  }
  json resources = {{"devices", std::move(rules)}};
  if (json part = cpu(config); !part.empty()) resources["cpu"] = std::move(part);
  if (json part = memory(config, *context.host); !part.empty()) {
    resources["memory"] = std::move(part);
  }
  if (config.pids_max > 0) resources["pids"] = {{"limit", config.pids_max}};
  return resources;
}

Result<json> devices(const ContainerDescription& description) {
  json list = json::array();
  ASSIGN_OR_RETURN(const auto nodes, gather_all(description.config));
  for (const auto& node : nodes) {
    list.push_back({{"path", node.container_path},
                    {"type", device_type(node)},
                    {"major", major(node.info.st_rdev)},
                    {"minor", minor(node.info.st_rdev)},
                    {"fileMode", node.info.st_mode & 0777},
                    {"uid", node.info.st_uid},
                    {"gid", node.info.st_gid}});
  }
  return list;
}

Result<json> sysctls(const ContainerDescription& description) {
  const auto& config = description.config;
  json map = json::object();
  for (const auto& [name, value] : config.spec.sysctls) {
    const bool own_ipc = config.ipc_mode != "host" && !joins(config.ipc_mode);
    const bool own_network = !description.network_namespace.empty() && !joins(config.network_mode);
    if (is_ipc_sysctl(name)) {
      if (!own_ipc) {
        return invalid_argument("sysctl \"{}\" is not allowed in the hosts ipc namespace", name);
      }
    } else if (name.starts_with("net.")) {
      if (!own_network) {
        return invalid_argument("sysctl \"{}\" is not allowed in host network namespace", name);
      }
    } else if (name != "kernel.domainname") {
      return invalid_argument("sysctl \"{}\" is not in a separate kernel namespace", name);
    }
    map[name] = value;
  }
  if (!config.domainname.empty() && config.uts_mode != "host") {
    map.emplace("kernel.domainname", config.domainname);
  }
  return map;
}

Result<json> rlimits(const ContainerDescription& description) {
  static constexpr std::string_view kNames[] = {
      "core",   "cpu",   "data", "fsize",  "locks",  "memlock",    "msgqueue", "nice",
      "nofile", "nproc", "rss",  "rtprio", "rttime", "sigpending", "stack"};
  json list = json::array();
  for (const auto& limit : description.config.spec.ulimits) {
    if (std::find(std::begin(kNames), std::end(kNames), limit.name) == std::end(kNames)) {
      return invalid_argument("invalid ulimit type: {}", limit.name);
    }
    // -1 is "unlimited": the largest number of the specification's unsigned type.
    if (limit.hard != -1 && (limit.soft == -1 || limit.soft > limit.hard)) {
      return invalid_argument("ulimit soft limit must be less than or equal to hard limit: {} > {}",
                              limit.soft, limit.hard);
    }
    std::string type = "RLIMIT_";
    for (const char c : limit.name) type += char(std::toupper(static_cast<unsigned char>(c)));
    list.push_back(
        {{"type", type}, {"soft", uint64_t(limit.soft)}, {"hard", uint64_t(limit.hard)}});
  }
  return list;
}

}  // namespace shoal::engine::spec
