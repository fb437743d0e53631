#include "agent/network_checker.h"

namespace shoal::agent {

os::Co<> NetworkChecker::run(os::StopToken stop) {
  for (;;) {
    const auto spread = uint64_t(2 * kNetworkCheckSpread / 1ms);
    const Duration pause =
        kNetworkCheckInterval - kNetworkCheckSpread + int64_t(rng_.below(spread)) * 1ms;
    const bool over = !co_await loop_.sleep(pause, stop);
    if (over) co_return;
    (void)co_await look();
  }
}

void NetworkChecker::look_behind() {
  os::spawn(look_and_forget());
}

os::Co<> NetworkChecker::look_and_forget() {
  (void)co_await look();
}

os::Co<netdriver::NetworkCheck> NetworkChecker::look() {
  const uint64_t mine = begun_ + 1;
  while (looking_) (void)co_await ended_.wait();
  if (begun_ >= mine) co_return last_;
  looking_ = true;
  ++begun_;
  netdriver::NetworkCheck result;
  for (const Check& check : checks_) {
    const netdriver::NetworkCheck found = co_await check();
    result.add(found);
  }
  found_ += result.differences;
  tell(result);
  last_ = result;
  looking_ = false;
  ended_.notify();
  co_return result;
}

void NetworkChecker::tell(const netdriver::NetworkCheck& result) {
  if (!result.failure.empty()) {
    log_.warn("a network in the kernel is not as it shall be", {{"reason", result.failure}});
  }
  if (result.differences == 0) return;
  std::string shown;
  for (size_t i = 0; i < result.descriptions.size() && i < kDifferencesLoggedMax; ++i) {
    shown += (i == 0 ? "" : "; ") + result.descriptions[i];
  }
  log_.warn("networks in the kernel were not as they shall be, and were mended",
            {{"differences", result.differences}, {"first", shown}, {"since_start", found_}});
}

}  // namespace shoal::agent
