// What to run: the parts of a container that a service's task and `docker run` have in common.
//
// Field by field the ContainerSpec of Docker's API 1.50 (TaskTemplate.ContainerSpec). Empty means
// "not given": the image's own value or the default applies when the container is made.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"

namespace shoal::model {

enum class MountType { Bind, Volume, Tmpfs, Npipe, Cluster };

struct Mount {
  MountType type = MountType::Volume;
  std::string source;  // host path, or volume name; empty: an anonymous volume
  std::string target;
  bool read_only = false;
  std::string consistency;
  // bind
  std::string propagation;  // "", rprivate, private, rshared, shared, rslave, slave
  bool bind_non_recursive = false;
  bool bind_create_mountpoint = false;
  bool bind_read_only_non_recursive = false;
  bool bind_read_only_force_recursive = false;
  // volume
  bool volume_no_copy = false;
  Labels volume_labels;
  std::optional<Driver> volume_driver;
  std::string volume_subpath;
  // tmpfs
  int64_t tmpfs_size_bytes = 0;  // 0: no limit of its own
  uint32_t tmpfs_mode = 0;       // 0: 01777
  std::vector<std::vector<std::string>> tmpfs_options;

  bool operator==(const Mount&) const = default;
};

struct HealthConfig {
  std::vector<std::string> test;  // {"NONE"}, {"CMD", …}, {"CMD-SHELL", text}; empty: the image's
  Duration interval{0};
  Duration timeout{0};
  Duration start_period{0};
  Duration start_interval{0};
  int32_t retries = 0;

  bool operator==(const HealthConfig&) const = default;
};

struct Ulimit {
  std::string name;
  int64_t soft = 0;
  int64_t hard = 0;

  bool operator==(const Ulimit&) const = default;
};

// A secret or config as the container sees it.
struct FileReference {
  std::string object_id;
  std::string object_name;
  bool runtime = false;  // configs only: used by the runtime (credential spec), no file
  std::string target;
  std::string uid = "0";
  std::string gid = "0";
  uint32_t mode = 0444;

  bool operator==(const FileReference&) const = default;
};

struct DnsConfig {
  std::vector<std::string> nameservers;
  std::vector<std::string> search;
  std::vector<std::string> options;

  bool operator==(const DnsConfig&) const = default;
};

// Kept as Docker sends it; what has no meaning on Linux is stored and shown, and does nothing.
struct Privileges {
  bool no_new_privileges = false;
  std::string seccomp_mode;  // "", default, unconfined, custom
  std::string seccomp_profile;
  std::string apparmor_mode;
  std::string credential_spec_json;  // as given, or empty
  std::string selinux_json;          // as given, or empty

  bool operator==(const Privileges&) const = default;
};

struct ContainerSpec {
  std::string image;
  Labels labels;
  std::vector<std::string> command;  // the entrypoint
  std::vector<std::string> args;     // the image's CMD is used when both are empty
  std::string hostname;
  std::vector<std::string> env;  // "NAME=value", or "NAME" to remove one of the image's
  std::string dir;
  std::string user;
  std::vector<std::string> groups;
  std::optional<Privileges> privileges;
  bool tty = false;
  bool open_stdin = false;
  bool read_only = false;
  std::vector<Mount> mounts;
  std::string stop_signal;
  std::optional<Duration> stop_grace_period;
  std::optional<HealthConfig> healthcheck;
  std::vector<std::string> hosts;  // "address name [alias …]", as in /etc/hosts
  std::optional<DnsConfig> dns;
  std::vector<FileReference> secrets;
  std::vector<FileReference> configs;
  std::string isolation;
  std::optional<bool> init;
  std::map<std::string, std::string> sysctls;
  std::vector<std::string> cap_add;
  std::vector<std::string> cap_drop;
  std::vector<Ulimit> ulimits;
  int64_t oom_score_adj = 0;
  // PullOptions: never shown by the API, and a change of it alone does not dirty a slot.
  std::string registry_auth;

  bool operator==(const ContainerSpec&) const = default;
};

}  // namespace shoal::model
