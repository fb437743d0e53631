// Waiting for a started container's servers: a process runs some time before it answers anybody.
#pragma once

#include <memory>
#include <set>

#include "netdriver/listeners.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::containers {

struct Container;
struct Entry;

// The ports at which a container will answer.
struct AwaitedPorts {
  std::set<netdriver::ListeningPort> ports;
  bool any = false;  // one of them is enough

  bool are_in(const std::set<netdriver::ListeningPort>& listening) const;
};

// What the container's image and settings say that it answers at, TCP and UDP.
std::set<netdriver::ListeningPort> exposed_ports(const Container& container);

// True once they listen in the container's network namespace. False when that has not happened
// `within` that time, or the container ended first. `stop` gives up: Cancelled. True at once for a
// container in another's network or the host's: nobody can tell whose the listeners there are.
os::Co<Result<bool>> wait_listening(os::Loop& loop, std::shared_ptr<Entry> entry,
                                    AwaitedPorts awaited, Duration within, os::StopToken stop);

// True once its servers have accepted every connection that was made to them: what they close when
// they are told to stop are then connections that they know of. False when that has not happened
// `within` that time; for a container in another's network true at once.
os::Co<Result<bool>> wait_accepted(os::Loop& loop, std::shared_ptr<Entry> entry, Duration within);

}  // namespace shoal::containers
