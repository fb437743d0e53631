// Backup and restore of a node's place in a swarm: everything in its swarm folder (identity,
// certificates, keys, and on a manager the database) in one file.
//
// The file holds the keys in the clear: whoever has it is the swarm. A backup may be taken while
// the daemon works: the database is copied as of one moment. Either way the copy is opened and
// every record decoded before the call succeeds. Blocks; for the command line, not for the daemon's
// loop.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"
#include "base/time.h"

namespace shoal::state {

// The manager's database in a swarm folder.
inline constexpr std::string_view kDatabaseName = "state.db";

struct BackupSummary {
  Time made_at;
  size_t file_count = 0;
  bool has_database = false;  // only a manager's has
  size_t object_count = 0;    // clusters, nodes, services, networks and tasks of the database
};

// Replaces `file`, in one step. FailedPrecondition when the folder holds no membership.
Result<BackupSummary> write_backup(const std::string& swarm_folder, const std::string& file,
                                   Time now);

// Makes the folder, in one step, as it was when the backup was made. Conflict when there is one
// already; InvalidArgument when the file is no backup or damaged; Unimplemented when a newer
// version made it; the database's own errors when that cannot be opened. Nothing is changed then.
Result<BackupSummary> restore_backup(const std::string& file, const std::string& swarm_folder);

}  // namespace shoal::state
