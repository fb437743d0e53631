// Carries the standard streams of a process over a hijacked connection, as docker attach and exec
// expect them: with a terminal raw, without one in frames of an eight-byte head (stdcopy).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "api/http/message.h"
#include "engine/attach.h"
#include "engine/output.h"
#include "os/co.h"

namespace shoal::api {

// [stream, 0, 0, 0, length in four bytes, most significant first] and the bytes.
std::string stdcopy_frame(engine::OutputStream stream, std::string_view bytes);

// The Content-Type of such a connection. Older clients know only one.
std::string stream_content_type(ApiVersion version, bool tty);

// "ctrl-p,ctrl-q", "a,ctrl-[": the bytes that end an attachment. InvalidArgument otherwise.
Result<std::string> parse_detach_keys(std::string_view text);

// Finds the detach keys in what a user types, across pieces.
class DetachWatch {
 public:
  // `keys` empty: never.
  explicit DetachWatch(std::string keys) : keys_(std::move(keys)) {}
  // The bytes that go to the process; a prefix of the keys is held back until it is clear what it
  // is. Nothing when the keys are complete.
  std::optional<std::string> put(std::string_view typed);

 private:
  std::string keys_;
  size_t matched_ = 0;
};

struct StreamWishes {
  bool input = false;
  bool output = false;
  bool errors = false;
  bool tty = false;
  std::string detach_keys;  // bytes; used with tty only
};

enum class StreamEnd {
  Output,    // the process closed its streams
  Detached,  // the user typed the detach keys
  Client,    // the client is gone
};

// Returns when one of the ends has come; both directions have stopped then.
os::Co<StreamEnd> carry_streams(Hijacked& client, engine::Attachment& streams, StreamWishes wishes,
                                os::StopToken stop);

}  // namespace shoal::api
