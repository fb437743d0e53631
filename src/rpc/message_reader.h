// MessageReader: gRPC messages from the bytes of a stream: one byte of flags, four of length, the
// message.
//
// Pure. Holds what has arrived and not been taken, with little overhead even for many tiny
// messages: only the first message is put together, the rest stays raw. Memory grows with the bytes
// that arrive, never with the length that is announced.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::rpc {

inline constexpr size_t kPrefixBytes = 5;
using Prefix = std::array<char, kPrefixBytes>;
// What goes before an uncompressed message of this size.
Prefix message_prefix(uint32_t size);

class MessageReader {
 public:
  explicit MessageReader(size_t message_bytes_max) : message_bytes_max_(message_bytes_max) {}

  void put(std::string_view bytes);
  // The first message when it is complete. After the last good one an error, again and again:
  // TooLarge when the next announces more than allowed, Unimplemented when it is compressed. What
  // is put after a bad message is dropped.
  Result<std::optional<std::string>> take();
  // take() gives a message or an error.
  bool ready() const { return complete() || broken_; }

  // Nothing is held: here a stream may end.
  bool at_boundary() const { return held_bytes() == 0; }
  size_t held_bytes() const { return prefix_filled_ + message_.size() + rest_.size() - rest_used_; }

 private:
  bool complete() const {
    return !broken_ && prefix_filled_ == kPrefixBytes && message_.size() == size_;
  }
  size_t feed(std::string_view bytes);
  Result<void> read_prefix();

  size_t message_bytes_max_;
  Prefix prefix_{};
  size_t prefix_filled_ = 0;
  size_t size_ = 0;      // of the first message, once its prefix is here
  std::string message_;  // as much of it as is here
  std::string rest_;     // the bytes that follow it
  size_t rest_used_ = 0;
  std::optional<Error> broken_;
};

}  // namespace shoal::rpc
