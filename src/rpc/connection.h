// Connection: one TLS connection that speaks HTTP/2, on either side: Socket, Tls and Http2 put
// together, with the times and the memory that a peer may take.
//
// Owned by its own coroutines and by whoever holds the shared_ptr; close() is the end for all of
// them. Three coroutines at most touch it: run() reads, write_all() writes while there is
// something, and the peers of streams come through Stream. Control thread.
#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "os/loop.h"
#include "os/socket.h"
#include "rpc/http2.h"
#include "rpc/peer.h"
#include "rpc/stream.h"
#include "rpc/tls.h"

namespace shoal::rpc {

// Bytes of unfinished messages that a server holds, over all connections.
struct MessageAccount {
  size_t held_bytes = 0;
  size_t bytes_max = SIZE_MAX;
};

struct ConnectionLimits {
  uint32_t streams_max = 0;  // server: calls at a time
  Duration header_timeout = Duration::max();
  Duration idle_timeout = Duration::max();  // without a call
  Duration write_stall_timeout = Duration::max();
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  // Who has the connection: the server or the channel.
  class Owner {
   public:
    virtual ~Owner() = default;
    // Inside the parser: sets the limits of a request's stream.
    virtual void on_head(Stream& stream) = 0;
    // A request: begins its handler.
    virtual void on_request(Connection& connection, std::shared_ptr<Stream> stream) = 0;
    // No new calls.
    virtual void on_going_away(Connection& connection) = 0;
    // The end, once, from inside close().
    virtual void on_closed(Connection& connection, const Error& why) = 0;
  };

  Connection(os::Loop& loop, bool of_server, std::unique_ptr<os::Socket> socket,
             std::unique_ptr<Tls> tls, Peer peer, ConnectionLimits limits, MessageAccount& account,
             std::shared_ptr<Owner> owner);
  ~Connection();

  // Reads until the connection has ended. The handshake is done.
  os::Co<> run();
  // At once: calls fail with `why`.
  void close(Error why);
  // No new calls; ends when the last one has.
  void drain();

  const Peer& peer() const { return peer_; }
  bool closed() const { return closed_; }
  bool takes_calls() const { return !closed_ && !finishing_ && !http2_.going_away(); }
  // Client. Null when the connection takes no more calls.
  std::shared_ptr<Stream> open(const Metadata& headers);
  // Server.
  void refuse(Stream& stream, int http_status);

  // For Stream and Http2.
  void respond(Stream& stream);
  void resume(Stream& stream);
  void reset(Stream& stream);
  void unread_grew(size_t bytes);
  void unread_shrank(size_t bytes);
  void consumed(Stream& stream, size_t bytes);
  size_t queued_bytes() const { return queued_bytes_; }
  void queue_grew(size_t bytes) { queued_bytes_ += bytes; }
  void queue_shrank(size_t bytes);
  void wait_for_room(std::shared_ptr<Stream> stream);
  // Changes what a stream holds from `held` to `now`; false when that is more than all may hold.
  bool hold(size_t& held, size_t now);

 private:
  bool take_input();
  void settle();
  os::Co<> handle_events();
  void handle(Event event);
  void flush();
  os::Co<> write_all();
  os::Co<bool> write_batch();
  void finish(Error why);
  void begin_end(Error why);
  os::Co<> discard_input();
  Time deadline() const;
  void watch();
  void on_deadline();

  os::Loop& loop_;
  std::unique_ptr<os::Socket> socket_;
  std::unique_ptr<Tls> tls_;
  const Peer peer_;
  const ConnectionLimits limits_;
  MessageAccount& account_;
  std::shared_ptr<Owner> owner_;
  Http2 http2_;

  size_t unread_bytes_ = 0;  // in streams that nobody reads
  size_t owed_bytes_ = 0;    // of the connection's window, not given back
  size_t queued_bytes_ = 0;
  std::vector<std::shared_ptr<Stream>> waiting_for_room_;

  bool flushing_ = false;  // write_all() runs or is about to
  bool unsent_ = false;    // something was handed to http2_ since it was last asked
  bool closed_ = false;
  bool told_going_away_ = false;
  bool said_goodbye_ = false;       // nothing can be sent any more
  std::optional<Error> finishing_;  // why, while the last bytes go out
  Time incomplete_since_;           // unset: no frame is under way
  Time idle_since_;                 // unset: there are calls
  Time blocked_since_;              // unset: the socket takes what we have
  std::unique_ptr<os::Loop::Timer> timer_;
  Time timer_at_;
};

}  // namespace shoal::rpc
