#include "engine/cgroup.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <functional>
#include <sstream>

#include "base/check.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr std::string_view kAll = "";  // stands for the one hierarchy of v2

std::vector<std::string> split(std::string_view text, char at) {
  std::vector<std::string> parts;
  std::string part;
  std::istringstream in{std::string(text)};
  while (std::getline(in, part, at)) {
    if (!part.empty()) parts.push_back(part);
  }
  return parts;
}

Result<void> write_value(const std::string& path, std::string_view value) {
  const os::Fd fd(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (!fd) return os::system_error("open", path, errno);
  if (::write(fd.get(), value.data(), value.size()) < 0) {
    return os::system_error("write", path, errno);
  }
  return {};
}

// Calls `visit` with the folder and every folder below it, the deepest first.
void walk(const std::string& folder, const std::function<void(const std::string&)>& visit) {
  DIR* entries = ::opendir(folder.c_str());
  if (!entries) return;
  while (const dirent* entry = ::readdir(entries)) {
    const std::string_view name = entry->d_name;
    if (entry->d_type != DT_DIR || name == "." || name == "..") continue;
    walk(folder + "/" + entry->d_name, visit);
  }
  ::closedir(entries);
  visit(folder);
}

// The kernel offers no event for "this cgroup is empty" that all layouts share, so what waits for
// it looks again after a short pause, up to kPatience.
constexpr timespec kPause{0, 500'000};
constexpr int kLooksMax = 20'000;  // 10 s

bool look_until(const std::function<bool()>& done) {
  for (int looks = 0; looks < kLooksMax; ++looks) {
    if (done()) return true;
    ::nanosleep(&kPause, nullptr);
  }
  return false;
}

}  // namespace

Result<Cgroups> Cgroups::open() {
  ASSIGN_OR_RETURN(const std::string mounts, os::read_file("/proc/self/mountinfo"));
  Cgroups cgroups;
  std::optional<Hierarchy> unified;
  for (const auto& line : split(mounts, '\n')) {
    // "36 35 98:0 /root /mount/point options - type source super,options"
    const size_t dash = line.find(" - ");
    if (dash == std::string::npos) continue;
    const auto before = split(std::string_view(line).substr(0, dash), ' ');
    const auto after = split(std::string_view(line).substr(dash + 3), ' ');
    if (before.size() < 5 || after.size() < 3) continue;
    if (!before[4].starts_with("/sys/fs/cgroup")) continue;
    if (after[0] == "cgroup2") unified = Hierarchy{before[4], {}};
    if (after[0] != "cgroup") continue;
    Hierarchy hierarchy{before[4], {}};
    for (const auto& option : split(after[2], ',')) {
      if (option == "rw" || option == "ro" || option == "xattr" || option == "noprefix") continue;
      if (option.starts_with("release_agent")) continue;
      hierarchy.controllers.push_back(option);
    }
    cgroups.hierarchies_.push_back(std::move(hierarchy));
  }
  if (!cgroups.hierarchies_.empty()) {
    cgroups.layout_ = unified ? CgroupLayout::Hybrid : CgroupLayout::V1;
    return cgroups;
  }
  if (!unified) return unavailable("no cgroup hierarchy is mounted below /sys/fs/cgroup");
  const auto offered = os::read_file(unified->root + "/cgroup.controllers");
  if (offered) {
    for (auto& line : split(*offered, '\n')) unified->controllers = split(line, ' ');
  }
  cgroups.hierarchies_.push_back(std::move(*unified));
  return cgroups;
}

std::vector<std::string> Cgroups::controllers() const {
  std::vector<std::string> all;
  for (const auto& hierarchy : hierarchies_) {
    for (const auto& name : hierarchy.controllers) {
      if (!name.starts_with("name=")) all.push_back(name);
    }
  }
  std::sort(all.begin(), all.end());
  return all;
}

const Cgroups::Hierarchy* Cgroups::of(std::string_view controller) const {
  if (layout_ == CgroupLayout::V2) return &hierarchies_.front();
  for (const auto& hierarchy : hierarchies_) {
    const auto& names = hierarchy.controllers;
    if (std::find(names.begin(), names.end(), controller) != names.end()) return &hierarchy;
  }
  return nullptr;
}

std::string Cgroups::process_root() const {
  for (const std::string_view name : {"pids", "memory", "cpu"}) {
    if (const Hierarchy* hierarchy = of(name)) return hierarchy->root;
  }
  return hierarchies_.front().root;
}

Result<void> Cgroups::create(const std::string& group) const {
  for (const auto& hierarchy : hierarchies_) {
    const bool cpuset = layout_ != CgroupLayout::V2 && of("cpuset") == &hierarchy;
    std::string at = hierarchy.root;
    for (const auto& name : split(group, '/')) {
      const std::string above = at;
      at += "/" + name;
      if (::mkdir(at.c_str(), 0755) != 0) {
        if (errno == EEXIST) continue;
        return os::system_error("mkdir", at, errno);
      }
      // A new v1 cpuset is empty and takes no process until it has processors and memory.
      if (!cpuset) continue;
      for (const char* file : {"/cpuset.cpus", "/cpuset.mems"}) {
        ASSIGN_OR_RETURN(const std::string value, os::read_file(above + file));
        RETURN_IF_ERROR(write_value(at + file, value));
      }
    }
  }
  return {};
}

Result<void> Cgroups::add_process(const std::string& group, pid_t pid) const {
  for (const auto& hierarchy : hierarchies_) {
    RETURN_IF_ERROR(write_value(hierarchy.root + group + "/cgroup.procs", std::to_string(pid)));
  }
  return {};
}

std::vector<pid_t> Cgroups::processes(const std::string& group) const {
  std::vector<pid_t> pids;
  walk(process_root() + group, [&](const std::string& folder) {
    const auto text = os::read_file(folder + "/cgroup.procs");
    if (!text) return;
    for (const auto& line : split(*text, '\n')) pids.push_back(std::atoi(line.c_str()));
  });
  std::sort(pids.begin(), pids.end());
  return pids;
}

// A frozen process of v1 cannot end.
void Cgroups::thaw_all(const std::string& group) const {
  const Hierarchy* freezer = layout_ == CgroupLayout::V2 ? nullptr : of("freezer");
  if (!freezer) return;
  walk(freezer->root + group, [](const std::string& folder) {
    const std::string path = folder + "/freezer.state";
    const auto state = os::read_file(path);
    if (!state || state->starts_with("THAWED")) return;
    // What it is worth shows when the processes end, or do not.
    [[maybe_unused]] const auto thawed = write_value(path, "THAWED");
  });
}

Result<void> Cgroups::destroy(const std::string& group) const {
  CHECK(group.size() > 1 && group.starts_with("/"), "{}", group);
  const bool empty = look_until([&] {
    const auto pids = processes(group);
    if (pids.empty()) return true;
    thaw_all(group);
    for (const pid_t pid : pids) ::kill(pid, SIGKILL);
    return false;
  });
  if (!empty) return conflict("processes of cgroup {} do not end", group);

  for (const auto& hierarchy : hierarchies_) {
    Result<void> removed;
    walk(hierarchy.root + group, [&](const std::string& folder) {
      // A process that has just ended may still be counted for a moment.
      const bool gone = look_until(
          [&] { return ::rmdir(folder.c_str()) == 0 || errno == ENOENT || errno != EBUSY; });
      if (!gone) removed = conflict("cgroup {} is in use", folder);
    });
    RETURN_IF_ERROR(removed);
  }
  return {};
}

Result<void> Cgroups::freeze(const std::string& group, bool frozen) const {
  if (layout_ == CgroupLayout::V2) {
    const std::string folder = hierarchies_.front().root + group;
    RETURN_IF_ERROR(write_value(folder + "/cgroup.freeze", frozen ? "1" : "0"));
    const bool done = look_until([&] {
      const auto events = read(kAll, group, "cgroup.events");
      return !events || keyed_number(*events, "frozen") == (frozen ? 1 : 0);
    });
    return done ? Result<void>{} : unavailable("cgroup {} does not freeze", group);
  }
  const Hierarchy* hierarchy = of("freezer");
  if (!hierarchy) return unimplemented("this kernel has no freezer cgroup");
  const std::string wanted = frozen ? "FROZEN" : "THAWED";
  const bool done = look_until([&] {
    // Written each time: a process that forks meanwhile can keep it from freezing.
    return !write_value(hierarchy->root + group + "/freezer.state", wanted) ||
           read("freezer", group, "freezer.state") == wanted;
  });
  if (!done) return unavailable("cgroup {} does not freeze", group);
  if (read("freezer", group, "freezer.state") != wanted) return not_found("cgroup {}", group);
  return {};
}

bool Cgroups::frozen(const std::string& group) const {
  return layout_ == CgroupLayout::V2 ? read(kAll, group, "cgroup.freeze") == "1"
                                     : read("freezer", group, "freezer.state") == "FROZEN";
}

uint64_t Cgroups::oom_kills(const std::string& group) const {
  const char* file = layout_ == CgroupLayout::V2 ? "memory.events" : "memory.oom_control";
  const auto text = read("memory", group, file);
  return text ? keyed_number(*text, "oom_kill").value_or(0) : 0;
}

std::optional<std::string> Cgroups::read(std::string_view controller, const std::string& group,
                                         const std::string& file) const {
  const Hierarchy* hierarchy = of(controller);
  if (!hierarchy) return std::nullopt;
  auto text = os::read_file(hierarchy->root + group + "/" + file);
  if (!text) return std::nullopt;
  if (text->ends_with('\n')) text->pop_back();
  return std::move(*text);
}

std::optional<uint64_t> keyed_number(std::string_view text, std::string_view key) {
  for (const auto& line : split(text, '\n')) {
    if (!line.starts_with(key) || line.size() <= key.size() || line[key.size()] != ' ') continue;
    uint64_t number = 0;
    const char* begin = line.c_str() + key.size() + 1;
    if (std::from_chars(begin, line.c_str() + line.size(), number).ec == std::errc()) {
      return number;
    }
  }
  return std::nullopt;
}

}  // namespace shoal::engine
