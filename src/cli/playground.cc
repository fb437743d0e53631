#include "cli/playground.h"

#include <signal.h>
#include <unistd.h>

#include <cstdio>

#include "cli/playground_exec.h"
#include "cli/playground_lock.h"
#include "cli/playground_node.h"
#include "cli/playground_switch.h"
#include "cli/playground_up.h"
#include "cli/table.h"

namespace shoal::cli {
namespace {

constexpr const char* kClearLine = "\r\033[K";

// One line on standard error that is always written anew, and only for somebody who watches.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet) : shown_(!quiet && ::isatty(STDERR_FILENO)) {}
  ~ProgressLine() {
    if (shown_) std::fputs(kClearLine, stderr);
  }
  void show(const std::string& text) const {
    if (shown_) std::fprintf(stderr, "%s%s …", kClearLine, text.c_str());
  }

 private:
  bool shown_;
};

Result<void> check_node(const Playground& playground, int node) {
  if (node <= playground.node_count) return {};
  return not_found("playground \"{}\" has no node {}: it has {} to {}", playground.name, node,
                   node_name(1), node_name(playground.node_count));
}

Result<void> append_rows(const std::string& name, Table& table) {
  const Result<Playground> playground = read_playground(name);
  if (!playground) return std::unexpected(playground.error());
  ASSIGN_OR_RETURN(const std::vector<NodeState> states, read_states(*playground));
  for (int node = 1; node <= playground->node_count; ++node) {
    table.rows.push_back({name, node_name(node), playground->address(node).str(),
                          std::string(word_of(states[size_t(node - 1)])),
                          playground->socket_path(node)});
  }
  return {};
}

// The column of the playground is for lists of several.
Table without_first_column(Table table) {
  table.fields.erase(table.fields.begin());
  for (auto& row : table.rows) row.erase(row.begin());
  return table;
}

Result<std::string> list(const PlaygroundRequest& request) {
  Table table{{"Playground", "Node", "Address", "State", "Socket"}, {}};
  if (request.all) {
    for (const auto& name : list_playgrounds()) {
      const Result<void> listed = append_rows(name, table);
      // What `down` is for: shown, so that it is not forgotten.
      if (!listed) table.rows.push_back({name, "-", "-", "broken", "-"});
    }
  } else {
    RETURN_IF_ERROR(append_rows(request.name, table));
  }
  if (request.quiet) return render(table, request.all ? "{{.Playground}} {{.Node}}" : "{{.Node}}");
  const bool aligned = request.format.empty() || request.format == "table";
  return render(aligned && !request.all ? without_first_column(table) : table, request.format);
}

Result<std::string> up(const PlaygroundRequest& request) {
  ASSIGN_OR_RETURN(const PlaygroundLock lock, PlaygroundLock::take());
  Playground made;
  {
    const ProgressLine line(request.quiet);
    ASSIGN_OR_RETURN(made, bring_up(request, [&](const std::string& text) { line.show(text); }));
  }
  if (request.quiet) return "";
  ASSIGN_OR_RETURN(std::string text, list(request));
  const std::string flag = made.name == kDefaultPlayground ? "" : " --name " + made.name;
  text += fmt::format("\nexport $(shoal playground env{} 1)   # docker talks to {} then\n", flag,
                      node_name(1));
  return text;
}

Result<std::string> down(const PlaygroundRequest& request) {
  ASSIGN_OR_RETURN(const PlaygroundLock lock, PlaygroundLock::take());
  const ProgressLine line(request.quiet);
  ASSIGN_OR_RETURN(const bool there,
                   take_down(request.name, [&](const std::string& text) { line.show(text); }));
  if (request.quiet) return "";
  return fmt::format("playground \"{}\": {}\n", request.name,
                     there ? "nothing is left of it" : "there is nothing to remove");
}

Result<std::string> start(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(const PlaygroundLock lock, PlaygroundLock::take());
  const ProgressLine line(false);
  line.show(node_name(node) + " boots");
  RETURN_IF_ERROR(start_node(playground, node));
  return "";
}

Result<std::string> env(const Playground& playground, int node) {
  return fmt::format("DOCKER_HOST=unix://{}\nADDRESS={}\n", playground.socket_path(node),
                     playground.address(node).str());
}

// Silent when it went well, as docker's are.
Result<std::string> silent(const Result<void>& done) {
  if (!done) return std::unexpected(done.error());
  return "";
}

Result<std::string> link(const Playground& playground, int node, bool is_up) {
  ASSIGN_OR_RETURN(const NodeInit init, require_init(playground, node));
  return silent(set_link(playground, node, is_up));
}

Result<std::string> kill(const Playground& playground, int node) {
  ASSIGN_OR_RETURN(const NodeInit init, require_init(playground, node));
  return silent(kill_node(playground, node));
}

Result<std::string> of_one_node(const PlaygroundRequest& request) {
  ASSIGN_OR_RETURN(const Playground playground, read_playground(request.name));
  RETURN_IF_ERROR(check_node(playground, request.node));
  const int node = request.node;
  switch (request.verb) {
    case PlaygroundVerb::Env:
      return env(playground, node);
    case PlaygroundVerb::Kill:
      return kill(playground, node);
    case PlaygroundVerb::Stop:
      return silent(stop_node(playground, node, request.grace_s));
    case PlaygroundVerb::Start:
      return start(playground, node);
    case PlaygroundVerb::Restart:
      return silent(restart_daemon(playground, node));
    case PlaygroundVerb::Cut:
      return link(playground, node, false);
    case PlaygroundVerb::Heal:
      return link(playground, node, true);
    case PlaygroundVerb::Loss:
      return silent(set_loss(playground, node, request.loss_percent));
    default:
      return internal_error("this is not about one node");
  }
}

Result<int> exec(const PlaygroundRequest& request) {
  ASSIGN_OR_RETURN(const Playground playground, read_playground(request.name));
  RETURN_IF_ERROR(check_node(playground, request.node));
  ASSIGN_OR_RETURN(const NodeInit init, require_init(playground, request.node));
  return run_in_node(init, playground.socket_path(request.node), request.command);
}

Result<std::string> run(const PlaygroundRequest& request) {
  switch (request.verb) {
    case PlaygroundVerb::Up:
      return up(request);
    case PlaygroundVerb::Down:
      return down(request);
    case PlaygroundVerb::List:
      return list(request);
    default:
      return of_one_node(request);
  }
}

void complain(const Error& error) {
  std::fprintf(stderr, "shoal: %s\n", error.message.c_str());
}

}  // namespace

int run_playground(const PlaygroundRequest& request) {
  ::signal(SIGPIPE, SIG_IGN);  // A tool or a node may end while it is spoken to.
  const bool is_exec = request.verb == PlaygroundVerb::Exec;
  if (::geteuid() != 0) {
    complain({ErrorCode::PermissionDenied, "a playground needs root: run this as root"});
    return is_exec ? kExecFailed : 1;
  }
  if (is_exec) {
    const Result<int> code = exec(request);
    if (code) return *code;
    complain(code.error());
    return kExecFailed;
  }
  const Result<std::string> done = run(request);
  if (!done) {
    complain(done.error());
    return 1;
  }
  std::fputs(done->c_str(), stdout);
  return 0;
}

}  // namespace shoal::cli
