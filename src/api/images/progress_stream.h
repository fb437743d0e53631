// ProgressStream: the lines of a pull or load on their way to a client that may be slow. The work
// never waits for the client; lines that only move a bar are dropped when too many wait.
//
// The stream starts with the first line: an error before that is an answer with a status, an error
// after it a last line, as Docker does. Control thread.
#pragma once

#include <deque>
#include <string>

#include "api/http/message.h"
#include "images/image.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::api {

// More waiting lines than this, and bars stand still for a while.
inline constexpr size_t kProgressLinesMax = 1024;

class ProgressStream {
 public:
  explicit ProgressStream(Responder& responder) : responder_(responder) {}

  void add(const images::Progress& progress);
  void add_line(std::string line);
  // The work has ended; the lines that wait are still sent.
  void close(Result<void> result);
  // Sends lines until close(), then says how it went: an error only when nothing was sent before.
  os::Co<Result<void>> run();

 private:
  os::Co<Result<void>> send_waiting();

  Responder& responder_;
  std::deque<std::string> lines_;
  os::Signal changed_;
  bool closed_ = false;
  bool client_gone_ = false;
  Result<void> result_;
};

}  // namespace shoal::api
