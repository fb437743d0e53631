// One container as the engine is told to run it: everything is resolved. No image, network or
// volume name is left: paths only.
#pragma once

#include <string>
#include <vector>

#include "model/container.h"

namespace shoal::engine {

// A file or folder of the machine that the container sees at another place, beyond the mounts of
// the specification: resolv.conf, hosts, secrets.
struct ProvidedMount {
  std::string source;  // exists
  std::string target;  // absolute, inside the container
  bool read_only = false;

  bool operator==(const ProvidedMount&) const = default;
};

struct ContainerDescription {
  std::string id;  // 64 hex digits; names the cgroup, the bundle and the runtime's state

  // As asked for, merged with the image by the caller:
  // - spec.command + spec.args is the command line; spec.env is complete (PATH included; HOME is
  //   added here from the passwd file, HOSTNAME and TERM here too, unless given), spec.dir and
  //   spec.user are what shall apply.
  // - mounts of type Volume have their folder's path as source; Bind and Tmpfs are as given.
  // - names of networks, ports, labels, restart policy and health check have no meaning here.
  model::ContainerConfig config;

  std::string rootfs;  // mounted already; absolute
  std::string
      network_namespace;      // path such as /run/netns/x or /proc/PID/ns/net; empty: the host's
  std::string pid_namespace;  // path, for pid_mode "container:ID"; empty otherwise
  std::string ipc_namespace;  // path, for ipc_mode "container:ID"; empty otherwise
  std::string cgroup_parent;  // "/shoal"; empty: the engine's own
  std::string log_path;       // absolute, in a folder that exists; empty: nothing is kept
  std::vector<ProvidedMount> provided_mounts;  // mounted last, so they win

  bool operator==(const ContainerDescription&) const = default;
};

}  // namespace shoal::engine
