#include "daemon/state_commands.h"

#include <chrono>

#include "base/time.h"
#include "daemon/folder_lock.h"
#include "daemon/pidfile.h"
#include "daemon/swarm_folder.h"
#include "os/file.h"
#include "state/backup/backup.h"

namespace shoal::daemon {
namespace {

std::string swarm_folder(const Flags& flags) {
  return SwarmFolder(flags.data_root).path();
}

Time wall_clock() {
  return Time{Duration(std::chrono::system_clock::now().time_since_epoch()).count()};
}

std::string contents_of(const state::BackupSummary& summary) {
  if (!summary.has_database) return fmt::format("{} files, no database", summary.file_count);
  return fmt::format("{} files, {} objects", summary.file_count, summary.object_count);
}

}  // namespace

Result<std::string> back_up(const Flags& flags) {
  ASSIGN_OR_RETURN(const auto summary,
                   state::write_backup(swarm_folder(flags), flags.backup, wall_clock()));
  return fmt::format("{}: {}. It holds the keys of the swarm: guard it.\n", flags.backup,
                     contents_of(summary));
}

Result<std::string> restore(const Flags& flags) {
  ASSIGN_OR_RETURN(const PidFile alone, PidFile::claim(flags.pidfile));
  RETURN_IF_ERROR(os::make_folders(flags.data_root, 0711));
  ASSIGN_OR_RETURN(const FolderLock also_alone, FolderLock::take(flags.data_root));
  ASSIGN_OR_RETURN(const auto summary, state::restore_backup(flags.restore, swarm_folder(flags)));
  return fmt::format("{}: the swarm as of {}: {}. Start shoald now.\n", swarm_folder(flags),
                     to_rfc3339(summary.made_at), contents_of(summary));
}

std::string explain_state_error(const Error& error, const std::string& swarm_folder) {
  if (error.code == ErrorCode::Unavailable) {  // Only in the way now: nothing to restore.
    return fmt::format(
        "This node cannot take its place in the swarm: {}. Restart the daemon when that is mended, "
        "or leave (docker swarm leave --force).",
        error.message);
  }
  const bool newer = error.code == ErrorCode::Unimplemented;
  return fmt::format(
      "The swarm's state on this node cannot be used: {}. {} of it (stop the daemon, move {} away, "
      "shoald --restore FILE, start it), or give it up (docker swarm leave --force).",
      error.message,
      newer ? "Start that version again, restore an older backup" : "Restore a backup",
      swarm_folder);
}

}  // namespace shoal::daemon
