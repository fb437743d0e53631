// Runner: takes a container through a run: root file system, network, files and process up; when
// the process has ended, all of it down again; and the next run when the restart policy says so.
//
// Control thread only. Where it says "held", the caller holds entry.lock.
#pragma once

#include <functional>

#include "containers/connector.h"
#include "containers/entry.h"
#include "containers/execs.h"
#include "containers/machine.h"
#include "containers/table.h"
#include "engine/description.h"

namespace shoal::containers {

// Pauses before restarts by policy: doubled each time, from the start again after a run that held.
inline constexpr Duration kRestartPauseMin = 100ms;
inline constexpr Duration kRestartPauseMax = 1min;
inline constexpr Duration kRunThatHeld = 10s;

class Runner {
 public:
  using Emit = Execs::Emit;
  // Removes a container that asked for that (--rm). Held.
  using Remove = std::function<os::Co<Result<void>>(EntryRef)>;
  Runner(Machine& machine, Networks& networks, Table& table, Execs& execs, Emit emit,
         Remove remove);

  void attach_with(Attacher& attacher) { connector_.attach_with(attacher); }

  // Starts one that does not run. Held. On an error everything is undone and the reason is in its
  // state; one with --rm is then removed.
  os::Co<Result<void>> start(EntryRef entry);

  // Follows a run that an earlier daemon started.
  void adopt(EntryRef entry);

  // For one that does not run: takes away the links that a start left which was cut off. Held.
  os::Co<> unlink(EntryRef entry);

  // Its process has ended: says so, and takes down what belonged to the run. Held. Nothing happens
  // when that was done before.
  os::Co<> finish(EntryRef entry, engine::ExitStatus status);

  // Whether its policy asks for another run after one that ended with this code.
  bool wants_restart(const Entry& entry, int exit_code) const;

  // What follows the end of a run: removal (--rm), a restart, or nothing. Held.
  os::Co<> after_end(EntryRef entry);

  // One network more, or less (see Connector), now or for the next run, and written down. Held.
  os::Co<Result<void>> join(EntryRef entry, model::NetworkConnection connection);
  os::Co<Result<void>> leave(EntryRef entry, std::string network);
  // Its name has changed. Held.
  void rename(Entry& entry) { connector_.rename(entry); }

  // Writes down how the container is; an error is only logged (the engine knows better).
  os::Co<> save(EntryRef entry, bool synced);

 private:
  os::Co<Result<void>> bring_up(EntryRef entry);
  os::Co<Result<void>> prepare(EntryRef entry, engine::ContainerDescription& description);
  os::Co<Result<void>> write_files(EntryRef entry);
  os::Co<Result<void>> fill_volumes(EntryRef entry, std::string rootfs);
  Result<void> join_namespaces(const Entry& entry, engine::ContainerDescription& description) const;
  Result<EntryRef> running_other(std::string_view mode) const;
  os::Co<> adopt_connections(EntryRef entry);
  os::Co<> write_end(EntryRef entry);
  os::Co<> take_down(EntryRef entry);
  os::Co<> serve_attachments(EntryRef entry);
  void on_running(EntryRef entry);
  void follow(EntryRef entry);
  os::Co<> watch(EntryRef entry, std::shared_ptr<engine::Container> run);
  os::Co<> restart_later(EntryRef entry, Duration pause, uint64_t ended_runs);

  Machine& machine_;
  Connector connector_;
  Table& table_;
  Execs& execs_;
  Emit emit_;
  Remove remove_;
};

}  // namespace shoal::containers
