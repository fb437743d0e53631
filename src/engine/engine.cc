#include "engine/engine.h"

#include <dirent.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cerrno>

#include "engine/conmon.h"
#include "engine/container_run.h"
#include "engine/log_limits.h"
#include "engine/oci_spec.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

// conmon binds its console socket as TMP/conmon-term.XXXXXX, in 107 bytes.
constexpr size_t kRunRootMax = 80;

bool is_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         std::all_of(text.begin(), text.end(), [](unsigned char c) { return std::isalnum(c); });
}

// Kept in the run root. One on a disk outlives a boot, and the containers in it do not.
Result<std::string> read_epoch(const EngineOptions& options, const HostFacts& host) {
  const std::string path = options.run_root + "/epoch";
  const auto kept = os::read_file(path);
  if (kept && kept->starts_with(host.boot_id)) return kept;
  ASSIGN_OR_RETURN(std::string fresh, os::read_file("/proc/sys/kernel/random/uuid"));
  while (fresh.ends_with('\n')) fresh.pop_back();
  fresh = host.boot_id + " " + fresh;
  RETURN_IF_ERROR(replace_file(path, fresh));
  return fresh;
}

// A container on its way: what create() has made so far.
struct Birth {
  Record record;
  Conmon conmon;
  std::optional<std::vector<std::string>> compiles_for;  // see BuiltSpec
};

class LocalEngine final : public Engine {
 public:
  LocalEngine(os::Loop& loop, Log& log, HostFacts host, EngineOptions options, Cgroups cgroups,
              std::string seccomp_profile, std::string epoch)
      : log_watch_(loop),
        shared_{loop,       log,          std::move(host), std::move(options), std::move(cgroups),
                log_watch_, stop_.token()},
        seccomp_profile_(std::move(seccomp_profile)),
        epoch_(std::move(epoch)) {}
  ~LocalEngine() override { stop_.stop(); }

  const HostFacts& host() const override { return shared_.host; }
  const std::string& epoch() const override { return epoch_; }
  os::Co<Result<std::shared_ptr<Container>>> create(ContainerDescription description,
                                                    os::StopToken stop) override;
  os::Co<Result<std::vector<std::string>>> list() override;
  os::Co<Result<std::shared_ptr<Container>>> adopt(std::string id) override;
  os::Co<Result<void>> discard(std::string id) override;
  Result<void> remove_all() override {
    RETURN_IF_ERROR(shared_.cgroups.destroy(shared_.options.cgroup_parent));
    return os::remove_tree(shared_.options.run_root);
  }

 private:
  Result<Birth> conceive(const ContainerDescription& description);
  Result<void> write_bundle(const ContainerDescription& description, Birth& birth);
  os::Co<Result<std::shared_ptr<Container>>> await_birth(Birth& birth, const std::string& program,
                                                         os::StopToken stop);
  Result<void> register_birth(const Birth& birth);
  os::Co<> undo(Birth& birth);
  Result<std::shared_ptr<ContainerRun>> find(const std::string& id);

  os::StopSource stop_;
  LogWatch log_watch_;
  Shared shared_;
  const std::string seccomp_profile_;
  const std::string epoch_;
  SeccompCache seccomp_cache_;
};

// Runs on the pool: everything up to the running conmon.
Result<Birth> LocalEngine::conceive(const ContainerDescription& description) {
  const auto& config = description.config;
  ASSIGN_OR_RETURN(const LogLimits limits, log_limits(config.log_driver));
  const std::string& parent =
      description.cgroup_parent.empty() ? shared_.options.cgroup_parent : description.cgroup_parent;
  Birth birth;
  Record& record = birth.record;
  record.id = description.id;
  record.cgroup = parent + "/" + description.id;
  record.log_path = limits.kept ? description.log_path : "";
  record.log_files_max = limits.files_max;
  record.tty = config.spec.tty;
  record.shares_host_pids = config.pid_mode == "host";

  const std::string folder = shared_.folder(record.id);
  if (::mkdir(folder.c_str(), 0700) != 0) {
    if (errno == EEXIST) return already_exists("container {} exists already", record.id);
    return os::system_error("mkdir", folder, errno);
  }
  const auto undo_on_failure = [&](auto&& result) {
    if (!result) (void)erase_half_made(shared_, record.id);
    return std::move(result);
  };
  RETURN_IF_ERROR(undo_on_failure(write_bundle(description, birth)));
  const ConmonCommand command{.conmon = shared_.options.conmon,
                              .crun = shared_.options.crun,
                              .runtime_root = shared_.runtime_root(),
                              .tmp = shared_.tmp(),
                              .id = record.id,
                              .folder = folder,
                              .log_path = record.log_path,
                              .log_bytes_max = limits.bytes_max,
                              .tty = config.spec.tty,
                              .open_stdin = config.spec.open_stdin,
                              .stdin_once = config.stdin_once};
  ASSIGN_OR_RETURN(birth.conmon,
                   undo_on_failure(start_conmon(command, shared_.cgroups, shared_.supervisors())));
  return birth;
}

