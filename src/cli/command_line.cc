#include "cli/command_line.h"

#include <CLI/CLI.hpp>
#include <algorithm>

#include "cli/playground_flags.h"

namespace shoal::cli {
namespace {

constexpr std::string_view kVersion = "0.1.0";

// The first process of a playground's node; not for people.
CLI::App* add_init(CLI::App& app, InitOptions& options) {
  CLI::App* init = app.add_subcommand("playground-init", "")->group("");
  init->add_option("--hostname", options.hostname)->required();
  init->add_option("--folder", options.folder)->required();
  init->add_option("command", options.command)->required();
  return init;
}

// The command that was given last, and in `path` what stands before its name: "shoal playground"
// of "shoal playground up --nodes x".
const CLI::App* innermost(const CLI::App& app, std::string& path) {
  const CLI::App* at = &app;
  std::string last = "shoal";
  while (!at->get_subcommands().empty()) {
    path += (path.empty() ? "" : " ") + last;
    at = at->get_subcommands().front();
    last = at->get_name();
  }
  return at;
}

// The parser's reason, or the first word that it did not know.
std::string reason(const CLI::App& at, const CLI::ParseError& error) {
  const std::vector<std::string> unknown = at.remaining();
  if (unknown.empty()) return error.what();
  const char* kind = unknown.front().starts_with('-') ? "flag"
                     : at.get_subcommands({}).empty() ? "argument"
                                                      : "command";
  return fmt::format("unknown {} \"{}\"", kind, unknown.front());
}

}  // namespace

Result<Invocation> parse_command_line(const std::vector<std::string>& arguments) {
  CLI::App app{"shoal: the command line of Shoal, beside docker's own."};
  app.name("shoal");
  app.set_version_flag("-v,--version", fmt::format("Shoal version {}", kVersion));
  app.require_subcommand(1);
  PlaygroundRequest playground;
  DrainRequest drain;
  NetworkCheckRequest network;
  RebalanceRequest rebalance;
  SwarmJoinRequest join;
  InitOptions init;
  const CLI::App* playground_app = add_playground(app, playground);
  const CLI::App* drain_app = add_node(app, drain);
  const CLI::App* network_app = add_network(app, network);
  const CLI::App* rebalance_app = add_rebalance(app, rebalance);
  const CLI::App* join_app = add_swarm(app, join);
  const CLI::App* init_app = add_init(app, init);
  Invocation invocation;
  std::string path;
  try {
    std::vector<std::string> words = arguments;
    playground.command = split_exec(words);
    std::ranges::reverse(words);
    app.parse(words);
    if (playground_app->parsed()) {
      RETURN_IF_ERROR(complete_playground(playground));
      invocation.command = playground;
    }
    if (drain_app->parsed()) invocation.command = drain;
    if (network_app->parsed()) {
      RETURN_IF_ERROR(complete_network_check(network));
      invocation.command = network;
    }
    if (rebalance_app->parsed()) {
      RETURN_IF_ERROR(complete_rebalance(rebalance));
      invocation.command = rebalance;
    }
    if (join_app->parsed()) invocation.command = join;
    if (init_app->parsed()) invocation.command = init;
  } catch (const CLI::CallForHelp&) {
    const CLI::App* asked = innermost(app, path);
    invocation.text = asked->help(path);
  } catch (const CLI::CallForVersion& version) {
    invocation.text = std::string(version.what()) + "\n";
  } catch (const CLI::ParseError& error) {
    const CLI::App* given = innermost(app, path);
    return invalid_argument("{} ({}{}{} --help tells)", reason(*given, error), path,
                            path.empty() ? "" : " ", given->get_name());
  }
  return invocation;
}

}  // namespace shoal::cli
