// The machine's cgroup hierarchies, v1 or v2, behind one set of verbs. A group is named by its path
// below the roots ("/shoal/ID") and exists in every hierarchy.
//
// Everything here reads and writes files of a kernel file system: it may block for as long as a
// grace period of the kernel (10 ms for moving a process), so use it on the pool.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "engine/host.h"

namespace shoal::engine {

class Cgroups {
 public:
  // Reads the mounts of this process; Unavailable when there is no hierarchy at all. A v2 hierarchy
  // beside v1 ones (hybrid) is left alone.
  static Result<Cgroups> open();

  CgroupLayout layout() const { return layout_; }
  std::vector<std::string> controllers() const;  // sorted
  // The group's folder in one of the hierarchies, the same for every process.
  std::string folder(const std::string& group) const { return process_root() + group; }

  // Makes the group in every hierarchy, parents included; what exists is fine.
  Result<void> create(const std::string& group) const;
  // Moves the process into the group, in every hierarchy.
  Result<void> add_process(const std::string& group, pid_t pid) const;
  // All processes of the group and of the groups below it, sorted; none when it does not exist.
  std::vector<pid_t> processes(const std::string& group) const;
  // Ends all processes of the group and waits for it, then removes it everywhere with what is below
  // it. A group that does not exist is fine. Conflict when a process cannot be ended in 10 s.
  Result<void> destroy(const std::string& group) const;
  // Stops (lets run again) all processes of the group; returns when the kernel has done so.
  Result<void> freeze(const std::string& group, bool frozen) const;
  bool frozen(const std::string& group) const;
  // How often the kernel killed a process of the group for its memory limit.
  uint64_t oom_kills(const std::string& group) const;

  // A file of the group in the hierarchy of `controller`, without the trailing newline; nothing
  // when the controller, the group or the file does not exist.
  std::optional<std::string> read(std::string_view controller, const std::string& group,
                                  const std::string& file) const;

 private:
  struct Hierarchy {
    std::string root;  // mount point
    std::vector<std::string> controllers;
  };
  const Hierarchy* of(std::string_view controller) const;
  // The group and all below it.
  void thaw_all(const std::string& group) const;
  // Where processes are looked up; every hierarchy holds the same.
  std::string process_root() const;

  CgroupLayout layout_ = CgroupLayout::V2;
  std::vector<Hierarchy> hierarchies_;
};

// The number after `key` in a file of "key number" lines; nothing when it is not there.
std::optional<uint64_t> keyed_number(std::string_view text, std::string_view key);

}  // namespace shoal::engine
