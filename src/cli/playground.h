// shoal playground: several nodes of a swarm on one machine, each in namespaces of its own.
//
// Every command works on what it finds, so it may follow one that was killed half-way. All of them
// block, and need root.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "cli/playground_record.h"

namespace shoal::cli {

enum class PlaygroundVerb {
  Up,
  Down,
  List,
  Exec,
  Env,
  Kill,
  Stop,
  Start,
  Restart,
  Cut,
  Heal,
  Loss
};

inline constexpr int kNodesByDefault = 3;
inline constexpr int kGraceByDefaultS = 10;

// A command line of `shoal playground`; a verb looks only at what is its own.
struct PlaygroundRequest {
  PlaygroundVerb verb = PlaygroundVerb::List;
  std::string name{kDefaultPlayground};
  int node = 0;  // 1 and up; whether there is such a node is seen when it runs

  int node_count = kNodesByDefault;  // up
  bool swarm = true;
  bool debug = false;
  std::string subnet;  // empty: a free one
  std::string shoald;  // empty: the one beside this program

  bool quiet = false;  // up: print nothing; ls: only the names of the nodes
  bool all = false;    // ls: of every playground
  std::string format;  // ls, see table.h

  std::vector<std::string> command;  // exec
  int grace_s = kGraceByDefaultS;    // stop
  double loss_percent = 0;           // loss
};

// Runs it and prints what it has to say. Returns the exit code: of exec, the command's, or
// kExecFailed when it did not come to that; else 0 or 1.
int run_playground(const PlaygroundRequest& request);

inline constexpr int kExecFailed = 125;  // as docker has it

}  // namespace shoal::cli
