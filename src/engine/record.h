// What a restarted daemon must know of a container: kept as JSON in the container's folder under
// run_root, replaced as a whole whenever the container gets on.
//
// It is not synced: the folder describes processes, which a power failure ends as well.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "base/time.h"
#include "engine/identity.h"

namespace shoal::engine {

struct Record {
  std::string id;
  std::string cgroup;
  std::string log_path;
  uint64_t log_files_max = 1;
  bool tty = false;
  bool shares_host_pids = false;
  std::optional<ProcessIdentity> supervisor;  // conmon; unset: it was about to be started
  std::optional<ProcessIdentity> process;     // unset: the runtime had not created it yet
  Time started_at;                            // unset: not started yet

  bool operator==(const Record&) const = default;
};

// The same of an exec, in its own folder.
struct ExecRecord {
  ProcessIdentity supervisor;
  bool tty = false;
  std::string about;  // see ExecDescription
};
Result<void> write_exec_record(const std::string& folder, const ExecRecord& record);
Result<ExecRecord> read_exec_record(const std::string& folder);

// Both block. A record that cannot be read is Internal, a missing one NotFound.
Result<void> write_record(const std::string& folder, const Record& record);
Result<Record> read_record(const std::string& folder);

// Replaces the file as one step, without syncing.
Result<void> replace_file(const std::string& path, std::string_view bytes);

}  // namespace shoal::engine
