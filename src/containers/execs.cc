#include "containers/execs.h"

#include "containers/names.h"
#include "containers/records.h"
#include "containers/table.h"

namespace shoal::containers {
namespace {

engine::ExecDescription describe(const ExecProcess& exec, bool detached) {
  const auto& config = exec.config;
  return {.id = exec.id,
          .argv = config.argv,
          .env = config.env,
          .working_dir = config.working_dir,
          .user = config.user,
          .tty = config.tty,
          .open_stdin = config.attach_stdin && !detached,
          .privileged = config.privileged,
          .attach = !detached,
          .about = exec_text(config)};
}

// For events, which are kept and shown: not a script of megabytes.
std::string command_line(const ExecConfig& config) {
  std::string text;
  for (const auto& word : config.argv) {
    if (text.size() > kExecEventMax) break;
    text += (text.empty() ? "" : " ") + word.substr(0, kExecEventMax);
  }
  return text;
}

size_t bytes_of(const ExecConfig& config) {
  size_t bytes = config.working_dir.size() + config.user.size();
  for (const auto& word : config.argv) bytes += word.size();
  for (const auto& word : config.env) bytes += word.size();
  return bytes;
}

}  // namespace

Execs::Execs(Machine& machine, Table& table, Emit emit)
    : machine_(machine), table_(table), emit_(std::move(emit)) {}

Result<ExecRef> Execs::create(const std::string& container, ExecConfig config) {
  ASSIGN_OR_RETURN(const auto entry, table_.find(container));
  if (entry->state.status == Status::Paused) {
    return conflict("container {} is paused, unpause the container before exec", entry->id);
  }
  if (!entry->run || !entry->state.is_running()) {
    return conflict("container {} is not running", entry->id);
  }
  if (config.argv.empty()) return invalid_argument("No exec command specified");
  const size_t bytes = bytes_of(config);
  if (bytes > kExecBytesMax) {
    return too_large("the command and environment of an exec have more than {} bytes",
                     kExecBytesMax);
  }
  auto& mine = by_container_[entry->id];
  make_room(mine, bytes, [](const ExecProcess& exec) { return exec.exit_code.has_value(); });
  // Whoever creates an exec starts it at once; these were forgotten.
  make_room(mine, bytes, [](const ExecProcess& exec) { return !exec.process && !exec.starting; });
  if (!has_room(mine, bytes)) {
    return unavailable("container {} has {} execs already", entry->id, mine.ids.size());
  }
  const auto exec = std::make_shared<ExecProcess>(
      ExecProcess{.id = make_id(machine_.rng), .container = entry, .config = std::move(config)});
  execs_[exec->id] = exec;
  mine.ids.push_back(exec->id);
  mine.bytes += bytes;
  emit_(entry, "exec_create: " + command_line(exec->config), {{"execID", exec->id}});
  return exec;
}

os::Co<> Execs::adopt(std::string container_id) {
  const auto entry = table_.by_id(container_id);
  const auto run = entry->run;
  auto found = co_await run->adopt_execs();
  if (!found) {
    machine_.log.warn("execs are lost",
                      {{"container", container_id}, {"reason", found.error().message}});
    co_return;
  }
  for (auto& [id, about, process] : *found) {
    auto config = parse_exec(about);
    if (!config) continue;  // A health check's: nobody asks for it.
    const auto exec = std::make_shared<ExecProcess>(ExecProcess{
        .id = id, .container = entry, .config = std::move(*config), .process = process});
    execs_[id] = exec;
    Mine& mine = by_container_[container_id];
    mine.ids.push_back(id);
    mine.bytes += bytes_of(exec->config);
    os::spawn(watch(exec));
  }
}

bool Execs::has_room(const Mine& mine, size_t bytes) {
  return mine.ids.size() < kExecsMax && mine.bytes + bytes <= kExecsBytesMax;
}

// Forgets the oldest that may go, as many as it takes.
void Execs::make_room(Mine& mine, size_t bytes, bool (*may_go)(const ExecProcess&)) {
  for (auto at = mine.ids.begin(); at != mine.ids.end() && !has_room(mine, bytes);) {
    const auto exec = execs_.find(*at);
    if (!may_go(*exec->second)) {
      ++at;
      continue;
    }
    mine.bytes -= bytes_of(exec->second->config);
    execs_.erase(exec);
    at = mine.ids.erase(at);
  }
}

Result<ExecRef> Execs::find(const std::string& id) const {
  const auto at = execs_.find(id);
  if (at == execs_.end()) return not_found("No such exec instance: {}", id);
  return at->second;
}

Result<void> Execs::check_startable(const ExecProcess& exec) const {
  if (exec.exit_code) return conflict("exec command {} has already run", exec.id);
  if (exec.process || exec.starting) {
    return conflict("exec command {} is already running", exec.id);
  }
  const auto entry = table_.by_id(exec.container->id);
  if (!entry || !entry->run || !entry->state.is_running()) {
    return conflict("container {} is not running", exec.container->id);
  }
  return {};
}

os::Co<Result<ExecRef>> Execs::start(std::string id, bool detached) {
  CO_RETURN_IF_ERROR(find(id));
  const auto exec = execs_.at(id);
  CO_RETURN_IF_ERROR(check_startable(*exec));
  const auto entry = table_.by_id(exec->container->id);
  exec->starting = true;
  emit_(entry, "exec_start: " + command_line(exec->config), {{"execID", exec->id}});
  const auto run = entry->run;
  auto process = co_await run->exec(describe(*exec, detached));
  exec->starting = false;
  if (!process) {
    exec->exit_code = engine::start_failure_code(process.error());
    co_return std::unexpected(process.error());
  }
  exec->process = std::move(*process);
  os::spawn(watch(exec));
  co_return exec;
}

os::Co<> Execs::watch(std::shared_ptr<ExecProcess> exec) {
  const auto process = exec->process;
  const auto code = co_await process->wait();
  exec->exit_code = code.value_or(255);
  emit_(exec->container, "exec_die",
        {{"execID", exec->id}, {"exitCode", std::to_string(*exec->exit_code)}});
}

os::Co<Result<void>> Execs::resize(std::string id, uint16_t rows, uint16_t columns) {
  CO_ASSIGN_OR_RETURN(const auto exec, find(id));
  if (!exec->process || exec->exit_code) co_return conflict("exec {} is not running", id);
  const auto process = exec->process;
  co_return co_await process->resize(rows, columns);
}

std::vector<ExecRef> Execs::of(const std::string& container_id) const {
  std::vector<ExecRef> list;
  const auto at = by_container_.find(container_id);
  if (at == by_container_.end()) return list;
  for (const auto& id : at->second.ids) list.push_back(execs_.at(id));
  return list;
}

void Execs::forget(const std::string& container_id) {
  const auto at = by_container_.find(container_id);
  if (at == by_container_.end()) return;
  for (const auto& id : at->second.ids) execs_.erase(id);
  by_container_.erase(at);
}

}  // namespace shoal::containers
