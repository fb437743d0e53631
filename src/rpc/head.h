// Head: the headers (and trailers) of one call, read as they come.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/time.h"
#include "rpc/call.h"

namespace shoal::rpc {

struct Head {
  // Of a request.
  std::string verb;  // ":method"
  std::string path;
  std::optional<Duration> timeout;
  bool bad_timeout = false;
  // Of an answer.
  int http_status = 0;
  std::optional<int> status;
  std::string status_text;
  // Of both.
  std::string content_type;
  Metadata metadata;  // everything that HTTP/2 and gRPC have no use of their own for

  void add(std::string_view name, std::string_view value);
  bool is_grpc() const { return content_type.starts_with("application/grpc"); }
};

}  // namespace shoal::rpc
