// The pending tasks of one service and spec version, and why they are still pending.
#pragma once

#include <optional>
#include <set>
#include <string>
#include <vector>

#include "scheduler/pipeline.h"

namespace shoal::scheduler {

// Which filter rejected which node when the group was last looked at.
struct Refusals {
  std::vector<Refusal> by_place;
  RefusalCounts counts{};

  // Replaces the answer for one place; true when it differs.
  bool set(Place place, Refusal refusal);
};

struct Group {
  using Waiting = std::set<model::TaskId>;

  Waiting waiting;
  bool queued = false;              // wants to be placed
  std::optional<Refusals> blocked;  // set while no node is fit
  std::string reason;               // the text for the waiting tasks, once there is one
  Waiting untold;                   // of the waiting ones, whose status lacks it
  std::optional<Time> tell_at;      // when that is to be written
  Time told_at;                     // when it last was
};

}  // namespace shoal::scheduler
