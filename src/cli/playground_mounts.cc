#include "cli/playground_mounts.h"

#include <sys/mount.h>

#include <cerrno>
#include <filesystem>
#include <optional>
#include <string>

#include "os/file.h"

namespace shoal::cli {
namespace {

constexpr const char* kNameServers = "/etc/resolv.conf";
// systemd-resolved's list of the real ones; its own, on 127.0.0.53, is not reached from a node.
constexpr const char* kResolvedServers = "/run/systemd/resolve/resolv.conf";

// /etc/resolv.conf is often a link into /run, which a node has for itself.
struct NameServers {
  std::string path, text;
};

std::optional<NameServers> name_servers_below_run() {
  std::error_code missing;
  const std::string path = std::filesystem::canonical(kNameServers, missing);
  if (missing || !path.starts_with("/run/")) return std::nullopt;
  auto text = os::read_file(kResolvedServers);
  if (!text) text = os::read_file(path);
  if (!text) return std::nullopt;
  return NameServers{path, std::move(*text)};
}

Result<void> mount_fresh(const char* type, const char* path, unsigned long flags,
                         const char* options) {
  if (::mount(type, path, type, flags, options) == 0) return {};
  return os::system_error("mount", path, errno);
}

}  // namespace

Result<void> mount_like_a_machine() {
  // Slaves: what the machine unmounts is not held here.
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_SLAVE, nullptr) != 0) {
    return os::system_error("mount", "/ as slave", errno);
  }
  const auto name_servers = name_servers_below_run();
  RETURN_IF_ERROR(mount_fresh("proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr));
  RETURN_IF_ERROR(mount_fresh("tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=755"));
  if (!name_servers) return {};
  const std::filesystem::path path = name_servers->path;
  RETURN_IF_ERROR(os::make_folders(path.parent_path(), 0755));
  return os::write_file(path, name_servers->text, 0644);
}

}  // namespace shoal::cli
