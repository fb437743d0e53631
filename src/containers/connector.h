// Connector: a container's networks, all of them: its namespace with the link to the node's bridge,
// the overlays it is on, and the names that it may ask for.
//
// Control thread. Lives as long as the daemon.
#pragma once

#include "containers/entry.h"
#include "containers/machine.h"

namespace shoal::containers {

class Connector {
 public:
  explicit Connector(Machine& machine) : machine_(machine) {}

  // Fills in entry->connection and entry->overlay_connections. On an error nothing is left.
  os::Co<Result<void>> connect(EntryRef entry);
  // For a container that an earlier daemon connected: its names are answered again.
  os::Co<> adopt(EntryRef entry);
  // Fine when it is not connected. The first error counts, the rest is done all the same.
  os::Co<Result<void>> disconnect(EntryRef entry);

 private:
  os::Co<Result<void>> connect_overlays(EntryRef entry);
  os::Co<Result<void>> join_mesh(EntryRef entry);
  os::Co<Result<void>> serve_names(EntryRef entry);

  Machine& machine_;
};

}  // namespace shoal::containers
