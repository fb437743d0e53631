// `shoal swarm join`, as docker's: makes this node part of a swarm. The daemon is the one of
// DOCKER_HOST, or Shoal's own.
#pragma once

#include <CLI/App.hpp>
#include <string>

#include "base/result.h"

namespace shoal::cli {

// `shoal swarm join --token TOKEN HOST[:PORT]`
struct SwarmJoinRequest {
  std::string remote;
  std::string token;
  std::string listen_address = "0.0.0.0:2377";
  std::string advertise_address;
  std::string data_path_address;
  std::string availability = "active";
};

CLI::App* add_swarm(CLI::App& app, SwarmJoinRequest& request);

// Returns when the node has joined, as what it prints. Exit code 1, with the daemon's words, when
// it has not.
int run_swarm_join(const SwarmJoinRequest& request);

// The body of POST /swarm/join. InvalidArgument, in docker's words, for an unknown availability.
Result<std::string> join_body(const SwarmJoinRequest& request);

// What docker says after joining, by the answer of GET /info. Internal when it is none.
Result<std::string> joined_words(const std::string& info);

}  // namespace shoal::cli
