// The file with the daemon's process id: one daemon for one set of folders.
#pragma once

#include <string>

#include "base/result.h"

namespace shoal::daemon {

class PidFile {
 public:
  // Writes this process's id. Conflict, naming the process, when the one in the file still runs and
  // is a shoald.
  static Result<PidFile> claim(const std::string& path);
  PidFile(PidFile&& other) noexcept : path_(std::move(other.path_)) { other.path_.clear(); }
  PidFile& operator=(PidFile&&) = delete;
  ~PidFile();  // removes the file

 private:
  explicit PidFile(std::string path) : path_(std::move(path)) {}
  std::string path_;
};

// Tells systemd, or whatever set NOTIFY_SOCKET, that the API answers (sd_notify(3)).
void notify_ready();

}  // namespace shoal::daemon
