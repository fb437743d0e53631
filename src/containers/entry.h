// Entry: a container with everything this room keeps about it beyond what others may see.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "containers/container.h"
#include "containers/lock.h"
#include "engine/container.h"
#include "netdriver/node_network.h"
#include "netdriver/overlays.h"
#include "os/sync.h"

namespace shoal::containers {

// Whoever waits for the streams of the next run.
using PendingAttachment = os::OneShot<Result<std::unique_ptr<engine::Attachment>>>;

// What connects a container that runs, or is about to.
struct Connections {
  std::string netns_path;  // empty: it has no namespace of its own
  std::vector<netdriver::Endpoint> bridges;
  std::vector<netdriver::OverlayEndpoint> overlays;

  bool operator==(const Connections&) const = default;
};

struct Entry : Container {
  // Held by whatever changes the run: start, the end of a run, rename, remove. Not by kill, stop
  // and waiting, which must get through while those are under way.
  AsyncLock lock;
  os::Signal changed;  // some field is different

  // The process; set from its creation until everything of it is cleaned up.
  std::shared_ptr<engine::Container> run;
  Connections connections;
  os::StopSource giving_up;  // gives up the start that is under way
  std::vector<PendingAttachment> attaching;

  uint64_t ended_runs = 0;
  ExitStatus last_exit;
  bool stopped_by_user = false;  // no restart by policy until the next start by hand
  // The engine's epoch in which its last start began, and empty once its end is written down. When
  // the engine does not know the container, it tells one whose process never came to be (the same
  // epoch) from one that the machine went down under (another).
  std::string begun_in;
  bool end_unseen = false;  // found at start: the machine went down under it
  bool removing = false;
  bool removed = false;
  Duration restart_pause{0};  // before the next restart by policy; 0: none was made yet
};
using EntryRef = std::shared_ptr<Entry>;

// Its record waits for the disk: what it says decides what the node does after a reboot.
inline bool runs_after_reboot(const Entry& entry) {
  return entry.config.restart != model::ContainerRestart::No;
}

}  // namespace shoal::containers
