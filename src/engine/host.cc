#include "engine/host.h"

#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cerrno>
#include <filesystem>
#include <sstream>

#include "engine/cgroup.h"
#include "engine/identity.h"
#include "engine/record.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr const char* kUnified = "/sys/fs/cgroup/unified";
constexpr const char* kBootId = "/proc/sys/kernel/random/boot_id";

// The value of NAME=value or NAME="value".
std::string release_value(const std::string& text, const std::string& name) {
  std::istringstream in(text);
  std::string line;
  while (std::getline(in, line)) {
    if (!line.starts_with(name + "=")) continue;
    std::string value = line.substr(name.size() + 1);
    if (value.size() >= 2 && (value.front() == '"' || value.front() == '\'')) {
      value = value.substr(1, value.size() - 2);
    }
    return value;
  }
  return {};
}

std::string first_line(const std::string& path) {
  const auto text = os::read_file(path);
  return text ? text->substr(0, text->find('\n')) : std::string();
}

bool has_unified_mount() {
  const auto mounts = os::read_file("/proc/self/mountinfo");
  return mounts && mounts->find(std::string(" ") + kUnified + " ") != std::string::npos;
}

// Joins the mounts of a supervisor that an earlier daemon left running; false when there is none.
Result<bool> join_supervisor(const std::string& run_root) {
  const std::string boot_id = first_line(kBootId);
  std::error_code missing;
  for (const auto& entry : std::filesystem::directory_iterator(run_root + "/c", missing)) {
    const auto record = read_record(entry.path());
    if (!record || !record->supervisor) continue;
    const auto process = open_process(*record->supervisor, boot_id);
    if (!process) continue;
    if (::setns(process->get(), CLONE_NEWNS) == 0) return true;
    // ESRCH: it has ended, and nobody has reaped it yet.
    if (errno != ESRCH) return os::system_error("setns", "mounts of the last daemon", errno);
  }
  return false;
}

}  // namespace

Result<HostFacts> read_host_facts() {
  HostFacts facts;
  ASSIGN_OR_RETURN(const Cgroups cgroups, Cgroups::open());
  facts.cgroup_layout = cgroups.layout();
  facts.cgroup_controllers = cgroups.controllers();
  facts.swap_limit = cgroups.layout() == CgroupLayout::V2
                         ? ::access("/proc/swaps", R_OK) == 0
                         : cgroups.read("memory", "", "memory.memsw.limit_in_bytes").has_value();
  facts.cpu_count = int32_t(::sysconf(_SC_NPROCESSORS_ONLN));
  struct sysinfo info{};
  ::sysinfo(&info);
  facts.memory_bytes = int64_t(info.totalram) * info.mem_unit;
  facts.swap_bytes = int64_t(info.totalswap) * info.mem_unit;
  utsname name{};
  ::uname(&name);
  facts.kernel_version = name.release;
  facts.architecture = name.machine;
  facts.hostname = name.nodename;
  const std::string release = os::read_file("/etc/os-release").value_or("");
  facts.operating_system = release_value(release, "PRETTY_NAME");
  facts.os_version = release_value(release, "VERSION_ID");
  facts.boot_id = first_line(kBootId);
  facts.seccomp = ::prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
  return facts;
}

Result<void> enter_private_mounts() {
  if (::unshare(CLONE_NEWNS) != 0) return os::system_error("unshare", "mounts", errno);
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return os::system_error("mount", "/ as slave", errno);
  }
  if (!has_unified_mount()) return {};
  ASSIGN_OR_RETURN(const Cgroups cgroups, Cgroups::open());
  if (cgroups.layout() != CgroupLayout::Hybrid) return {};
  if (::umount2(kUnified, MNT_DETACH) != 0) return os::system_error("umount", kUnified, errno);
  return {};
}

Result<void> enter_private_mounts(const std::string& run_root) {
  ASSIGN_OR_RETURN(const bool joined, join_supervisor(run_root));
  return joined ? Result<void>{} : enter_private_mounts();
}

}  // namespace shoal::engine
