// Playground: what one is made of and where its parts are, and the file that remembers it.
//
//   /run/shoal-playground/NAME/playground.json   the record, written first and removed last
//   /run/shoal-playground/NAME/switch            the network namespace with the bridge (a mount)
//   /run/shoal-playground/NAME/hostosN.stopped   this node was stopped politely, not killed
//   /var/lib/shoal-playground/NAME/hostosN/      what a node keeps: data, log, socket
//   cgroup /shoal-playground-NAME/hostosN/       node: its first process and daemon; containers
//
// What runs, and how the links are, is asked of the kernel each time, never remembered.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "network/address.h"

namespace shoal::cli {

inline constexpr std::string_view kDefaultPlayground = "playground";
inline constexpr size_t kPlaygroundNameMax = 32;
inline constexpr int kNodesMax = 200;

struct Playground {
  std::string name{kDefaultPlayground};
  network::Subnet subnet;  // of 24 bits; node N is the N-th address, the machine kGatewayNumber
  int node_count = 0;
  std::string shoald;  // the program
  bool debug = false;  // the daemons log everything

  std::string run_folder() const;
  std::string record_path() const { return run_folder() + "/playground.json"; }
  std::string switch_path() const { return run_folder() + "/switch"; }
  std::string stopped_path(int node) const;
  std::string state_folder() const;
  std::string node_folder(int node) const;
  std::string socket_path(int node) const { return node_folder(node) + "/shoal.sock"; }
  std::string control_path(int node) const { return node_folder(node) + "/control"; }
  std::string log_path(int node) const { return node_folder(node) + "/log"; }

  std::string cgroup() const { return "/shoal-playground-" + name; }
  std::string node_cgroup(int node) const;
  std::string init_cgroup(int node) const { return node_cgroup(node) + "/node"; }
  std::string container_cgroup(int node) const { return node_cgroup(node) + "/containers"; }

  network::IpAddress gateway() const;
  network::IpAddress address(int node) const;
  // The machine's end of the link to the switch; one name for one subnet.
  std::string uplink() const;
  // The table with the rules that let the nodes out through the machine.
  std::string nft_table() const;
};

inline constexpr std::string_view kPlaygroundRunRoot = "/run/shoal-playground";
inline constexpr std::string_view kPlaygroundStateRoot = "/var/lib/shoal-playground";

// "hostos3"
std::string node_name(int node);

// Small letters, digits and '-': the name is part of paths, cgroups and rules.
Result<void> check_playground_name(std::string_view name);

std::string encode_record(const Playground& playground);
// Internal, naming what is wrong, for anything that encode_record does not write. `path` is for
// the error.
Result<Playground> decode_record(std::string_view text, const std::string& path);

// NotFound, with what to do, when there is no such playground; Internal when its record is damaged.
Result<Playground> read_playground(const std::string& name);
// The names of all playgrounds that left a trace in the run or state folder, sorted.
std::vector<std::string> list_playgrounds();

}  // namespace shoal::cli
