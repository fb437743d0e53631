// The command line and the configuration file of shoald. Both use dockerd's names where they mean
// the same (dockerd(8), daemon.json), so an operator's habits and files keep working.
#pragma once

#include <string>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "model/common.h"

namespace shoal::daemon {

struct Flags {
  std::vector<std::string> hosts;  // "unix:///path", "tcp://host:port"
  std::string data_root = "/var/lib/shoal";
  std::string exec_root = "/run/shoal";
  std::string pidfile;                   // empty: exec_root/shoald.pid
  std::string cgroup_parent = "/shoal";  // containers' cgroups are made below it
  std::string group = "docker";          // of the unix socket, when the group exists
  std::string bridge = "shoal0";         // the link of the bridge network
  std::vector<std::string> insecure_registries;
  int registry_timeout_s = 30;  // for a document, or without progress of a layer
  model::Labels labels;         // engine.labels.* in constraints
  LogLevel log_level = LogLevel::Info;
  bool experimental = false;  // accepted for dockerd's sake; changes nothing
  bool cleanup = false;       // remove what a daemon with these folders left, and end
  std::string backup;         // the file to back up the swarm to; empty: none
  std::string restore;        // the file to restore the swarm from; empty: none
};

// What to do: run with `flags`, or print `text` (help, version) and exit 0.
struct Invocation {
  Flags flags;
  std::string text;
};

inline constexpr std::string_view kVersion = "0.1.0";
inline constexpr std::string_view kDefaultHost = "unix:///run/shoal/shoal.sock";
inline constexpr std::string_view kDefaultConfigFile = "/etc/shoal/daemon.json";

// `arguments` without the program's name. InvalidArgument names the flag or the file's key; a key
// that stands in the file and on the command line is refused, as dockerd does. A missing file is an
// error only when it was named.
Result<Invocation> parse_flags(const std::vector<std::string>& arguments);

}  // namespace shoal::daemon