Result<void> LocalEngine::write_bundle(const ContainerDescription& description, Birth& birth) {
  const SpecContext context{.host = &shared_.host,
                            .cgroup = birth.record.cgroup,
                            .seccomp_profile = seccomp_profile_,
                            .init = shared_.options.init,
                            .seccomp_cache = &seccomp_cache_};
  ASSIGN_OR_RETURN(BuiltSpec spec, build_oci_spec(description, context));
  birth.compiles_for = std::move(spec.compiles_for);
  const std::string folder = shared_.folder(birth.record.id);
  RETURN_IF_ERROR(replace_file(folder + "/config.json", spec.json));
  return write_record(folder, birth.record);
}

os::Co<Result<std::shared_ptr<Container>>> LocalEngine::create(ContainerDescription description,
                                                               os::StopToken stop) {
  if (!is_id(description.id)) co_return invalid_argument("bad container id {}", description.id);
  const auto& spec = description.config.spec;
  const std::string program = !spec.command.empty() ? spec.command.front()
                              : !spec.args.empty()  ? spec.args.front()
                                                    : "";
  CO_ASSIGN_OR_RETURN(Birth birth,
                      co_await shared_.loop.offload([&] { return conceive(description); }));
  auto made = co_await await_birth(birth, program, stop);
  if (!made) co_await undo(birth);
  co_return made;
}

// Waits for conmon's word on how the runtime fared.
os::Co<Result<std::shared_ptr<Container>>> LocalEngine::await_birth(Birth& birth,
                                                                    const std::string& program,
                                                                    os::StopToken stop) {
  const int messages = birth.conmon.messages.get();
  const Duration patience = shared_.options.create_patience;
  CO_ASSIGN_OR_RETURN(const ConmonMessage message,
                      co_await first_message(shared_.loop, messages, patience, stop));
  if (message.number <= 0) {
    co_return std::unexpected(runtime_error("create", program, message.text));
  }
  const pid_t pid = pid_t(message.number);
  CO_ASSIGN_OR_RETURN(birth.record.process, identify(pid, shared_.host.boot_id));
  CO_ASSIGN_OR_RETURN(birth.record.supervisor,
                      identify(birth.conmon.child.pid, shared_.host.boot_id));
  CO_ASSIGN_OR_RETURN(os::Fd process, open_process(*birth.record.process, shared_.host.boot_id));
  const auto written = co_await shared_.loop.offload([&] { return register_birth(birth); });
  CO_RETURN_IF_ERROR(written);
  auto run = std::make_shared<ContainerRun>(shared_, birth.record, std::move(birth.conmon.child),
                                            std::move(process), false);
  run->watch();
  co_return std::shared_ptr<Container>(std::move(run));
}

// On the pool.
Result<void> LocalEngine::register_birth(const Birth& birth) {
  if (birth.compiles_for) {
    const auto filter =
        os::read_file(shared_.runtime_root() + "/" + birth.record.id + "/seccomp.bpf");
    if (filter) seccomp_cache_.keep(*birth.compiles_for, *filter);
  }
  return write_record(shared_.folder(birth.record.id), birth.record);
}

os::Co<> LocalEngine::undo(Birth& birth) {
  if (birth.conmon.child.pidfd) {
    // The runtime dies with conmon, and what the runtime had started finds its pipe closed.
    ::syscall(SYS_pidfd_send_signal, birth.conmon.child.pidfd.get(), SIGKILL, nullptr, 0);
    co_await os::wait_exit(shared_.loop, birth.conmon.child);
  }
  const auto erased =
      co_await shared_.loop.offload([&] { return erase_half_made(shared_, birth.record.id); });
  if (!erased) {
    shared_.log.error("could not undo a container",
                      {{"container", birth.record.id}, {"reason", erased.error().message}});
  }
}

