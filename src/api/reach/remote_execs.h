// RemoteExecs: on which node the execs are that clients of this manager made on other nodes.
//
// A restart of the daemon forgets them all, as it forgets execs of this node that were not started.
// Control thread.
#pragma once

#include <deque>
#include <map>
#include <string>

#include "base/result.h"
#include "model/ids.h"

namespace shoal::api {

// The oldest are forgotten first.
inline constexpr size_t kRemoteExecsMax = 4096;
inline constexpr size_t kExecIdMax = 128;

struct RemoteExec {
  model::NodeId node;
  bool tty = false;
};

class RemoteExecs {
 public:
  // Internal for an id that is none, or another exec's: a node chooses it.
  Result<void> remember(const std::string& id, RemoteExec exec);
  // Null when it is not known (any more).
  const RemoteExec* find(const std::string& id) const;

 private:
  std::map<std::string, RemoteExec> execs_;
  std::deque<std::string> by_age_;
};

}  // namespace shoal::api
