// Parser: one request of HTTP/1.x from bytes, fed as they arrive. Beast does the work; it is named
// only in parser.cc because it costs ten seconds of compiling.
//
// First put_head() until it gives a head, then put_body() until done(). Holds the whole head, and
// nothing of the body.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "api/http/message.h"
#include "base/result.h"

namespace shoal::api {

// A longer header is refused with 431. X-Registry-Auth and X-Registry-Config make long ones.
inline constexpr size_t kHeaderBytesMax = size_t{64} << 10;
// Each field costs more memory than its bytes. More are refused with 431.
inline constexpr size_t kHeaderFieldsMax = 256;

struct Head {
  std::string method;
  std::string target;
  Fields headers;  // names in lower case
  bool http_1_0 = false;
  bool keep_alive = true;
  bool expects_continue = false;
  bool wants_upgrade = false;              // Connection: Upgrade with Upgrade: tcp
  std::optional<uint64_t> content_length;  // unset: chunked, or no body
  size_t bytes = 0;                        // of memory, about
};

class Parser {
 public:
  Parser();
  ~Parser();

  // Looks for a whole head at the start of `bytes`, which must start with the same bytes on every
  // call until it is found. `consumed` is its length, 0 when more is needed. TooLarge above
  // kHeaderBytesMax, InvalidArgument for anything that is not HTTP/1.x.
  Result<std::optional<Head>> put_head(std::string_view bytes, size_t& consumed);

  // Decodes body bytes (chunked or counted) and appends them to `out`, at most `out_max` of them.
  // Returns how much of `bytes` it used.
  Result<size_t> put_body(std::string_view bytes, std::string& out, size_t out_max);

  // The whole message has been seen.
  bool done() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// Splits a target into its decoded path and query. InvalidArgument on a bad escape.
Result<void> split_target(std::string_view target, Request& request);

}  // namespace shoal::api
