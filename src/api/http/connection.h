// Connection: one client. Reads requests one after the other (HTTP/1.1 pipelining waits its turn),
// runs the handler of each, and closes.
//
// Two coroutines share it: run(), which takes requests and handles them, and read_ahead(), which
// always reads a bounded amount beyond, because that is how a client's going away is noticed while
// a handler works. Both hold the object alive.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "api/http/message.h"
#include "api/http/parser.h"
#include "base/log.h"
#include "base/time.h"
#include "os/loop.h"
#include "os/socket.h"

namespace shoal::api {

// Answers one request; both arguments outlive the coroutine.
using Dispatch = std::function<os::Co<Result<void>>(Request&, Responder&)>;

// What a slow or greedy client may take. Tests shorten the times.
struct HttpLimits {
  size_t connections_max = 512;        // further clients wait in the listen queue
  Duration header_timeout = 30s;       // from the first byte of a request to the end of its header
  Duration idle_timeout = 300s;        // between two requests
  Duration body_stall_timeout = 60s;   // without a byte of a JSON body
  Duration reply_stall_timeout = 60s;  // for the client to take a whole answer
  Duration linger_time = 5s;           // dropping what a refused client still sends
};
// Bytes read beyond what has been asked for.
inline constexpr size_t kReadAheadMax = size_t{128} << 10;
// An unread body up to this size is dropped to keep the connection; a longer one ends it.
inline constexpr size_t kDrainMax = size_t{256} << 10;

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(os::Loop& loop, Log& log, const HttpLimits& limits, const Dispatch& dispatch,
             os::Fd fd);

  // Returns when the connection has ended. Owned by a shared_ptr.
  os::Co<> run();
  // The daemon ends: stops the handler and closes.
  void stop();

  // For Exchange: the bytes that have arrived and are not used yet.
  std::string& input() { return buffer_; }
  void input_used(size_t bytes);
  bool input_ended() const { return input_ended_; }
  bool broken() const { return broken_; }
  // Waits until something has arrived or the input has ended; false when `stop` came first.
  os::Co<bool> wait_input(os::StopToken stop);
  // The same with a deadline; false when it passed.
  os::Co<bool> wait_input_until(Time deadline);
  Parser& parser() { return *parser_; }
  os::Socket& socket() { return socket_; }
  os::Loop& loop() { return loop_; }
  const HttpLimits& limits() const { return limits_; }
  void set_hijacked() { hijacked_ = true; }

 private:
  os::Co<> read_ahead();
  os::Co<std::optional<Head>> next_head();
  os::Co<bool> handle(Head head);
  os::Co<Result<void>> call_handler(Request& request, Responder& responder);
  os::Co<> refuse(Error error);
  os::Co<bool> drain_body();
  os::Co<> linger();

  os::Loop& loop_;
  Log& log_;
  const HttpLimits& limits_;
  const Dispatch& dispatch_;
  os::Socket socket_;

  std::string buffer_;
  os::Signal arrived_;  // buffer_ grew or the input ended
  os::Signal used_;     // buffer_ shrank
  bool input_ended_ = false;
  bool broken_ = false;
  bool stopping_ = false;
  bool hijacked_ = false;
  std::optional<os::StopSource> handling_;  // of the request whose handler runs
  std::unique_ptr<Parser> parser_;
};

}  // namespace shoal::api
