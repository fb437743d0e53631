#include "cli/node.h"

#include <poll.h>
#include <time.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <cstdlib>
#include <nlohmann/json.hpp>
#include <set>

#include "cli/api_client.h"

namespace shoal::cli {
namespace {
using nlohmann::json;

constexpr std::string_view kOwnSocket = "/run/shoal/shoal.sock";
constexpr int kLookAgainMs = 200;

int64_t seconds_now() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

struct FoundNode {
  std::string id;
  std::string name;
  uint64_t version = 0;
  json spec;
};

Result<FoundNode> find_node(const ApiClient& daemon, const std::string& name) {
  ASSIGN_OR_RETURN(const std::string body, daemon.get("/nodes/" + url_escaped(name)));
  const json document = json::parse(body, nullptr, false);
  try {
    return FoundNode{document.at("ID"), document.at("Description").at("Hostname"),
                     document.at("Version").at("Index"), document.at("Spec")};
  } catch (const json::exception&) {
    return internal_error("the daemon's answer about the node cannot be read");
  }
}

Result<void> set_drain(const ApiClient& daemon, FoundNode node) {
  if (node.spec.value("Availability", "") == "drain") return {};
  node.spec["Availability"] = "drain";
  const auto target = fmt::format("/nodes/{}/update?version={}", node.id, node.version);
  const auto done = daemon.post(target, node.spec.dump());
  if (!done) return std::unexpected(done.error());
  return {};
}

Result<size_t> left_on(const ApiClient& daemon, const std::string& node) {
  const std::string filters = json{{"node", {node}}}.dump();
  ASSIGN_OR_RETURN(const std::string body, daemon.get("/tasks?filters=" + url_escaped(filters)));
  return tasks_left(body);
}

Result<void> wait_until_empty(const ApiClient& daemon, const FoundNode& node,
                              const DrainRequest& request) {
  const bool shows = !request.quiet && ::isatty(STDOUT_FILENO);
  const int64_t began = seconds_now();
  for (;;) {
    ASSIGN_OR_RETURN(const size_t left, left_on(daemon, node.id));
    if (shows) std::printf("\r%s: %zu tasks left \033[K", node.name.c_str(), left);
    std::fflush(stdout);
    if (left == 0) break;
    if (request.timeout_s > 0 && seconds_now() - began >= request.timeout_s) {
      if (shows) std::printf("\n");
      return unavailable("after {} s {} tasks are left on {}: `docker node ps {}` shows them",
                         request.timeout_s, left, node.name, node.name);
    }
    ::poll(nullptr, 0, kLookAgainMs);
  }
  if (shows) std::printf("\r\033[K");
  return {};
}

Result<std::string> drain(const DrainRequest& request) {
  ASSIGN_OR_RETURN(const std::string socket, daemon_socket(std::getenv("DOCKER_HOST")));
  const ApiClient daemon(socket);
  ASSIGN_OR_RETURN(const FoundNode node, find_node(daemon, request.node));
  RETURN_IF_ERROR(set_drain(daemon, node));
  if (request.wait) RETURN_IF_ERROR(wait_until_empty(daemon, node, request));
  return node.name + (request.wait ? " is empty" : " is drained: its tasks move");
}

}  // namespace

CLI::App* add_node(CLI::App& app, DrainRequest& request) {
  CLI::App* node = app.add_subcommand("node", "What docker node has no command for");
  node->require_subcommand(1);
  CLI::App* drain = node->add_subcommand(
      "drain", "Move every task of a service away from a node, in each service's update order");
  drain->add_option("NODE", request.node, "Its id or host name")->required();
  drain->add_flag("--wait", request.wait, "Return when the node is empty, showing what is left");
  drain
      ->add_option("--timeout", request.timeout_s,
                   "Give up waiting after so many seconds (0: never)")
      ->check(CLI::Range(0, 1'000'000));
  drain->add_flag("-q,--quiet", request.quiet, "Print nothing but errors");
  return drain;
}

Result<std::string> daemon_socket(const char* docker_host) {
  constexpr std::string_view kUnix = "unix://";
  const std::string_view host = docker_host ? docker_host : "";
  if (host.empty()) return std::string(kOwnSocket);
  if (!host.starts_with(kUnix) || host.size() == kUnix.size()) {
    return invalid_argument("DOCKER_HOST={} is no unix:// address", host);
  }
  return std::string(host.substr(kUnix.size()));
}

Result<size_t> tasks_left(const std::string& answer) {
  // Ended, or of a node that is down: nothing to wait for.
  static const std::set<std::string> kEnded = {"complete", "shutdown", "failed",
                                               "rejected", "remove",   "orphaned"};
  const json tasks = json::parse(answer, nullptr, false);
  try {
    size_t left = 0;
    if (!tasks.is_array()) return internal_error("the daemon's list of tasks is none");
    for (const auto& task : tasks) {
      if (!kEnded.contains(task.at("Status").at("State").get<std::string>())) ++left;
    }
    return left;
  } catch (const json::exception&) {
    return internal_error("the daemon's list of tasks cannot be read");
  }
}

int run_drain(const DrainRequest& request) {
  const auto done = drain(request);
  if (!done) {
    std::fprintf(stderr, "shoal: %s\n", done.error().message.c_str());
    return 1;
  }
  if (!request.quiet) std::printf("%s\n", done->c_str());
  return 0;
}

}  // namespace shoal::cli
