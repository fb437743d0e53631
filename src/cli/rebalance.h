// `shoal rebalance`: moves tasks of replicated services, one at a time, until each service is
// spread evenly over its nodes. The manager carries it out (docs/rebalance.md); this command asks
// for it and watches. The daemon is the one of DOCKER_HOST, or Shoal's own.
#pragma once

#include <CLI/App.hpp>
#include <string>
#include <vector>

#include "base/result.h"
#include "cli/table.h"

namespace shoal::cli {

// `shoal rebalance [SERVICE…] [--dry-run] [--stop] [--detach]`
struct RebalanceRequest {
  std::vector<std::string> services;  // names or ids; none: every replicated one
  bool dry_run = false;
  bool stop = false;
  bool detach = false;
  bool quiet = false;
  std::string format;  // of the rows of a dry run
};

CLI::App* add_rebalance(CLI::App& app, RebalanceRequest& request);
// What one flag alone cannot tell: InvalidArgument for flags that do not go together.
Result<void> complete_rebalance(const RebalanceRequest& request);

// Returns the exit code: 0 when every service is even (or was told to become, or to stop), 1 when
// one ended before that or anything else went wrong, with the reason.
int run_rebalance(const RebalanceRequest& request);

// A service as the daemon shows it.
struct RebalancedService {
  struct Move {
    std::string slot;
    std::string task;
    std::string from;  // host name, or the id of a node that has none
    std::string to;

    bool operator==(const Move&) const = default;
  };
  std::string id;
  std::string name;
  std::string state;  // none, moving, completed, ended
  std::string message;
  std::string waiting;
  size_t moved = 0;
  std::vector<Move> moves;

  bool is_moving() const { return state == "moving"; }
};

// The services of an answer, ordered by name. Internal when it cannot be read.
Result<std::vector<RebalancedService>> read_rebalance(const std::string& answer);

// The moves, a row each.
Table moves_table(const std::vector<RebalancedService>& services);

// "1 of 2 tasks moved, web.4 is starting on hostos3": of those that still move.
std::string progress_of(const std::vector<RebalancedService>& services, size_t planned);

}  // namespace shoal::cli
