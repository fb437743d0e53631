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
#include "api/http/room.h"
#include "base/log.h"
#include "base/time.h"
#include "os/loop.h"
#include "os/socket.h"

namespace shoal::api {

// Answers one request; both arguments outlive the coroutine.
using Dispatch = std::function<os::Co<Result<void>>(Request&, Responder&)>;

// What a slow or greedy client may take. Tests shorten the times.
struct HttpLimits {
  // Beyond it those are hung up who wait for their client, for those who come.
  size_t connections_max = 4096;
  size_t requests_max = 2048;     // handled at the same time, streams too; more get 503
  Duration header_timeout = 30s;  // from the first byte of a request to the end of its header
  Duration idle_timeout = 300s;   // between two requests
  Duration body_timeout = 120s;   // for the whole of a JSON body
  Duration upload_stall_timeout = 300s;  // without a byte of an upload
  Duration reply_stall_timeout = 60s;    // in which the client takes nothing of an answer
  Duration linger_time = 5s;             // dropping what a refused client still sends
  RoomLimits room;
};
// Bytes read beyond what has been asked for.
inline constexpr size_t kReadAheadMax = size_t{128} << 10;
// An unread body up to this size is dropped to keep the connection; a longer one ends it.
inline constexpr size_t kDrainMax = size_t{256} << 10;

// What the connections of a server share.
struct Serving {
  os::Loop& loop;
  Log& log;
  const HttpLimits limits;
  const Dispatch dispatch;
  Room room{loop, limits.room};
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // `serving` outlives it.
  Connection(Serving& serving, os::Fd fd);
  ~Connection();

  // Returns when the connection has ended. Owned by a shared_ptr.
  os::Co<> run();
  // The daemon ends, or somebody else needs the place: stops the handler and closes.
  void stop();
  // There is memory again for what the client sends.
  void read_on() { used_.notify(); }

  // For Exchange: the bytes that have arrived and are not used yet.
  std::string& input() { return buffer_; }
  void input_used(size_t bytes);
  bool input_ended() const { return input_ended_; }
  bool broken() const { return broken_; }
  // More has arrived than was read so far.
  bool has_unread() const { return socket_.has_unread(); }
  // Waits until something has arrived or the input has ended; false when `stop` came first.
  os::Co<bool> wait_input(os::StopToken stop);
  // The same with a deadline; false when it passed.
  os::Co<bool> wait_input_until(Time deadline);
  Parser& parser() { return *parser_; }
  // All of both, in as few packets as it takes; they outlive the call. Cancelled when the client is
  // gone or, with a `patience`, has taken next to nothing for that long.
  os::Co<Result<void>> send(std::string_view first, std::string_view second = {},
                            Duration patience = Duration{0});
  void close_write() { socket_.close_write(); }
  os::Loop& loop() { return serving_.loop; }
  const HttpLimits& limits() const { return serving_.limits; }
  Room& room() { return serving_.room; }
  void set_hijacked() { hijacked_ = true; }

 private:
  os::Co<> read_ahead();
  os::Co<std::optional<Head>> next_head();
  os::Co<bool> handle(Head head);
  os::Co<Result<void>> call_handler(Request& request, Responder& responder);
  os::Co<> refuse(Error error);
  os::Co<bool> drain_body();
  os::Co<> linger();
  // How much may be read ahead now.
  size_t read_max();

  Serving& serving_;
  os::Socket socket_;

  std::string buffer_;
  Room::Share held_;    // of buffer_
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
