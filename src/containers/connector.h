// Connector: a container's networks, all of them: its namespace with the links to bridges of this
// node and to overlays, its way out, and the names that it may ask for and is found under.
//
// Control thread; for a container that its caller holds (Entry::lock). Lives as long as the daemon.
#pragma once

#include "containers/attacher.h"
#include "containers/entry.h"
#include "containers/machine.h"
#include "containers/networks.h"

namespace shoal::containers {

class Connector {
 public:
  Connector(Machine& machine, Networks& networks) : machine_(machine), networks_(networks) {}

  // Set when the daemon is wired; without one nothing is attached to networks of the swarm.
  void attach_with(Attacher& attacher) { attacher_ = &attacher; }

  // A container that is about to run: connects it to config.networks and fills in
  // entry->connections. On an error nothing is left.
  os::Co<Result<void>> connect(EntryRef entry);
  // For a container that an earlier daemon connected: its names are answered again, and a link that
  // is gone is made again.
  os::Co<> adopt(EntryRef entry);
  // Fine when it is not connected. The first error counts, the rest is done all the same.
  os::Co<Result<void>> disconnect(EntryRef entry);

  // One that runs: one network more, or less. config.networks changes with it.
  os::Co<Result<void>> join(EntryRef entry, model::NetworkConnection connection);
  os::Co<Result<void>> leave(EntryRef entry, std::string network);

  // Its name has changed.
  void rename(Entry& entry);

 private:
  os::Co<Result<void>> attach_all(EntryRef entry);
  os::Co<Result<void>> attach(EntryRef entry, model::NetworkConnection& connection);
  void detach(model::NetworkConnection& connection);
  os::Co<Result<void>> connect_all(EntryRef entry);
  os::Co<Result<void>> take_down(EntryRef entry);
  os::Co<Result<void>> add_link(EntryRef entry, model::NetworkConnection connection,
                                std::string link);
  os::Co<Result<void>> add_bridge(EntryRef entry, std::string key, std::string link);
  os::Co<Result<void>> add_overlay(EntryRef entry, model::NetworkConnection connection,
                                   std::string link);
  os::Co<Result<void>> drop_link(EntryRef entry, model::NetworkConnection connection);
  os::Co<Result<void>> drop_bridge(EntryRef entry, std::string key);
  os::Co<Result<void>> settle_way_out(EntryRef entry);
  os::Co<Result<void>> join_mesh(EntryRef entry);
  os::Co<Result<void>> serve_names(EntryRef entry);
  os::Co<Result<void>> write_files(EntryRef entry);
  os::Co<Result<void>> tell(EntryRef entry);
  void put_names(const Entry& entry);
  void drop_names(const Entry& entry, const model::NetworkConnection& connection);
  void emit(std::string_view action, const Entry& entry,
            const model::NetworkConnection& connection) const;

  Machine& machine_;
  Networks& networks_;
  Attacher* attacher_ = nullptr;
};

}  // namespace shoal::containers
