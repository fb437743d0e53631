// NetworkChecker: now and then compares this node's networks in the kernel with what they shall be
// and has them mended: somebody flushed the rules, took an address or a link away, turned
// forwarding off. What was not so is logged and counted.
//
// Control thread; the comparing itself is netdriver's, off it. Lives as long as the daemon.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "base/log.h"
#include "base/rng.h"
#include "base/time.h"
#include "netdriver/network_check.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::agent {

// Between two looks, and how far the next one is spread around it: nodes that were started together
// do not look together.
inline constexpr Duration kNetworkCheckInterval = 60s;
inline constexpr Duration kNetworkCheckSpread = 20s;
// Differences that are named in one line of the log.
inline constexpr size_t kDifferencesLoggedMax = 5;

class NetworkChecker {
 public:
  // One kind of network; it mends what it finds.
  using Check = std::function<os::Co<netdriver::NetworkCheck>()>;
  NetworkChecker(os::Loop& loop, Log& log, Rng& rng, std::vector<Check> checks)
      : loop_(loop), log_(log), rng_(rng), checks_(std::move(checks)) {}

  // Looks now and then, until `stop`.
  os::Co<> run(os::StopToken stop);
  // Starts a look, which nobody waits for.
  void look_behind();
  // Looks at everything, beginning after this call; who asks while another look goes on shares the
  // next one.
  os::Co<netdriver::NetworkCheck> look();

  // Differences that were found since the daemon started.
  uint64_t found() const { return found_; }

 private:
  os::Co<> look_and_forget();
  void tell(const netdriver::NetworkCheck& result);

  os::Loop& loop_;
  Log& log_;
  Rng& rng_;
  const std::vector<Check> checks_;
  netdriver::NetworkCheck last_;
  uint64_t begun_ = 0;  // looks
  bool looking_ = false;
  os::Signal ended_;
  uint64_t found_ = 0;
};

}  // namespace shoal::agent
