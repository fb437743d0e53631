#include "engine/capabilities.h"

#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <set>
#include <string_view>

namespace shoal::engine {
namespace {

// In the kernel's numbering, from 0 (linux/capability.h).
constexpr std::array<std::string_view, 41> kNames = {"CAP_CHOWN",
                                                     "CAP_DAC_OVERRIDE",
                                                     "CAP_DAC_READ_SEARCH",
                                                     "CAP_FOWNER",
                                                     "CAP_FSETID",
                                                     "CAP_KILL",
                                                     "CAP_SETGID",
                                                     "CAP_SETUID",
                                                     "CAP_SETPCAP",
                                                     "CAP_LINUX_IMMUTABLE",
                                                     "CAP_NET_BIND_SERVICE",
                                                     "CAP_NET_BROADCAST",
                                                     "CAP_NET_ADMIN",
                                                     "CAP_NET_RAW",
                                                     "CAP_IPC_LOCK",
                                                     "CAP_IPC_OWNER",
                                                     "CAP_SYS_MODULE",
                                                     "CAP_SYS_RAWIO",
                                                     "CAP_SYS_CHROOT",
                                                     "CAP_SYS_PTRACE",
                                                     "CAP_SYS_PACCT",
                                                     "CAP_SYS_ADMIN",
                                                     "CAP_SYS_BOOT",
                                                     "CAP_SYS_NICE",
                                                     "CAP_SYS_RESOURCE",
                                                     "CAP_SYS_TIME",
                                                     "CAP_SYS_TTY_CONFIG",
                                                     "CAP_MKNOD",
                                                     "CAP_LEASE",
                                                     "CAP_AUDIT_WRITE",
                                                     "CAP_AUDIT_CONTROL",
                                                     "CAP_SETFCAP",
                                                     "CAP_MAC_OVERRIDE",
                                                     "CAP_MAC_ADMIN",
                                                     "CAP_SYSLOG",
                                                     "CAP_WAKE_ALARM",
                                                     "CAP_BLOCK_SUSPEND",
                                                     "CAP_AUDIT_READ",
                                                     "CAP_PERFMON",
                                                     "CAP_BPF",
                                                     "CAP_CHECKPOINT_RESTORE"};

constexpr std::array<std::string_view, 14> kDefaults = {
    "CAP_AUDIT_WRITE", "CAP_CHOWN",   "CAP_DAC_OVERRIDE",     "CAP_FOWNER",    "CAP_FSETID",
    "CAP_KILL",        "CAP_MKNOD",   "CAP_NET_BIND_SERVICE", "CAP_NET_RAW",   "CAP_SETFCAP",
    "CAP_SETGID",      "CAP_SETPCAP", "CAP_SETUID",           "CAP_SYS_CHROOT"};

// What the kernel knows and this process may hand on.
std::set<std::string> all_capabilities() {
  std::set<std::string> all;
  for (size_t number = 0; number < kNames.size(); ++number) {
    if (::prctl(PR_CAPBSET_READ, number, 0, 0, 0) == 1) all.emplace(kNames[number]);
  }
  return all;
}

std::string canonical(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(),
                 [](unsigned char c) { return char(std::toupper(c)); });
  if (name != "ALL" && !name.starts_with("CAP_")) name = "CAP_" + name;
  return name;
}

Result<std::set<std::string>> canonical_set(const std::vector<std::string>& names,
                                            const std::set<std::string>& all) {
  std::set<std::string> result;
  for (const auto& given : names) {
    const std::string name = canonical(given);
    if (name != "ALL" && !all.contains(name)) {
      return invalid_argument("invalid capability: \"{}\"", name);
    }
    result.insert(name);
  }
  return result;
}

}  // namespace

Result<std::vector<std::string>> effective_capabilities(const std::vector<std::string>& add,
                                                        const std::vector<std::string>& drop,
                                                        bool privileged) {
  const auto all = all_capabilities();
  ASSIGN_OR_RETURN(const auto added, canonical_set(add, all));
  ASSIGN_OR_RETURN(const auto dropped, canonical_set(drop, all));

  std::set<std::string> result;
  if (privileged || added.contains("ALL")) {
    result = all;
  } else if (!dropped.contains("ALL")) {
    for (const auto name : kDefaults) result.emplace(name);
  }
  if (privileged) return std::vector<std::string>(result.begin(), result.end());
  for (const auto& name : dropped) result.erase(name);
  if (!added.contains("ALL")) result.insert(added.begin(), added.end());
  return std::vector<std::string>(result.begin(), result.end());
}

}  // namespace shoal::engine
