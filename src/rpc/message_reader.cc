#include "rpc/message_reader.h"

#include <algorithm>
#include <utility>

namespace shoal::rpc {

// A message up to this size gets its memory at once.
constexpr size_t kReserveMax = 16384;

Prefix message_prefix(uint32_t size) {
  return {0, char(size >> 24), char(size >> 16), char(size >> 8), char(size)};
}

void MessageReader::put(std::string_view bytes) {
  const size_t used = feed(bytes);
  if (!broken_) rest_.append(bytes.substr(used));
}

// Completes the first message from `bytes`; how many of them it took.
size_t MessageReader::feed(std::string_view bytes) {
  if (broken_) return bytes.size();
  size_t used = 0;
  if (prefix_filled_ < kPrefixBytes) {
    used = std::min(bytes.size(), kPrefixBytes - prefix_filled_);
    std::copy_n(bytes.begin(), used, prefix_.begin() + ptrdiff_t(prefix_filled_));
    prefix_filled_ += used;
    if (prefix_filled_ < kPrefixBytes) return used;
    if (const Result<void> good = read_prefix(); !good) {
      broken_ = good.error();
      return bytes.size();
    }
  }
  const size_t more = std::min(bytes.size() - used, size_ - message_.size());
  message_.append(bytes.substr(used, more));
  return used + more;
}

Result<void> MessageReader::read_prefix() {
  if (prefix_[0] != 0) {
    return unimplemented("compressed messages are not supported (flags {})",
                         int(static_cast<unsigned char>(prefix_[0])));
  }
  size_ = 0;
  for (size_t i = 1; i < kPrefixBytes; ++i) {
    size_ = size_ << 8 | static_cast<unsigned char>(prefix_[i]);
  }
  if (size_ > message_bytes_max_) {
    return too_large("a message of {} bytes was announced, at most {} are accepted", size_,
                     message_bytes_max_);
  }
  message_.reserve(std::min(size_, kReserveMax));
  return {};
}

Result<std::optional<std::string>> MessageReader::take() {
  if (broken_) return std::unexpected(*broken_);
  if (!complete()) return std::nullopt;
  std::string message = std::exchange(message_, {});
  prefix_filled_ = size_ = 0;
  rest_used_ += feed(std::string_view(rest_).substr(rest_used_));
  if (rest_used_ == rest_.size()) {
    rest_ = {};
    rest_used_ = 0;
  } else if (rest_used_ > rest_.size() / 2) {
    rest_.erase(0, rest_used_);
    rest_used_ = 0;
  }
  return message;
}

}  // namespace shoal::rpc
