#include "cli/rebalance.h"

#include <poll.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdlib>
#include <nlohmann/json.hpp>

#include "cli/api_client.h"
#include "cli/node.h"

namespace shoal::cli {
namespace {
using nlohmann::json;
using Services = std::vector<RebalancedService>;

constexpr std::string_view kPath = "/shoal/v1/rebalance";
constexpr int kLookAgainMs = 200;
constexpr std::string_view kEven = "the spread is even";

std::string tasks(size_t count) {
  return fmt::format("{} task{}", count, count == 1 ? "" : "s");
}

Result<Services> ask(const ApiClient& daemon, const std::vector<std::string>& names, bool plan) {
  std::string target = fmt::format("{}?plan={}", kPath, plan ? "true" : "false");
  for (const std::string& name : names) target += "&service=" + url_escaped(name);
  ASSIGN_OR_RETURN(const std::string body, daemon.get(target));
  return read_rebalance(body);
}

Result<Services> tell(const ApiClient& daemon, std::string_view tail, const Services& services) {
  json names = json::array();
  for (const auto& service : services) names.push_back(service.id);
  ASSIGN_OR_RETURN(const std::string body,
                   daemon.post(fmt::format("{}{}", kPath, tail), json{{"Services", names}}.dump()));
  return read_rebalance(body);
}

size_t planned_in(const Services& services) {
  size_t count = 0;
  for (const auto& service : services) count += service.moves.size();
  return count;
}

size_t moved_in(const Services& services) {
  size_t count = 0;
  for (const auto& service : services) count += service.moved;
  return count;
}

Result<void> show_plan(const Services& services, const RebalanceRequest& request) {
  const size_t count = planned_in(services);
  if (request.quiet) {
    for (const auto& service : services) {
      for (const auto& move : service.moves) std::printf("%s\n", move.task.c_str());
    }
    return {};
  }
  if (count > 0 || !request.format.empty()) {
    ASSIGN_OR_RETURN(const std::string text, render(moves_table(services), request.format));
    std::fputs(text.c_str(), stdout);
  }
  if (!request.format.empty()) return {};
  if (count == 0) {
    std::printf("%s\n", std::string(kEven).c_str());
  } else {
    std::printf("\n%zu move%s\n", count, count == 1 ? "" : "s");
  }
  return {};
}

// Until none of them moves; a line for each task that was moved, or one that changes.
Result<Services> watch(const ApiClient& daemon, const Services& services, size_t planned,
                       bool quiet) {
  const bool in_place = !quiet && ::isatty(STDOUT_FILENO);
  std::vector<std::string> ids;
  for (const auto& service : services) ids.push_back(service.id);
  size_t told = moved_in(services);
  for (;;) {
    const auto now = ask(daemon, ids, false);
    if (!now || std::ranges::none_of(*now, &RebalancedService::is_moving)) {
      if (in_place) std::printf("\r\033[K");
      return now;
    }
    const std::string progress = progress_of(*now, planned);
    if (in_place) std::printf("\r%s\033[K", progress.c_str());
    if (!quiet && !in_place && moved_in(*now) > told) {
      told = moved_in(*now);
      std::printf("%zu of %zu tasks moved\n", std::min(told, planned), planned);
    }
    std::fflush(stdout);
    ::poll(nullptr, 0, kLookAgainMs);
  }
}

// How each of them came to its end; an error when one did before it was even.
Result<void> tell_ends(const Services& services, bool quiet) {
  std::string reasons;
  for (const auto& service : services) {
    if (service.state == "completed") {
      if (quiet) continue;
      std::printf("%s: %s moved, %s\n", service.name.c_str(), tasks(service.moved).c_str(),
                  service.message.c_str());
    } else {
      reasons += fmt::format("{}{}: {}", reasons.empty() ? "" : "\n", service.name,
                             service.message.empty() ? "it ended" : service.message);
    }
  }
  if (reasons.empty()) return {};
  return unavailable("the rebalance ended early\n{}", reasons);
}

Result<void> rebalance(const ApiClient& daemon, const RebalanceRequest& request) {
  ASSIGN_OR_RETURN(Services services, ask(daemon, request.services, true));
  if (request.dry_run) return show_plan(services, request);
  std::erase_if(services, [](const auto& one) { return one.moves.empty() && !one.is_moving(); });
  if (services.empty()) {
    if (!request.quiet) std::printf("%s\n", std::string(kEven).c_str());
    return {};
  }
  size_t planned = planned_in(services);
  for (const auto& service : services) planned += service.is_moving() ? service.moved : 0;
  ASSIGN_OR_RETURN(services, tell(daemon, "", services));
  if (request.detach) {
    if (!request.quiet) std::printf("%s will move\n", tasks(planned).c_str());
    return {};
  }
  ASSIGN_OR_RETURN(services, watch(daemon, services, planned, request.quiet));
  return tell_ends(services, request.quiet);
}

Result<void> stop(const ApiClient& daemon, const RebalanceRequest& request) {
  ASSIGN_OR_RETURN(Services services, ask(daemon, request.services, false));
  std::erase_if(services, [](const auto& one) { return !one.is_moving(); });
  if (services.empty()) {
    if (!request.quiet) std::printf("nothing is being rebalanced\n");
    return {};
  }
  ASSIGN_OR_RETURN(services, tell(daemon, "/stop", services));
  for (const auto& service : services) {
    if (request.quiet) break;
    std::printf("%s: stopped, %s moved\n", service.name.c_str(), tasks(service.moved).c_str());
  }
  return {};
}

std::string host_of(const json& node) {
  const std::string host = node.at("Hostname");
  return host.empty() ? node.at("ID").get<std::string>() : host;
}

RebalancedService read_service(const json& one) {
  RebalancedService service{.id = one.at("ID"), .name = one.at("Name"), .state = one.at("State")};
  service.message = one.value("Message", "");
  service.waiting = one.value("Waiting", "");
  service.moved = one.value("Moved", size_t{0});
  for (const auto& move : one.value("Moves", json::array())) {
    service.moves.push_back({.slot = std::to_string(move.at("Slot").get<uint64_t>()),
                             .task = move.at("Task"),
                             .from = host_of(move.at("From")),
                             .to = host_of(move.at("To"))});
  }
  return service;
}

}  // namespace

CLI::App* add_rebalance(CLI::App& app, RebalanceRequest& request) {
  CLI::App* rebalance = app.add_subcommand(
      "rebalance",
      "Move tasks, one at a time and in each service's update order, until every node has its "
      "share.\nInterrupting the command leaves it going on; --stop ends it.");
  rebalance->add_option("SERVICE", request.services,
                        "Names or ids; without any, all replicated services");
  rebalance->add_flag("--dry-run", request.dry_run, "Show what would move, and change nothing");
  rebalance->add_flag("--stop", request.stop,
                      "End what goes on: a task that is moving stays where it runs");
  rebalance->add_flag("-d,--detach", request.detach, "Return at once, while the tasks move");
  rebalance->add_flag("-q,--quiet", request.quiet,
                      "Print nothing but errors; with --dry-run only the tasks' ids");
  rebalance->add_option("--format", request.format,
                        "With --dry-run: table, json, or a template of .Service .Slot .Task .From "
                        ".To");
  return rebalance;
}

Result<void> complete_rebalance(const RebalanceRequest& request) {
  if (request.stop && (request.dry_run || request.detach)) {
    return invalid_argument("--stop goes with neither --dry-run nor --detach");
  }
  if (!request.format.empty() && (!request.dry_run || request.quiet)) {
    return invalid_argument("--format needs --dry-run, without --quiet");
  }
  return {};
}

Result<Services> read_rebalance(const std::string& answer) {
  const json document = json::parse(answer, nullptr, false);
  try {
    Services services;
    for (const auto& one : document.at("Services")) services.push_back(read_service(one));
    std::ranges::stable_sort(services, {}, &RebalancedService::name);
    return services;
  } catch (const json::exception&) {
    return internal_error("the daemon's answer about the rebalance cannot be read");
  }
}

Table moves_table(const Services& services) {
  Table table{.fields = {"Service", "Slot", "Task", "From", "To"}, .rows = {}};
  for (const auto& service : services) {
    for (const auto& move : service.moves) {
      table.rows.push_back({service.name, move.slot, move.task, move.from, move.to});
    }
  }
  return table;
}

std::string progress_of(const Services& services, size_t planned) {
  std::string text =
      fmt::format("{} of {} moved", std::min(moved_in(services), planned), tasks(planned));
  for (const auto& service : services) {
    if (!service.is_moving() || service.waiting.empty()) continue;
    return text + ", " + service.waiting;
  }
  return text;
}

int run_rebalance(const RebalanceRequest& request) {
  const auto socket = daemon_socket(std::getenv("DOCKER_HOST"));
  Result<void> done;
  if (!socket) {
    done = std::unexpected(socket.error());
  } else {
    const ApiClient daemon(*socket);
    done = request.stop ? stop(daemon, request) : rebalance(daemon, request);
  }
  if (done) return 0;
  std::fflush(stdout);
  std::fprintf(stderr, "shoal: %s\n", done.error().message.c_str());
  return 1;
}

}  // namespace shoal::cli
