// shoal: command line in, exit code out.
#include <cstdio>

#include "cli/command_line.h"

int main(int argc, char** argv) {
  using namespace shoal;
  const auto invocation = cli::parse_command_line({argv + 1, argv + argc});
  if (!invocation) {
    std::fprintf(stderr, "shoal: %s\n", invocation.error().message.c_str());
    return 1;
  }
  if (const auto* request = std::get_if<cli::PlaygroundRequest>(&invocation->command)) {
    return cli::run_playground(*request);
  }
  if (const auto* request = std::get_if<cli::DrainRequest>(&invocation->command)) {
    return cli::run_drain(*request);
  }
  if (const auto* request = std::get_if<cli::NetworkCheckRequest>(&invocation->command)) {
    return cli::run_network_check(*request);
  }
  if (const auto* request = std::get_if<cli::RebalanceRequest>(&invocation->command)) {
    return cli::run_rebalance(*request);
  }
  if (const auto* request = std::get_if<cli::SwarmJoinRequest>(&invocation->command)) {
    return cli::run_swarm_join(*request);
  }
  if (const auto* options = std::get_if<cli::InitOptions>(&invocation->command)) {
    return cli::run_init(*options);
  }
  std::fputs(invocation->text.c_str(), stdout);
  return 0;
}
