// The files that a container gets from the node: /etc/hosts, /etc/hostname, /etc/resolv.conf.
#pragma once

#include <string>
#include <vector>

#include "containers/entry.h"
#include "engine/description.h"
#include "network/container_files.h"

namespace shoal::containers {

// Everything the files are made from; a value, so that the pool can work on it.
struct NodeFiles {
  std::string folder;  // the container's own
  std::string hostname;
  std::string domainname;
  std::vector<std::string> hosts;  // "address name …"
  model::DnsConfig dns;
  bool host_network = false;
  bool responder = false;  // names are answered inside the container, on 127.0.0.11
  std::vector<network::IpAddress> addresses;
};

// For the container as it is connected now.
NodeFiles node_files(const Entry& entry);

// Whom its DNS responder asks what it does not know itself. Blocks.
network::DnsUpstreams dns_upstreams_of(const NodeFiles& files);

// Writes them into the folder. Blocks.
Result<void> write_node_files(const NodeFiles& files);

// How the container sees the files of `folder` (its own, or that of the container whose network it
// shares).
std::vector<engine::ProvidedMount> node_file_mounts(const std::string& folder);

// A mount of Docker's socket shows this node's own API instead, if it serves one (Machine).
bool is_docker_socket(const std::string& path);

}  // namespace shoal::containers
