// Health checks: runs the check of a running container again and again and keeps its verdict.
//
// Docker's rules: the first check one interval after the start; `retries` failures in a row make it
// unhealthy, one success healthy; failures within the start period do not count as long as it has
// never been healthy; within it, checks come every start interval.
#pragma once

#include <functional>

#include "containers/entry.h"
#include "os/loop.h"

namespace shoal::containers {

// A health check with Docker's defaults filled in.
struct HealthRules {
  Duration interval = 30s;
  Duration timeout = 30s;
  Duration start_period{0};
  Duration start_interval = 5s;
  int retries = 3;

  static HealthRules of(const model::HealthConfig& config);
};

// Takes one finished check into account. Returns true when the status is another now. Pure.
bool judge(Health& health, const HealthRules& rules, HealthProbe probe, Time container_started);

// Runs until the container's present run has ended. `on_change` is called after each change of the
// status. The entry must have a health check and a run.
os::Co<> monitor_health(os::Loop& loop, Rng& rng, EntryRef entry, std::function<void()> on_change);

}  // namespace shoal::containers
