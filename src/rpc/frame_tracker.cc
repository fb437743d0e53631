#include "rpc/frame_tracker.h"

#include <algorithm>

#include "rpc/budget.h"

namespace shoal::rpc {
namespace {

enum Type : unsigned char {
  kData = 0,
  kHeaders = 1,
  kRstStream = 3,
  kSettings = 4,
  kContinuation = 9,
};
constexpr unsigned char kEndStream = 1, kAck = 1, kEndHeaders = 4;

}  // namespace

double FrameTracker::put(std::string_view bytes) {
  double cost = 0;
  while (!bytes.empty()) {
    if (payload_left_ > 0) {
      const size_t passed = std::min(payload_left_, bytes.size());
      payload_left_ -= passed;
      bytes.remove_prefix(passed);
      continue;
    }
    const size_t taken = std::min(kHeaderBytes - header_filled_, bytes.size());
    std::copy_n(bytes.begin(), taken, header_.begin() + ptrdiff_t(header_filled_));
    header_filled_ += taken;
    bytes.remove_prefix(taken);
    if (header_filled_ == kHeaderBytes) cost += begin_frame();
  }
  return cost;
}

double FrameTracker::begin_frame() {
  header_filled_ = 0;
  payload_left_ = size_t(header_[0]) << 16 | size_t(header_[1]) << 8 | header_[2];
  const unsigned char type = header_[3], flags = header_[4];
  switch (type) {
    case kData:
      if (payload_left_ >= kDataBytesMin) return -kDataWorth;
      return payload_left_ == 0 && !(flags & kEndStream) ? kFramePrice : 0;
    case kHeaders:
      block_open_ = !(flags & kEndHeaders);
      return 0;
    case kContinuation:
      block_open_ = !(flags & kEndHeaders);
      return kFramePrice;
    case kRstStream:
      return of_server_ ? kResetPrice : 0;  // A server resets what it has answered early.
    case kSettings:
      return flags & kAck ? kFramePrice : kSettingsPrice;
    default:
      return kFramePrice;
  }
}

}  // namespace shoal::rpc
