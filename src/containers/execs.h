// Execs: the additional processes that were asked for in this node's containers (`docker exec`).
//
// An exec is created first and started later, once. It is forgotten when its container ends, and
// when others need its room: first those that have ended, then those that were never started, the
// oldest first. Control thread only.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "containers/container.h"
#include "containers/machine.h"
#include "engine/exec.h"
#include "os/co.h"

namespace shoal::containers {

inline constexpr size_t kExecsMax = 1024;  // per container, in all states
// Of commands and environments: of one exec, and of all of a container's.
inline constexpr size_t kExecBytesMax = size_t{2} << 20;  // The kernel takes no more either.
inline constexpr size_t kExecsBytesMax = size_t{8} << 20;
inline constexpr size_t kExecEventMax = 1024;  // bytes of a command that its events show

// Docker's ExecConfig.
struct ExecConfig {
  std::vector<std::string> argv;
  std::vector<std::string> env;
  std::string working_dir;
  std::string user;
  bool tty = false;
  bool attach_stdin = false;
  bool attach_stdout = false;
  bool attach_stderr = false;
  bool privileged = false;
  std::string detach_keys;
};

struct ExecProcess {
  std::string id;  // 64 hex digits
  ContainerRef container;
  ExecConfig config;
  std::shared_ptr<engine::Exec> process;  // null before start
  bool starting = false;
  std::optional<int> exit_code;  // set when it has ended, or could not be started
};
using ExecRef = std::shared_ptr<const ExecProcess>;

class Table;

class Execs {
 public:
  using Emit = std::function<void(const ContainerRef&, std::string action, model::Labels more)>;
  Execs(Machine& machine, Table& table, Emit emit);

  // Conflict "container x is not running" (or paused); InvalidArgument "No exec command specified".
  Result<ExecRef> create(const std::string& container, ExecConfig config);
  // Goes on with those that an earlier daemon started in a container that runs: they are found,
  // inspected and told the end of as before. Those that were only created are lost with the daemon.
  os::Co<> adopt(std::string container_id);
  // NotFound "No such exec instance: x".
  Result<ExecRef> find(const std::string& id) const;
  // Conflict when it was started before or its container does not run.
  Result<void> check_startable(const ExecProcess& exec) const;
  // Runs it; its streams are in process->attachment() unless `detached`. Conflict when it was
  // started before. A program that is not there is InvalidArgument, with exit code 126 or 127.
  os::Co<Result<ExecRef>> start(std::string id, bool detached);
  os::Co<Result<void>> resize(std::string id, uint16_t rows, uint16_t columns);

  // The execs of a container, oldest first (docker inspect's ExecIDs are those that run).
  std::vector<ExecRef> of(const std::string& container_id) const;
  // The container has ended.
  void forget(const std::string& container_id);

 private:
  os::Co<> watch(std::shared_ptr<ExecProcess> exec);
  // Of one container.
  struct Mine {
    std::deque<std::string> ids;  // oldest first
    size_t bytes = 0;             // of their commands and environments
  };
  static bool has_room(const Mine& mine, size_t bytes);
  void make_room(Mine& mine, size_t bytes, bool (*may_go)(const ExecProcess&));

  Machine& machine_;
  Table& table_;
  Emit emit_;
  std::map<std::string, std::shared_ptr<ExecProcess>> execs_;
  std::map<std::string, Mine> by_container_;
};

}  // namespace shoal::containers
