// Http2: one HTTP/2 session as a machine: bytes in, bytes out, streams beside. It knows no socket
// and no TLS. nghttp2 is named only in http2.cc.
//
// receive() and send() run nobody: they note the streams where something happened, and the
// connection takes them with next_event() afterwards, when the library is at rest. Control thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/time.h"
#include "rpc/budget.h"
#include "rpc/call.h"
#include "rpc/frame_tracker.h"
#include "rpc/stream.h"

struct nghttp2_session;

namespace shoal::rpc {

struct Event {
  std::shared_ptr<Stream> stream;
  bool is_new = false;  // a request has begun; else: wake it
};

class Http2 {
 public:
  // Called inside receive() for a request whose headers are complete, before any of its data: sets
  // the stream's limits, no more.
  using OnHead = std::function<void(Stream&)>;

  Http2(Connection& connection, bool of_server, uint32_t streams_max, Time now, OnHead on_head);
  ~Http2();

  // InvalidArgument when the peer breaks the protocol or is abusive; its text is for the log. The
  // connection ends then, and send() has the GOAWAY that says why.
  Result<void> receive(std::string_view bytes, Time now);
  // Appends frames until `out` has about `bytes_max`.
  void send(std::string& out, size_t bytes_max);
  std::optional<Event> next_event();

  // Client. The request goes out with the next send().
  std::shared_ptr<Stream> open(const Metadata& headers);
  // Server: the headers; with the status at once when the stream is finished and has no data.
  void respond(Stream& stream);
  // Server: the headers of an answer that is no gRPC, such as 415.
  void refuse(Stream& stream, int http_status);
  // There is something to send, or the end.
  void resume(Stream& stream);
  void reset(Stream& stream);
  // Window given back: the stream's, and the connection's.
  void consume(Stream& stream, size_t bytes);
  void consume_of_connection(size_t bytes);
  // Marks the stream as one that has to be woken.
  void note(Stream& stream, bool is_new = false);

  // No new streams; those that run may end.
  void go_away();
  // A GOAWAY, and nothing after it.
  void terminate();
  bool going_away() const { return going_away_; }
  // Nothing more will come or go.
  bool finished() const;
  // Ends every stream at once.
  void abandon(const Error& why);

  size_t stream_count() const { return streams_.size(); }
  bool incomplete() const { return tracker_.incomplete(); }

 private:
  friend struct Http2Callbacks;

  Stream* find(int32_t id);
  std::unexpected<Error> end(uint32_t code, std::string_view reason);

  struct Deleter {
    void operator()(nghttp2_session* session) const;
  };
  Connection& connection_;
  bool server_;
  OnHead on_head_;
  std::unique_ptr<nghttp2_session, Deleter> session_;
  std::map<int32_t, std::shared_ptr<Stream>> streams_;
  std::deque<Event> events_;
  FrameTracker tracker_;
  Budget budget_;
  double bad_frames_cost_ = 0;  // within one receive()
  size_t header_list_bytes_ = 0;
  bool headers_too_long_ = false;
  bool going_away_ = false;
  std::string* out_ = nullptr;  // while send() runs
  size_t out_max_ = 0;
};

}  // namespace shoal::rpc
