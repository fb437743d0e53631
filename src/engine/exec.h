// One more process inside a running container (`docker exec`), held by a conmon of its own.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/attach.h"
#include "os/co.h"

namespace shoal::engine {

// Docker's ExecConfig. Empty fields are the container's own.
struct ExecDescription {
  std::string id;  // 64 hex digits
  std::vector<std::string> argv;
  std::vector<std::string> env;  // added to the container's, winning over it
  std::string working_dir;
  std::string user;
  bool tty = false;
  bool open_stdin = false;
  bool privileged = false;
  bool attach = true;  // false: nobody reads its output (`docker exec -d`)
  std::string about;   // the caller's own words, kept for a daemon that adopts it
};

// A running (or ended) exec. Its end is recorded whether somebody waits or not. Destroying the
// object leaves the process alone. Control thread only.
class Exec {
 public:
  virtual ~Exec() = default;

  virtual int32_t pid() const = 0;
  // Set once the process and its conmon have ended (its folder goes a moment later): its code,
  // 128 + signal when a signal ended it.
  virtual std::optional<int32_t> exit_code() const = 0;
  // False once the process has ended, also while its code is not known yet, and for an adopted one.
  virtual bool lives() const = 0;
  // The exit code, as soon as it is known; Cancelled when `stop` comes first.
  virtual os::Co<Result<int32_t>> wait(os::StopToken stop = {}) = 0;
  // Its streams, connected before the process ran; null when not asked for.
  virtual Attachment* attachment() = 0;
  // The size of its terminal. FailedPrecondition without one, NotFound when it has ended.
  virtual os::Co<Result<void>> resize(uint16_t rows, uint16_t columns) = 0;
};

// One that an earlier daemon started; its streams are gone with that daemon.
struct AdoptedExec {
  std::string id;
  std::string about;
  std::shared_ptr<Exec> exec;
};

}  // namespace shoal::engine
