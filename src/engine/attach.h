// A connection to the standard streams of a running container or exec, through conmon's socket.
//
// Output that was written before the connection was made is not repeated (read the log for it);
// connect between create and start to miss nothing. Any number of connections may exist at once;
// each sees all output, and all of them write into the one standard input. Destroying the object
// ends the connection and nothing else. Control thread only; one read and one write at a time.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "engine/output.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::engine {

class Attachment {
 public:
  // `socket_path` may be longer than the 107 bytes that an address holds. `give_up` hangs up.
  static Result<std::unique_ptr<Attachment>> connect(os::Loop& loop, const std::string& socket_path,
                                                     os::StopToken give_up = {});

  // The next piece of output, at most 8 KiB; nothing once the streams have ended. With a terminal
  // everything comes as Stdout. Cancelled when `stop` comes first.
  os::Co<Result<std::optional<Output>>> read(os::StopToken stop = {});

  // Gives all of `bytes` to the standard input. Unavailable when the container is gone, Cancelled
  // when `stop` comes first (a part may have been written).
  os::Co<Result<void>> write(std::string bytes, os::StopToken stop = {});

  // No more input from this connection. The process sees the end of its standard input when it was
  // made with stdin_once (docker run without -d), or is an exec; otherwise its input stays open.
  void close_input();

  // Ends both directions: what has arrived can still be read, then the streams end. Whoever stops
  // reading must hang up, because conmon waits for its readers and, while it waits, does not see
  // its process end.
  void hang_up();

 private:
  Attachment(os::Loop& loop, os::Fd reading, os::Fd writing)
      : loop_(loop), reading_(std::move(reading)), writing_(std::move(writing)) {}

  os::Loop& loop_;
  os::Fd reading_;
  os::Fd writing_;  // the same socket
  os::StopToken::Guard give_up_;
};

}  // namespace shoal::engine
