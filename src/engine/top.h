// The processes of a container as `docker top` lists them.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::engine {

struct ProcessTable {
  std::vector<std::string> titles;
  std::vector<std::vector<std::string>> rows;  // each as long as titles

  bool operator==(const ProcessTable&) const = default;
};

// The program and arguments that list processes: `ps -ef` when nothing is asked for. No shell reads
// the arguments.
std::vector<std::string> ps_command(const std::string& ps_args);

// Keeps of the output of `ps` the title line and the rows of `pids`; needs a PID column, as Docker
// does. The last column may contain spaces.
Result<ProcessTable> parse_process_table(const std::string& ps_output,
                                         const std::vector<int32_t>& pids);

}  // namespace shoal::engine
