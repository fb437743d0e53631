// How often things go wrong. All zero once healed: then every service must converge.
#pragma once

#include "base/rng.h"
#include "base/time.h"

namespace shoal::sim {

struct Faults {
  // Per event, as a probability.
  double message_lost = 0;
  double message_twice = 0;
  double commit_failed = 0;
  double prepare_failed = 0;   // for good: no such image
  double prepare_delayed = 0;  // a passing reason
  double start_failed = 0;
  double networks_failed = 0;  // the kernel refuses what a message says, for a passing reason
  double networks_untrue = 0;  // acknowledged and not carried out: that the checkers see it
  double exit_failed = 0;      // an exit is one with a code other than 0
  double stop_ignored = 0;     // until the kill, kStubbornStop later
  // Between two events of the kind; zero means never.
  Duration container_life{0};  // until a running container exits by itself
  Duration agent_restart{0};   // over all nodes
  Duration node_reboot{0};     // takes its containers down
  Duration partition{0};
  Duration manager_crash{0};

  static Faults some() {
    return {.message_lost = 0.005,
            .message_twice = 0.01,
            .commit_failed = 0.0003,
            .prepare_failed = 0.02,
            .prepare_delayed = 0.05,
            .start_failed = 0.05,
            .networks_failed = 0.05,
            .exit_failed = 0.7,
            .stop_ignored = 0.2,
            .container_life = 90s,
            .agent_restart = 60s,
            .node_reboot = 120s,
            .partition = 45s,
            .manager_crash = 150s};
  }
};

inline constexpr Duration kStubbornStop = 12s;

// Between nothing and `most`, often near nothing.
inline Duration random_delay(Rng& rng, Duration most) {
  const auto limit = uint64_t(most.count()) + 1;
  const uint64_t first = rng.below(limit);
  return Duration(int64_t(rng.chance(0.5) ? first : rng.below(first + 1)));
}

// Around `mean`, between half of it and one and a half times it.
inline Duration random_pause(Rng& rng, Duration mean) {
  return mean / 2 + Duration(int64_t(rng.below(uint64_t(mean.count()) + 1)));
}

}  // namespace shoal::sim
