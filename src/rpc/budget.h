// Budget: how much useless work a peer may cause. Floods of frames that are cheap to send (resets,
// pings, settings, empty data, tiny window updates) are paid from it; time and useful work fill it.
// The library has limits of its own for some of them; this one holds for all.
#pragma once

#include <algorithm>

#include "base/time.h"
#include "rpc/limits.h"

namespace shoal::rpc {

class Budget {
 public:
  explicit Budget(Time now) : refilled_(now) {}

  // False when there is not enough left: the peer is abusive.
  bool spend(double price, Time now) {
    const double seconds = std::chrono::duration<double>(now - refilled_).count();
    earn(std::max(seconds, 0.0) * kBudgetPerSecond);
    refilled_ = now;
    left_ -= price;
    return left_ >= 0;
  }
  void earn(double amount) { left_ = std::min(left_ + amount, kBudgetMax); }

 private:
  double left_ = kBudgetMax;
  Time refilled_;
};

// A call that is begun and reset costs a handler ("rapid reset"); a good client that cancels gets
// it back by the calls that it completes. Peers that measure bandwidth ping once per data frame.
inline constexpr double kResetPrice = 20;
inline constexpr double kBadFramePrice = 20;
inline constexpr double kSettingsPrice = 5;
inline constexpr double kFramePrice = 1;  // ping, window update, empty data, priority, unknown
inline constexpr double kDataWorth = 2;   // a data frame of at least kDataBytesMin, either way
inline constexpr size_t kDataBytesMin = 32;
inline constexpr double kCallWorth = 4;  // a call that ended well

}  // namespace shoal::rpc
