#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>

#include "engine/spec_parts.h"

namespace shoal::engine::spec {
namespace {

constexpr int64_t kShmSizeDefault = int64_t{64} << 20;

json mount(const char* target, const char* type, const char* source, json options) {
  return {{"destination", target}, {"type", type}, {"source", source}, {"options", options}};
}

json bind(const std::string& source, const std::string& target, json options) {
  return {{"destination", target}, {"type", "bind"}, {"source", source}, {"options", options}};
}

// /dev/shm and /dev/mqueue belong to the ipc namespace: shared when that is.
void add_ipc(json& list, const ContainerDescription& description) {
  const auto& config = description.config;
  if (config.ipc_mode == "host") {
    list.push_back(bind("/dev/shm", "/dev/shm", {"rbind", "rprivate"}));
    list.push_back(bind("/dev/mqueue", "/dev/mqueue", {"rbind", "rprivate"}));
    return;
  }
  list.push_back(mount("/dev/mqueue", "mqueue", "mqueue", {"nosuid", "noexec", "nodev"}));
  if (config.ipc_mode == "none") return;
  const std::string& path = description.ipc_namespace;  // "/proc/PID/ns/ipc"
  if (path.starts_with("/proc/") && path.ends_with("/ns/ipc")) {
    const std::string process = path.substr(0, path.size() - std::string("/ns/ipc").size());
    list.push_back(bind(process + "/root/dev/shm", "/dev/shm", {"rbind", "rprivate"}));
    return;
  }
  const int64_t size = config.shm_size_bytes > 0 ? config.shm_size_bytes : kShmSizeDefault;
  list.push_back(mount("/dev/shm", "tmpfs", "shm",
                       {"nosuid", "noexec", "nodev", "mode=1777", "size=" + std::to_string(size)}));
}

json default_mounts(const ContainerDescription& description, const SpecContext&) {
  const bool privileged = description.config.privileged;
  json list = json::array();
  list.push_back(mount("/proc", "proc", "proc", {"nosuid", "noexec", "nodev"}));
  list.push_back(
      mount("/dev", "tmpfs", "tmpfs", {"nosuid", "strictatime", "mode=755", "size=65536k"}));
  list.push_back(mount("/dev/pts", "devpts", "devpts",
                       {"nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"}));
  const char* access = privileged ? "rw" : "ro";
  list.push_back(mount("/sys", "sysfs", "sysfs", {"nosuid", "noexec", "nodev", access}));
  list.push_back(
      mount("/sys/fs/cgroup", "cgroup", "cgroup", {"nosuid", "noexec", "nodev", access}));
  add_ipc(list, description);
  return list;
}

Result<json> bind_mount(const model::Mount& wanted) {
  if (!wanted.source.starts_with('/')) {
    return invalid_argument(
        "invalid mount config for type \"bind\": invalid mount path: '{}' mount "
        "path must be absolute",
        wanted.source);
  }
  if (wanted.bind_create_mountpoint) {
    std::error_code ignored;  // What is missing then is reported below.
    std::filesystem::create_directories(wanted.source, ignored);
  }
  struct stat info{};
  if (::stat(wanted.source.c_str(), &info) != 0) {
    return invalid_argument(
        "invalid mount config for type \"bind\": bind source path does not exist: {}",
        wanted.source);
  }
  static const std::set<std::string> kPropagations = {"private", "rprivate", "shared",
                                                      "rshared", "slave",    "rslave"};
  if (!wanted.propagation.empty() && !kPropagations.contains(wanted.propagation)) {
    return invalid_argument("invalid mount config for type \"bind\": invalid propagation mode: {}",
                            wanted.propagation);
  }
  json options = json::array({wanted.bind_non_recursive ? "bind" : "rbind"});
  options.push_back(wanted.propagation.empty() ? "rprivate" : wanted.propagation);
  if (wanted.read_only) options.push_back("ro");
  return bind(wanted.source, wanted.target, std::move(options));
}

json volume_mount(const model::Mount& wanted) {
  json options = json::array({"rbind", "rprivate"});
  if (wanted.read_only) options.push_back("ro");
  return bind(wanted.source, wanted.target, std::move(options));
}

json tmpfs_mount(const model::Mount& wanted) {
  json options = json::array({"noexec", "nosuid", "nodev"});
  for (const auto& option : wanted.tmpfs_options) {
    if (option.empty()) continue;
    const std::string& name = option.front();
    if (name == "exec" || name == "suid" || name == "dev") {
      options.erase(std::remove(options.begin(), options.end(), "no" + name), options.end());
    }
    options.push_back(option.size() > 1 ? name + "=" + option[1] : name);
  }
  if (wanted.read_only) options.push_back("ro");
  if (wanted.tmpfs_size_bytes > 0) {
    options.push_back("size=" + std::to_string(wanted.tmpfs_size_bytes));
  }
  if (wanted.tmpfs_mode != 0) options.push_back(fmt::format("mode={:o}", wanted.tmpfs_mode));
  return {{"destination", wanted.target},
          {"type", "tmpfs"},
          {"source", "tmpfs"},
          {"options", std::move(options)}};
}

Result<json> user_mount(const model::Mount& wanted) {
  if (!wanted.target.starts_with('/') || wanted.target == "/") {
    return invalid_argument("invalid mount target, must be an absolute path in the container: '{}'",
                            wanted.target);
  }
  switch (wanted.type) {
    case model::MountType::Bind:
      return bind_mount(wanted);
    case model::MountType::Volume:
      return volume_mount(wanted);
    case model::MountType::Tmpfs:
      return tmpfs_mount(wanted);
    case model::MountType::Npipe:
    case model::MountType::Cluster:
      break;
  }
  return unimplemented("mounts of type npipe and cluster are not there yet");
}

std::string normal(const std::string& path) {
  std::string text = std::filesystem::path(path).lexically_normal();
  while (text.size() > 1 && text.ends_with('/')) text.pop_back();
  return text;
}

// A mount of the user's at the place of a default one takes its place.
void put(json& list, json entry) {
  const std::string target = normal(entry.at("destination"));
  entry["destination"] = target;
  std::erase_if(list.get_ref<json::array_t&>(), [&](const json& other) {
    return other.at("destination").get<std::string>() == target;
  });
  list.push_back(std::move(entry));
}

}  // namespace

Result<json> mounts(const ContainerDescription& description, const SpecContext& context) {
  json list = default_mounts(description, context);
  // Outer folders first, or they would hide the inner ones.
  auto wanted = description.config.spec.mounts;
  std::stable_sort(wanted.begin(), wanted.end(), [](const auto& a, const auto& b) {
    const auto depth = [](const std::string& path) {
      return std::count(path.begin(), path.end(), '/');
    };
    return depth(normal(a.target)) < depth(normal(b.target));
  });
  for (const auto& entry : wanted) {
    ASSIGN_OR_RETURN(json made, user_mount(entry));
    put(list, std::move(made));
  }
  for (const auto& provided : description.provided_mounts) {
    json options = json::array({"rbind", "rprivate"});
    if (provided.read_only) options.push_back("ro");
    put(list, bind(provided.source, provided.target, std::move(options)));
  }
  if (description.config.spec.init.value_or(false)) {
    put(list, bind(context.init, "/sbin/docker-init", {"bind", "ro"}));
  }
  return list;
}

}  // namespace shoal::engine::spec
