#include "rpc/head.h"

#include "rpc/status.h"

namespace shoal::rpc {

void Head::add(std::string_view name, std::string_view value) {
  if (name == ":method") {
    verb = value;
  } else if (name == ":path") {
    path = value;
  } else if (name == ":status") {
    http_status = parse_http_status(value);
  } else if (name == "content-type") {
    content_type = value;
  } else if (name == "grpc-timeout") {
    timeout = parse_timeout(value);
    bad_timeout = !timeout;
  } else if (name == "grpc-status") {
    status = parse_status(value).value_or(2);  // UNKNOWN
  } else if (name == "grpc-message") {
    status_text = decode_status_text(value);
  } else if (!name.starts_with(':') && name != "te") {
    metadata.emplace_back(name, value);
  }
}

}  // namespace shoal::rpc
