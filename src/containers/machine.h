// What the pieces of this room work with. References to things that live as long as the daemon.
#pragma once

#include <string>

#include "base/log.h"
#include "base/rng.h"
#include "os/loop.h"

namespace shoal::engine {
class Engine;
}
namespace shoal::images {
class ImageStore;
}
namespace shoal::netdriver {
class DnsServers;
class NodeNetwork;
class Overlays;
}  // namespace shoal::netdriver
namespace shoal::network {
class NameTable;
}

namespace shoal::containers {

struct Machine {
  os::Loop& loop;
  engine::Engine& engine;
  images::ImageStore& images;
  netdriver::NodeNetwork& network;  // not started yet: Containers::open() does
  Rng& rng;                         // seeded from the kernel: ids and names
  Log& log;
  // Of a node that may be in a swarm; null: its containers are on no overlays.
  netdriver::Overlays* overlays = nullptr;
  // Null: nobody looks up names. Both or none.
  netdriver::DnsServers* dns = nullptr;
  network::NameTable* names = nullptr;
  std::string data_root;   // containers/ and volumes/ are in it; survives a reboot
  std::string api_socket;  // what a mount of Docker's socket shows; empty: the host's own file
};

}  // namespace shoal::containers