os::Co<Result<std::vector<std::string>>> LocalEngine::list() {
  co_return co_await shared_.loop.offload([this]() -> Result<std::vector<std::string>> {
    const std::string folder = shared_.folder("");
    DIR* entries = ::opendir(folder.c_str());
    if (!entries) return os::system_error("open", folder, errno);
    std::vector<std::string> ids;
    while (const dirent* entry = ::readdir(entries)) {
      if (is_id(entry->d_name)) ids.emplace_back(entry->d_name);
    }
    ::closedir(entries);
    std::sort(ids.begin(), ids.end());
    return ids;
  });
}

// On the pool. Looks only; never signals.
Result<std::shared_ptr<ContainerRun>> LocalEngine::find(const std::string& id) {
  ASSIGN_OR_RETURN(Record record, read_record(shared_.folder(id)));
  if (record.process && record.process->boot_id != shared_.host.boot_id) {
    return not_found("container {} ended with an earlier boot of this machine", id);
  }
  if (!record.process || !record.supervisor) {
    return internal_error("container {} was left half-made", id);
  }
  os::Child supervisor;
  if (auto conmon = open_process(*record.supervisor, shared_.host.boot_id)) {
    supervisor.pidfd = std::move(*conmon);
  }
  os::Fd process;
  if (auto found = open_process(*record.process, shared_.host.boot_id)) process = std::move(*found);
  // Between opening the gate and recording it the daemon may have ended.
  const std::string gate = shared_.runtime_root() + "/" + id + "/exec.fifo";
  if (!record.started_at.is_set() && ::access(gate.c_str(), F_OK) != 0) {
    record.started_at = shared_.loop.now();
    RETURN_IF_ERROR(write_record(shared_.folder(id), record));
  }
  const bool frozen = shared_.cgroups.frozen(record.cgroup);
  return std::make_shared<ContainerRun>(shared_, std::move(record), std::move(supervisor),
                                        std::move(process), frozen);
}

os::Co<Result<std::shared_ptr<Container>>> LocalEngine::adopt(std::string id) {
  if (!is_id(id)) co_return not_found("no such container: {}", id);
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<ContainerRun> run,
                      co_await shared_.loop.offload([&] { return find(id); }));
  run->watch();
  co_return std::shared_ptr<Container>(run);
}

os::Co<Result<void>> LocalEngine::discard(std::string id) {
  if (!is_id(id)) co_return Result<void>{};
  co_return co_await shared_.loop.offload([&] { return erase_half_made(shared_, id); });
}

}  // namespace

Result<std::unique_ptr<Engine>> Engine::open(os::Loop& loop, Log& log, HostFacts host,
                                             EngineOptions options) {
  if (options.run_root.size() > kRunRootMax) {
    return invalid_argument("{} is longer than {} bytes", options.run_root, kRunRootMax);
  }
  ASSIGN_OR_RETURN(Cgroups cgroups, Cgroups::open());
  if (cgroups.layout() == CgroupLayout::Hybrid) {
    return failed_precondition(
        "the runtime refuses the hybrid cgroup layout; enter private mounts "
        "first");
  }
  // Pipes to processes that may be killed at any time: an error is enough.
  ::signal(SIGPIPE, SIG_IGN);
  ASSIGN_OR_RETURN(std::string profile, os::read_file(options.seccomp_profile));
  RETURN_IF_ERROR(os::make_folders(options.run_root + "/c"));
  RETURN_IF_ERROR(os::make_folders(options.run_root + "/crun"));
  RETURN_IF_ERROR(os::remove_tree(options.run_root + "/tmp"));
  RETURN_IF_ERROR(os::make_folders(options.run_root + "/tmp"));
  RETURN_IF_ERROR(cgroups.create(options.cgroup_parent + "/conmon"));
  ASSIGN_OR_RETURN(std::string epoch, read_epoch(options, host));
  return std::make_unique<LocalEngine>(loop, log, std::move(host), std::move(options),
                                       std::move(cgroups), std::move(profile), std::move(epoch));
}

}  // namespace shoal::engine
