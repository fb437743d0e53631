#include "engine/identity.h"

#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

#include "os/file.h"

namespace shoal::engine {
namespace {

// start_ticks is field 22; counting starts after the name, which may hold spaces and brackets.
constexpr int kFieldsBeforeStart = 20;

}  // namespace

Result<ProcessIdentity> identify(pid_t pid, const std::string& boot_id) {
  const auto stat = os::read_file("/proc/" + std::to_string(pid) + "/stat");
  if (!stat) return not_found("process {} does not exist", pid);
  size_t at = stat->rfind(')');
  for (int field = 0; field < kFieldsBeforeStart && at != std::string::npos; ++field) {
    at = stat->find(' ', at + 1);
  }
  if (at == std::string::npos) return internal_error("cannot read the stat of process {}", pid);
  return ProcessIdentity{pid, std::strtoull(stat->c_str() + at, nullptr, 10), boot_id};
}

Result<os::Fd> open_process(const ProcessIdentity& identity, const std::string& boot_id) {
  if (identity.boot_id != boot_id) return not_found("process {} is of another boot", identity.pid);
  os::Fd pidfd(int(::syscall(SYS_pidfd_open, identity.pid, 0)));
  if (!pidfd) {
    // EINVAL: a thread that leads no process has the number now.
    if (errno == ESRCH || errno == EINVAL) return not_found("process {} is gone", identity.pid);
    return internal_error("pidfd_open {}: {}", identity.pid, ::strerror(errno));
  }
  // Compared after opening: from here on the number cannot be given to another one.
  ASSIGN_OR_RETURN(const ProcessIdentity now, identify(identity.pid, boot_id));
  if (now != identity) return not_found("process {} is another one now", identity.pid);
  return pidfd;
}

}  // namespace shoal::engine
