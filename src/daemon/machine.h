// Machine: what this node can do with containers, put together: loop, images, engine, network,
// containers. Shared by the running daemon and by --cleanup.
#pragma once

#include <memory>
#include <vector>

#include "base/log.h"
#include "base/rng.h"
#include "containers/containers.h"
#include "daemon/flags.h"
#include "daemon/folder_lock.h"
#include "engine/engine.h"
#include "images/image_store.h"
#include "netdriver/dns_server.h"
#include "netdriver/node_network.h"
#include "netdriver/overlays.h"
#include "os/loop.h"

namespace shoal::daemon {

// Threads for work that blocks: disk, unpacking, mounts.
inline constexpr int kPoolThreads = 8;

// Destroyed from the last member to the first, when the loop runs no more.
struct Machine {
  std::vector<FolderLock> locks;
  engine::HostFacts facts;
  os::Loop loop{kPoolThreads};
  Rng rng;
  std::unique_ptr<images::ImageStore> images;
  std::unique_ptr<engine::Engine> engine;
  network::NameTable names;
  std::unique_ptr<netdriver::NodeNetwork> network;  // started by containers->open()
  std::unique_ptr<netdriver::Overlays> overlays;    // as well
  std::unique_ptr<netdriver::DnsServers> dns;
  std::unique_ptr<containers::Containers> containers;

  explicit Machine(uint64_t seed) : rng(seed) {}
};

// Enters the private mounts, makes the folders and opens everything; blocks. Before any thread is
// started.
Result<std::unique_ptr<Machine>> assemble(const Flags& flags, Log& log);

}  // namespace shoal::daemon
