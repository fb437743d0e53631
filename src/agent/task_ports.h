// At which ports a task answers, and how long its node waits for it to do so before it says that
// the task runs.
//
// The manager has a running task served by every balancer, and an update goes on with the next one.
// A process listens some milliseconds after its start, or some seconds: what comes before is
// refused. A health check says when it is ready; without one, that it listens is the next best
// sign.
#pragma once

#include "containers/container.h"
#include "containers/listening.h"
#include "model/task.h"

namespace shoal::agent {

// For every port that its service publishes: somebody means it to be asked there.
inline constexpr Duration kPublishedWithin = 5s;
// For one of those that its image names, on a network on which others could ask it. The image may
// well be used for something that answers nobody.
inline constexpr Duration kExposedWithin = 1s;

struct AwaitedServers {
  containers::AwaitedPorts ports;  // none: it runs as soon as its process does
  Duration within{0};
};
AwaitedServers awaited_servers(const model::Task& task, const containers::Container& container);

}  // namespace shoal::agent
