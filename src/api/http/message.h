// What a handler sees of HTTP: a Request with a Body, and a Responder to answer through.
//
// Light on purpose: no Asio, no Beast, no JSON; every handler includes it. All of it lives on the
// control thread and for one request: a handler keeps none of it after it has returned.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::api {

// A JSON body larger than this is refused with 413 before it is read.
inline constexpr size_t kJsonBodyMax = size_t{4} << 20;
// Body::next() and Hijacked::read() hand out pieces of at most this size.
inline constexpr size_t kPieceMax = size_t{64} << 10;

// The version of Docker's API that a request speaks: 1.24 to 1.50.
struct ApiVersion {
  int major = 1;
  int minor = 50;

  auto operator<=>(const ApiVersion&) const = default;
};
inline constexpr ApiVersion kApiVersionMin{1, 24};
inline constexpr ApiVersion kApiVersionMax{1, 50};

// Names and values in the order they came; names of headers in lower case.
using Fields = std::vector<std::pair<std::string, std::string>>;

// The bytes that follow the header. What a handler leaves unread is dropped by the server.
class Body {
 public:
  virtual ~Body() = default;

  // All of it. TooLarge when it is, or claims to be, larger than `bytes_max`; Cancelled when the
  // client went away or stalled.
  virtual os::Co<Result<std::string>> whole(size_t bytes_max = kJsonBodyMax) = 0;
  // The next piece, 1 to kPieceMax bytes; empty at the end. For load, import and archives.
  virtual os::Co<Result<std::string>> next() = 0;
};

struct Request {
  std::string method;  // "GET", as sent
  std::string target;  // the request line's own text, for the log
  std::string path;    // percent-decoded, without query; the router cuts "/v1.41"
  ApiVersion version = kApiVersionMax;
  bool http_1_0 = false;
  Fields headers;
  Fields query;          // percent-decoded
  Fields params;         // what the route's {name} parts matched
  os::StopToken stop;    // stops when the client goes away or the daemon ends
  Body* body = nullptr;  // never null in a handler

  // The first value, empty when there is none. `name` in lower case.
  std::string_view header(std::string_view name) const;
  std::string_view param(std::string_view name) const;
  std::string_view query_value(std::string_view name) const;
  bool has_query(std::string_view name) const;
  // Docker's boolean: absent, "", "0", "no", "false", "none" are false, everything else true.
  bool query_flag(std::string_view name) const;
  // `fallback` when absent or empty; InvalidArgument when it is no integer.
  Result<int64_t> query_int(std::string_view name, int64_t fallback) const;
};

// A whole answer.
struct Response {
  int status = 200;
  std::string content_type = "application/json";
  std::string body;
  Fields headers;
};

// The raw connection after a 101 or a 200 raw-stream: both directions are the handler's. One
// coroutine may read while another writes. The server closes it when the handler returns.
class Hijacked {
 public:
  virtual ~Hijacked() = default;

  // 1 to kPieceMax bytes; empty when the client has closed its half, which need not end the other.
  // Cancelled when the connection broke, or the request's `stop` or this one came.
  virtual os::Co<Result<std::string>> read(os::StopToken stop = {}) = 0;
  // Returns when the kernel has taken everything; Cancelled when the client is gone.
  virtual os::Co<Result<void>> write(std::string bytes) = 0;
  // Closes our half: the client sees the end of the output and may still send.
  virtual void close_write() = 0;
  // Becomes true when the client has closed its half or is gone.
  virtual bool input_ended() const = 0;
};

// One answer to one request, in exactly one of three forms: reply(), start()+write(), hijack().
// A handler that returns an Error before it has chosen gets it sent as {"message": …}.
class Responder {
 public:
  virtual ~Responder() = default;

  // Added to whatever form of answer follows.
  virtual void header(std::string name, std::string value) = 0;

  // A whole answer; it is sent when the handler has returned. The last call counts.
  virtual void reply(Response response) = 0;
  void json(int status, std::string text) { reply({.status = status, .body = std::move(text)}); }
  void empty(int status) { reply({.status = status, .content_type = ""}); }

  // A stream (chunked): head first, then pieces. Each write returns when the kernel has taken the
  // piece, so a slow client slows the handler. Cancelled when the client is gone: return then. The
  // stream ends well when the handler returns success, and is cut off when it returns an Error.
  virtual os::Co<Result<void>> start(Response head) = 0;
  virtual os::Co<Result<void>> write(std::string bytes) = 0;

  // Takes the connection over: "101 UPGRADED" when the client asked for "Upgrade: tcp", otherwise
  // the older "200 OK" followed by raw bytes. Valid until the handler returns.
  virtual os::Co<Result<Hijacked*>> hijack(std::string content_type) = 0;

  // Before a long answer is put together: waits until there is memory for about that much, which
  // all long answers share. Unavailable when there is none in time.
  virtual os::Co<Result<void>> reserve(size_t bytes) = 0;

  // True once start() or hijack() has sent the head.
  virtual bool started() const = 0;
};

}  // namespace shoal::api
