// Stream: one call of a connection, on either side: messages in, messages out, and how it ends.
//
// Shared by the connection, which feeds it, and the Call or ClientCall that stands for it. When the
// stream or the connection ends, the stream outlives it as long as somebody reads. Control thread.
#pragma once

#include <coroutine>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/result.h"
#include "os/co.h"
#include "os/sync.h"
#include "rpc/head.h"
#include "rpc/message_reader.h"

namespace shoal::rpc {

class Connection;

// What one coroutine awaits until somebody says that there may be something. Costs no memory.
class Waiter {
 public:
  bool await_ready() const { return false; }
  void await_suspend(std::coroutine_handle<> handle) {
    CHECK(!waiting_, "two coroutines wait for the same end of a stream");
    waiting_ = handle;
  }
  void await_resume() const {}
  bool is_awaited() const { return bool(waiting_); }
  void wake() {
    if (auto handle = std::exchange(waiting_, nullptr)) handle.resume();
  }

 private:
  std::coroutine_handle<> waiting_;
};

// Messages that wait to be sent, as bytes.
class SendQueue {
 public:
  void push(std::string message);
  // Moves up to `bytes` bytes behind `out`.
  void take(size_t bytes, std::string& out);
  size_t bytes() const { return bytes_; }

 private:
  void drop_first();

  struct Entry {
    Prefix prefix;
    std::string message;
  };
  std::vector<Entry> entries_;
  size_t first_ = 0;  // the entries before it are sent
  size_t used_ = 0;   // bytes of the first one, its prefix included
  size_t bytes_ = 0;
};

class Stream : public std::enable_shared_from_this<Stream> {
 public:
  Stream(Connection& connection, bool of_server) : connection_(&connection), server_(of_server) {}

  // For the one who has the call. On a server read() ends with the client's last message, on a
  // client with the status.
  os::Co<Result<std::optional<std::string>>> read();
  os::Co<Result<void>> write(std::string message);
  // Client: nothing more to send.
  void finish_writing();
  // Server: the end, after what was written.
  void finish(const Result<void>& result);
  // Resets the stream; its reader and writer get `why`.
  void cancel(Error why);
  // Server: the deadline has passed. The reader and the writer get `why`, and so does the client
  // when the handler has returned.
  void expire(Error why);
  // Server: the same while its handler runs, whose result is then not sent.
  void abort(Error why);
  // Stops when the stream is over: on a server, when the call ends before its handler does.
  os::StopToken ended();

  int32_t id = 0;
  Head head;  // the other side's
  bool is_server() const { return server_; }
  // read() returns at once.
  bool input_ready() const { return in_.ready() || in_ended_ || over(); }
  void set_message_bytes_max(size_t bytes) { in_ = MessageReader(bytes); }
  bool over() const { return error_ || closed_; }
  // Client: the server has never looked at the request.
  bool refused() const { return refused_; }

  // For the connection's HTTP/2 side. None of these runs anybody; wake() does.
  void on_data(std::string_view bytes);
  void on_end() { in_ended_ = true; }
  void on_closed(std::optional<Error> error, bool refused);
  void on_taken(size_t bytes, std::string& out) { out_.take(bytes, out); }
  size_t queued_bytes() const { return out_.bytes(); }
  bool writing_finished() const { return out_finished_; }
  // grpc-status and grpc-message of a server's stream that is finished.
  const Result<void>& result() const { return result_; }
  // The library asked for data and there was none: it wants to be told.
  bool deferred = false;
  // It stands among the events that the connection has not taken yet.
  bool noted = false;
  void wake();

 private:
  void give_back();
  bool may_write(size_t bytes) const;
  Result<std::optional<std::string>> end_of_input() const;
  void fail(Error why);

  Connection* connection_;  // null when closed
  bool server_;
  MessageReader in_{kMessageBytesMax};
  SendQueue out_;
  Waiter reader_, writer_;
  size_t unread_bytes_ = 0;  // of the window, not given back yet
  size_t held_bytes_ = 0;    // what the connection's account knows of
  bool in_ended_ = false;
  bool out_begun_ = false;
  bool out_finished_ = false;
  bool closed_ = false;
  bool refused_ = false;
  std::optional<Error> error_;
  Result<void> result_;
  std::optional<os::StopSource> stop_;
};

}  // namespace shoal::rpc
