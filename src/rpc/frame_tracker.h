// FrameTracker: where in HTTP/2's frames a connection is, and what the frames cost us.
//
// Pure. Looks at the nine-byte frame headers beside the library, which tells neither: a peer that
// sends half a frame or half a header block and waits is known by it, and every flood is priced
// (budget.h).
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

namespace shoal::rpc {

class FrameTracker {
 public:
  // A server's input begins with the client's preface of 24 bytes.
  explicit FrameTracker(bool of_server)
      : of_server_(of_server), payload_left_(of_server ? 24 : 0) {}

  // What the bytes cost, less what they are worth.
  double put(std::string_view bytes);

  // A frame or a header block has begun and is not complete.
  bool incomplete() const { return header_filled_ > 0 || payload_left_ > 0 || block_open_; }

 private:
  double begin_frame();

  static constexpr size_t kHeaderBytes = 9;
  bool of_server_;
  bool block_open_ = false;
  std::array<unsigned char, kHeaderBytes> header_{};
  size_t header_filled_ = 0;
  size_t payload_left_;
};

}  // namespace shoal::rpc
