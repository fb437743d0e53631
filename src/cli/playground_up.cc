#include "cli/playground_up.h"

#include <unistd.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/api_client.h"
#include "cli/playground_node.h"
#include "cli/playground_switch.h"
#include "cli/subnet.h"
#include "engine/cgroup.h"
#include "os/file.h"

namespace shoal::cli {
namespace {
namespace fs = std::filesystem;
using nlohmann::json;

constexpr int kSwarmPort = 2377;

Result<std::string> find_shoald(const std::string& given) {
  std::error_code missing;
  const fs::path beside = fs::read_symlink("/proc/self/exe", missing).parent_path() / "shoald";
  const fs::path wanted = given.empty() ? beside : fs::path(given);
  const fs::path found = fs::canonical(wanted, missing);
  if (missing || !fs::is_regular_file(found) || ::access(found.c_str(), X_OK) != 0) {
    return not_found("there is no program {}: --shoald says where the daemon is", wanted.string());
  }
  return found.string();
}

// Of processes, the switch and files: is any there?
Result<bool> anything_of(const Playground& playground) {
  if (fs::exists(playground.run_folder()) || fs::exists(playground.state_folder())) return true;
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  return !cgroups.processes(playground.cgroup()).empty();
}

Result<void> make_nodes(const Playground& playground, const Progress& progress) {
  progress("the network");
  RETURN_IF_ERROR(with_context(make_switch(playground), "the network"));
  for (int node = 1; node <= playground.node_count; ++node) {
    progress(node_name(node) + " boots");
    RETURN_IF_ERROR(start_node(playground, node));
  }
  return {};
}

std::string endpoint(const Playground& playground, int node) {
  return fmt::format("{}:{}", playground.address(node).str(), kSwarmPort);
}

Result<std::string> worker_token(const ApiClient& manager) {
  ASSIGN_OR_RETURN(const std::string body, manager.get("/swarm"));
  const json document = json::parse(body, nullptr, false);
  const json::json_pointer at("/JoinTokens/Worker");
  if (!document.is_object() || !document.contains(at) || !document[at].is_string()) {
    return internal_error("the manager tells no join token");
  }
  return document[at].get<std::string>();
}

Result<void> make_swarm(const Playground& playground, const Progress& progress) {
  const ApiClient manager(playground.socket_path(1));
  json request{{"ListenAddr", fmt::format("0.0.0.0:{}", kSwarmPort)},
               {"AdvertiseAddr", playground.address(1).str()}};
  progress(node_name(1) + " makes the swarm");
  RETURN_IF_ERROR(with_context(manager.post("/swarm/init", request.dump()),
                               "{} cannot make a swarm", node_name(1)));
  if (playground.node_count == 1) return {};
  ASSIGN_OR_RETURN(request["JoinToken"], worker_token(manager));
  request["RemoteAddrs"] = {endpoint(playground, 1)};
  for (int node = 2; node <= playground.node_count; ++node) {
    progress(node_name(node) + " joins");
    request["AdvertiseAddr"] = playground.address(node).str();
    const ApiClient api(playground.socket_path(node));
    RETURN_IF_ERROR(with_context(api.post("/swarm/join", request.dump()),
                                 "{} cannot join the swarm", node_name(node)));
  }
  return {};
}

Result<Playground> plan_playground(const PlaygroundRequest& request) {
  Playground playground;
  playground.name = request.name;
  playground.node_count = request.node_count;
  playground.debug = request.debug;
  ASSIGN_OR_RETURN(playground.shoald, find_shoald(request.shoald));
  ASSIGN_OR_RETURN(const auto routes, read_routes());
  ASSIGN_OR_RETURN(playground.subnet, request.subnet.empty()
                                          ? choose_subnet(routes)
                                          : check_subnet(request.subnet, routes));
  return playground;
}

// A root that holds nothing any more goes too.
void remove_root_if_empty(std::string_view root) {
  ::rmdir(std::string(root).c_str());
}

Result<void> remove_all(const Playground& playground, const Progress& progress) {
  progress("ending the processes");
  RETURN_IF_ERROR(end_processes(playground));
  progress("removing network and files");
  RETURN_IF_ERROR(remove_switch(playground));
  RETURN_IF_ERROR(os::remove_tree(playground.state_folder()));
  remove_root_if_empty(kPlaygroundStateRoot);
  return os::remove_tree(playground.run_folder());
}

}  // namespace

Result<Playground> bring_up(const PlaygroundRequest& request, const Progress& progress) {
  Playground named;
  named.name = request.name;
  ASSIGN_OR_RETURN(const bool there, anything_of(named));
  if (there) {
    return already_exists(
        "playground \"{0}\" is there already: `shoal playground down --name {0}` removes it",
        request.name);
  }
  ASSIGN_OR_RETURN(const Playground playground, plan_playground(request));
  RETURN_IF_ERROR(os::make_folders(playground.run_folder(), 0711));
  RETURN_IF_ERROR(os::write_file(playground.record_path(), encode_record(playground), 0644));
  Result<void> made = make_nodes(playground, progress);
  if (made && request.swarm) made = make_swarm(playground, progress);
  if (made) return playground;
  if (const Result<void> removed = remove_all(playground, progress); !removed) {
    return internal_error("{}\nand removing what was made failed: {}", made.error().message,
                          removed.error().message);
  }
  return std::unexpected(made.error());
}

Result<bool> take_down(const std::string& name, const Progress& progress) {
  Playground playground;
  playground.name = name;
  ASSIGN_OR_RETURN(const bool there, anything_of(playground));
  RETURN_IF_ERROR(remove_all(playground, progress));
  return there;
}

}  // namespace shoal::cli
