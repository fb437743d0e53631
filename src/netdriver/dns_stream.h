// DNS messages on a TCP connection: two bytes with the length, then the message. And the time that
// waiting may take.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "os/co.h"
#include "os/loop.h"

namespace shoal::netdriver {

// Stops its token after a while, or with its parent.
class Deadline {
 public:
  Deadline(os::Loop& loop, Duration in, const os::StopToken& parent)
      : timer_(loop.at(loop.now() + in, [source = source_] { source.stop(); })),
        guard_(parent.on_stop([source = source_] { source.stop(); })) {}
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  os::StopToken token() const { return source_.token(); }

 private:
  os::StopSource source_;
  std::unique_ptr<os::Loop::Timer> timer_;
  os::StopToken::Guard guard_;
};

// `fd` is a non-blocking stream that nobody else waits for. False when it ended, broke or was
// stopped, or, reading, when the message is longer than `bytes_max`.
os::Co<bool> read_dns_message(os::Loop& loop, int fd, std::string& message, size_t bytes_max,
                              os::StopToken stop);
// `message` must outlive the call; at most kDnsMessageMax bytes.
os::Co<bool> write_dns_message(os::Loop& loop, int fd, std::string_view message,
                               os::StopToken stop);

}  // namespace shoal::netdriver
