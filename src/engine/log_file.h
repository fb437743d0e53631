// Reading a container's log: the file that conmon writes (k8s-file format: "TIME STREAM P|F TEXT",
// P when the line is not complete yet), and its rotated predecessors.
//
// A reader holds its place in open files only, so it needs no lock against the writer and survives
// rotation. Control thread only; the reading itself is done on the pool.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/time.h"
#include "engine/output.h"
#include "os/co.h"
#include "os/loop.h"

namespace shoal::engine {

// What `docker logs` asks for. Times are conmon's and the client's: the wall clock's.
struct LogQuery {
  std::optional<Time> since;     // lines at or after
  std::optional<Time> until;     // lines at or before
  std::optional<uint64_t> tail;  // only the last n lines of what there is; unset: all
  bool follow = false;           // go on with what comes until the container has ended
  bool stdout_wanted = true;
  bool stderr_wanted = true;
};

struct LogLine {
  Time time;  // of the line's first piece
  OutputStream stream = OutputStream::Stdout;
  std::string bytes;  // with its newline, unless the output ended without one

  bool operator==(const LogLine&) const = default;
};

// A longer line comes in pieces of this size, as Docker cuts them.
inline constexpr size_t kLogLineMax = 16 * 1024;

class LogReader {
 public:
  virtual ~LogReader() = default;
  // The next line; nothing at the end. When following, waits for more until the container has
  // ended; Cancelled when `stop` comes first.
  virtual os::Co<Result<std::optional<LogLine>>> next(os::StopToken stop = {}) = 0;
};

// Reads what there is, without following. A missing file is an empty log.
std::unique_ptr<LogReader> open_log(os::Loop& loop, std::string path, LogQuery query);

class LogWatch;
// Follows when the query says so. `ended` stops when nothing will be appended any more. Loop and
// watch must outlive the reader.
std::unique_ptr<LogReader> follow_log(os::Loop& loop, LogWatch& watch, std::string path,
                                      LogQuery query, os::StopToken ended);

// Removes the log and its rotated predecessors; blocks.
Result<void> remove_log(const std::string& path);

}  // namespace shoal::engine
