// Inside codec only: from a whole message to a framed record and back.
#pragma once

#include <limits>
#include <string>
#include <string_view>

#include "base/check.h"
#include "codec/disk_frame.h"
#include "codec/disk_parts.h"

namespace shoal::codec {

template <class Message>
std::string framed(const Message& message) {
  std::string payload;
  CHECK(message.SerializeToString(&payload), "a record of more than 2 GiB");
  return frame(payload);
}

template <class Message>
Result<void> parse(std::string_view bytes, Message& message) {
  ASSIGN_OR_RETURN(const std::string_view payload, unframe(bytes));
  const bool fits = payload.size() <= size_t(std::numeric_limits<int>::max());
  if (fits && message.ParseFromArray(payload.data(), int(payload.size()))) return {};
  return internal_error("damaged: not a record");
}

// `make` builds the object; what it notes in the Fault becomes the error.
template <class Message, class Make>
auto read_record(std::string_view bytes, Make make)
    -> Result<decltype(make(std::declval<const Message&>(), std::declval<Fault&>()))> {
  Message message;
  RETURN_IF_ERROR(parse(bytes, message));
  Fault fault;
  auto object = make(message, fault);
  if (!fault.reason.empty()) return internal_error("damaged: {}", fault.reason);
  return object;
}

inline void put_meta(const model::Meta& in, disk::Meta* out) {
  out->set_version(in.version);
  out->set_created_at_ns(in.created_at.unix_ns);
  out->set_updated_at_ns(in.updated_at.unix_ns);
}

inline model::Meta meta_from(const disk::Meta& in) {
  return {.version = in.version(),
          .created_at = Time{in.created_at_ns()},
          .updated_at = Time{in.updated_at_ns()}};
}

}  // namespace shoal::codec
