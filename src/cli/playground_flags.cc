#include "cli/playground_flags.h"

#include <CLI/CLI.hpp>
#include <charconv>

#include "cli/playground_init.h"
#include "cli/playground_switch.h"

namespace shoal::cli {
namespace {

constexpr const char* kNameFlag = "--name";
constexpr std::string_view kNodePrefix = "hostos";

// "2" or "hostos2".
Result<int> parse_node(std::string_view text) {
  std::string_view digits = text;
  if (digits.starts_with(kNodePrefix)) digits.remove_prefix(kNodePrefix.size());
  int node = 0;
  const char* end = digits.data() + digits.size();
  const auto read = std::from_chars(digits.data(), end, node);
  if (read.ec != std::errc() || read.ptr != end || node < 1) {
    return invalid_argument("\"{}\" is no node: \"2\" or \"hostos2\" is the second", text);
  }
  return node;
}

CLI::App* add_verb(CLI::App* group, PlaygroundRequest& request, PlaygroundVerb verb,
                   const std::string& name, const std::string& help) {
  CLI::App* app = group->add_subcommand(name, help);
  app->add_option(kNameFlag, request.name, "Name of the playground; several may be there")
      ->envname("SHOAL_PLAYGROUND")
      ->capture_default_str();
  app->callback([&request, verb] { request.verb = verb; });
  return app;
}

CLI::App* add_node_verb(CLI::App* group, PlaygroundRequest& request, PlaygroundVerb verb,
                        const std::string& name, const std::string& help) {
  CLI::App* app = add_verb(group, request, verb, name, help);
  app->add_option_function<std::string>(
         "NODE",
         [&request](const std::string& text) {
           const Result<int> node = parse_node(text);
           if (!node) throw CLI::ValidationError("NODE", node.error().message);
           request.node = *node;
         },
         "The node: 2, or hostos2")
      ->required();
  return app;
}

void add_up(CLI::App* group, PlaygroundRequest& request) {
  CLI::App* up = add_verb(group, request, PlaygroundVerb::Up, "up",
                          "Make the nodes hostos1, hostos2, …, and a swarm of them that hostos1 "
                          "manages");
  up->add_option("-n,--nodes", request.node_count, "How many nodes")
      ->capture_default_str()
      ->check(CLI::Range(1, kNodesMax));
  up->add_flag("!--no-swarm", request.swarm, "Only the nodes, in no swarm");
  up->add_option("--subnet", request.subnet,
                 "Their addresses, a network like 10.210.0.0/24 (default: a free one)");
  up->add_option("--shoald", request.shoald, "The daemon (default: the one beside this program)");
  up->add_flag("-D,--debug", request.debug, "The daemons log everything");
  up->add_flag("-q,--quiet", request.quiet, "Print nothing");
}

void add_whole(CLI::App* group, PlaygroundRequest& request) {
  add_up(group, request);
  CLI::App* down = add_verb(group, request, PlaygroundVerb::Down, "down",
                            "Remove everything: processes, networks, files; also of one that is "
                            "half-made or broken");
  down->add_flag("-q,--quiet", request.quiet, "Print nothing");
  CLI::App* list = add_verb(group, request, PlaygroundVerb::List, "ls", "List the nodes");
  list->add_flag("-a,--all", request.all, "Of every playground");
  list->add_flag("-q,--quiet", request.quiet, "Only their names");
  list->add_option("--format", request.format,
                   "table, json, or a template of .Playground, .Node, .Address, .State, .Socket");
}

void add_inside(CLI::App* group, PlaygroundRequest& request) {
  add_node_verb(group, request, PlaygroundVerb::Exec, "exec",
                "Run a command inside a node: exec NODE COMMAND…; docker talks to this node there");
  add_node_verb(group, request, PlaygroundVerb::Env, "env",
                "Print DOCKER_HOST and ADDRESS of a node, for `export $(…)`");
}

void add_life(CLI::App* group, PlaygroundRequest& request) {
  add_node_verb(group, request, PlaygroundVerb::Kill, "kill", "Pull the plug of a node");
  CLI::App* stop = add_node_verb(group, request, PlaygroundVerb::Stop, "stop",
                                 "Shut a node down: everything in it gets SIGTERM first");
  stop->add_option("-t,--time", request.grace_s, "Seconds until it is killed")
      ->capture_default_str()
      ->check(CLI::Range(0, kGraceMaxS));
  add_node_verb(group, request, PlaygroundVerb::Start, "start",
                "Boot a node that was killed or stopped; its state is kept, /run is not");
  add_node_verb(group, request, PlaygroundVerb::Restart, "restart",
                "Restart the daemon of a node, or start it; containers go on");
}

void add_faults(CLI::App* group, PlaygroundRequest& request) {
  add_node_verb(group, request, PlaygroundVerb::Cut, "cut", "Cut the link of a node");
  add_node_verb(group, request, PlaygroundVerb::Heal, "heal", "Mend the link of a node");
  CLI::App* loss = add_node_verb(group, request, PlaygroundVerb::Loss, "loss",
                                 "Lose a share of the packets from and to a node, each way");
  loss->add_option("PERCENT", request.loss_percent, "0 to 100, 0 ends it")
      ->required()
      ->check(CLI::Range(0.0, kLossPercentMax));
}

}  // namespace

CLI::App* add_playground(CLI::App& app, PlaygroundRequest& request) {
  CLI::App* group = app.add_subcommand(
      "playground", "Several nodes on this machine, each in namespaces of its own");
  group->require_subcommand(1);
  add_whole(group, request);
  add_inside(group, request);
  add_life(group, request);
  add_faults(group, request);
  return group;
}

std::vector<std::string> split_exec(std::vector<std::string>& arguments) {
  if (arguments.size() < 2 || arguments[0] != "playground" || arguments[1] != "exec") return {};
  size_t at = 2;
  while (at < arguments.size() && arguments[at].starts_with('-')) {
    at += arguments[at] == kNameFlag ? 2 : 1;
  }
  if (at >= arguments.size()) return {};
  const auto node = arguments.begin() + std::ptrdiff_t(at);
  std::vector<std::string> command(node + 1, arguments.end());
  arguments.erase(node + 1, arguments.end());
  if (!command.empty() && command.front() == "--") command.erase(command.begin());
  return command;
}

Result<void> complete_playground(PlaygroundRequest& request) {
  RETURN_IF_ERROR(with_context(check_playground_name(request.name), "--name"));
  if (request.verb == PlaygroundVerb::Exec && request.command.empty()) {
    return invalid_argument("a command is missing (shoal playground exec --help tells)");
  }
  return {};
}

}  // namespace shoal::cli
