#include "cli/swarm.h"

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/api_client.h"
#include "cli/node.h"

namespace shoal::cli {
namespace {
using nlohmann::json;

Result<std::string> join(const SwarmJoinRequest& request) {
  ASSIGN_OR_RETURN(const std::string body, join_body(request));
  ASSIGN_OR_RETURN(const std::string socket, daemon_socket(std::getenv("DOCKER_HOST")));
  const ApiClient daemon(socket);
  const auto joined = daemon.post("/swarm/join", body);
  if (!joined) return joined;
  ASSIGN_OR_RETURN(const std::string info, daemon.get("/info"));
  return joined_words(info);
}

}  // namespace

CLI::App* add_swarm(CLI::App& app, SwarmJoinRequest& request) {
  CLI::App* swarm = app.add_subcommand("swarm", "The swarm that this node is part of");
  swarm->require_subcommand(1);
  CLI::App* join = swarm->add_subcommand("join", "Join a swarm as a node and/or manager");
  join->add_option("HOST:PORT", request.remote, "A manager of the swarm")->required();
  join->add_option("--token", request.token, "Token for entry into the swarm");
  join->add_option("--advertise-addr", request.advertise_address,
                   "Advertised address (format: \"<ip|interface>[:port]\")");
  join->add_option("--listen-addr", request.listen_address,
                   "Listen address (format: \"<ip|interface>[:port]\")")
      ->capture_default_str();
  join->add_option(
      "--data-path-addr", request.data_path_address,
      "Address or interface to use for data path traffic (format: \"<ip|interface>\")");
  join->add_option("--availability", request.availability,
                   "Availability of the node (\"active\", \"pause\", \"drain\")")
      ->capture_default_str();
  return join;
}

Result<std::string> join_body(const SwarmJoinRequest& request) {
  std::string availability = request.availability;
  for (char& c : availability) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  if (availability != "active" && availability != "pause" && availability != "drain") {
    return invalid_argument(
        "invalid availability \"{}\", only active, pause and drain are supported",
        request.availability);
  }
  return json{{"JoinToken", request.token},
              {"ListenAddr", request.listen_address},
              {"AdvertiseAddr", request.advertise_address},
              {"DataPathAddr", request.data_path_address},
              {"RemoteAddrs", json::array({request.remote})},
              {"Availability", availability}}
      .dump(-1, ' ', false, json::error_handler_t::replace);
}

Result<std::string> joined_words(const std::string& info) {
  const json document = json::parse(info, nullptr, false);
  try {
    const bool manages = document.at("Swarm").value("ControlAvailable", false);
    return std::string("This node joined a swarm as a ") + (manages ? "manager." : "worker.");
  } catch (const json::exception&) {
    return internal_error("the daemon's answer about itself cannot be read");
  }
}

int run_swarm_join(const SwarmJoinRequest& request) {
  const auto done = join(request);
  if (!done) {
    std::fprintf(stderr, "shoal: %s\n", done.error().message.c_str());
    return 1;
  }
  std::printf("%s\n", done->c_str());
  return 0;
}

}  // namespace shoal::cli
