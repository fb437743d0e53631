#include "engine/exec_run.h"

#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <filesystem>

#include "engine/conmon.h"
#include "engine/identity.h"
#include "engine/oci_spec.h"
#include "engine/record.h"
#include "engine/strays.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr std::string_view kFolderPrefix = "exec-";
constexpr size_t kIdMax = 64;

// Ends whoever still works on it, and removes the folder. Blocks.
Result<void> erase_exec(const std::string& folder) {
  RETURN_IF_ERROR(end_makers(folder));
  RETURN_IF_ERROR(remove_runtime_copies(folder));
  return os::remove_tree(folder);
}

class ExecRun final : public Exec, public std::enable_shared_from_this<ExecRun> {
 public:
  ExecRun(Shared& shared, std::string folder, bool tty, os::StopToken give_up)
      : shared_(shared), folder_(std::move(folder)), tty_(tty), give_up_(std::move(give_up)) {}

  int32_t pid() const override { return pid_; }
  std::optional<int32_t> exit_code() const override { return exit_code_; }
  bool lives() const override;
  os::Co<Result<int32_t>> wait(os::StopToken stop) override;
  Attachment* attachment() override { return attachment_.get(); }
  os::Co<Result<void>> resize(uint16_t rows, uint16_t columns) override;

  // Starts conmon and waits for the process; an error has left nothing behind.
  os::Co<Result<void>> run(std::string container_id, ExecDescription description);
  // Instead of run(): takes over what an earlier daemon's conmon holds. `supervisor` is closed when
  // that has ended.
  void adopt(os::Fd supervisor, int32_t pid) {
    conmon_.child.pidfd = std::move(supervisor);
    pid_ = pid;
  }
  // Follows the process until it ends.
  os::Co<> follow();

 private:
  Result<Conmon> launch(const std::string& container_id, const ExecDescription& description) const;
  os::Co<Result<void>> await_process(const ExecDescription& description);
  os::Co<> reap();
  os::Co<> erase();

  Shared& shared_;
  const std::string folder_;
  const bool tty_;
  const os::StopToken give_up_;  // ends its streams
  Conmon conmon_;
  int32_t pid_ = 0;
  os::Fd process_;
  std::optional<int32_t> exit_code_;
  os::Signal changed_;
  std::unique_ptr<Attachment> attachment_;
};

bool ExecRun::lives() const {
  pollfd ended{.fd = process_.get(), .events = POLLIN, .revents = 0};
  return !exit_code_ && process_ && ::poll(&ended, 1, 0) == 0;
}

os::Co<Result<int32_t>> ExecRun::wait(os::StopToken stop) {
  const auto self = shared_from_this();
  while (!exit_code_) {
    if (!co_await changed_.wait(stop)) co_return cancelled("the caller went away");
  }
  co_return *exit_code_;
}

os::Co<Result<void>> ExecRun::resize(uint16_t rows, uint16_t columns) {
  const auto self = shared_from_this();
  if (!tty_) co_return failed_precondition("the exec has no terminal");
  if (exit_code_) co_return not_found("the exec has ended");
  const std::string line = fmt::format("1 {} {}\n", rows, columns);
  co_return co_await shared_.loop.offload(
      [this, &line] { return write_control(folder_ + "/ctl", line); });
}

// On the pool.
Result<Conmon> ExecRun::launch(const std::string& container_id,
                               const ExecDescription& description) const {
  ASSIGN_OR_RETURN(const std::string spec,
                   os::read_file(shared_.folder(container_id) + "/config.json"));
  ASSIGN_OR_RETURN(const std::string process, build_exec_process(spec, description));
  if (::mkdir(folder_.c_str(), 0700) != 0) return os::system_error("mkdir", folder_, errno);
  const std::string process_path = folder_ + "/process.json";
  const ConmonCommand command{.conmon = shared_.options.conmon,
                              .crun = shared_.options.crun,
                              .runtime_root = shared_.runtime_root(),
                              .tmp = shared_.tmp(),
                              .id = container_id,
                              .folder = folder_,
                              .tty = description.tty,
                              .open_stdin = description.open_stdin,
                              .stdin_once = true,
                              .exec_process = process_path,
                              .exec_attach = description.attach};
  Result<void> written = replace_file(process_path, process);
  Result<Conmon> conmon = written ? start_conmon(command, shared_.cgroups, shared_.supervisors())
                                  : Result<Conmon>(std::unexpected(std::move(written).error()));
  if (conmon) {
    // When it has ended already, the next message says why.
    const auto supervisor = identify(conmon->child.pid, shared_.host.boot_id);
    if (!supervisor) return conmon;
    written = write_exec_record(folder_, {*supervisor, description.tty, description.about});
    if (!written) conmon = std::unexpected(std::move(written).error());
  }
  if (!conmon) (void)erase_exec(folder_);
  return conmon;
}

os::Co<Result<void>> ExecRun::await_process(const ExecDescription& description) {
  const int messages = conmon_.messages.get();
  const Duration patience = shared_.options.create_patience;
  if (description.attach) {
    // The sockets are there once it says so; it runs the process after our second byte.
    const int attached = conmon_.attached.get();
    CO_RETURN_IF_ERROR(co_await first_message(shared_.loop, attached, patience, shared_.stop));
    CO_ASSIGN_OR_RETURN(attachment_,
                        Attachment::connect(shared_.loop, folder_ + "/attach", give_up_));
    if (::write(conmon_.start.get(), "", 1) != 1) {
      co_return internal_error("OCI runtime exec failed: conmon ended");
    }
  }
  conmon_.start.reset();
  conmon_.attached.reset();
  CO_ASSIGN_OR_RETURN(const ConmonMessage message,
                      co_await first_message(shared_.loop, messages, patience, shared_.stop));
  if (message.number < 0) {
    co_return std::unexpected(runtime_error("exec", description.argv.front(), message.text));
  }
  pid_ = int32_t(message.number);
  process_ = os::Fd(int(::syscall(SYS_pidfd_open, pid_, 0)));  // None: it has ended already.
  co_return Result<void>{};
}

os::Co<Result<void>> ExecRun::run(std::string container_id, ExecDescription description) {
  CO_ASSIGN_OR_RETURN(
      conmon_, co_await shared_.loop.offload([&] { return launch(container_id, description); }));
  auto started = co_await await_process(description);
  if (!started) {
    attachment_.reset();
    ::syscall(SYS_pidfd_send_signal, conmon_.child.pidfd.get(), SIGKILL, nullptr, 0);
    co_await reap();
    co_await erase();
  }
  co_return started;
}

os::Co<> ExecRun::follow() {
  std::optional<int32_t> code;
  if (conmon_.messages) {
    const auto message = co_await next_message(shared_.loop, conmon_.messages.get(), shared_.stop);
    if (message && *message) code = int32_t((*message)->number);
  } else if (conmon_.child.pidfd) {
    co_await shared_.loop.readable(conmon_.child.pidfd.get(), shared_.stop);
  }
  if (shared_.stop.stopped()) co_return;
  if (!code) code = co_await shared_.loop.offload([this] { return read_exit_code(folder_); });
  // Without conmon nobody holds its streams.
  if (!code && process_) {
    ::syscall(SYS_pidfd_send_signal, process_.get(), SIGKILL, nullptr, 0);
  }
  co_await reap();
  // Told before the pool is asked for anything: whoever looks between the two would take an exec
  // whose streams have ended, and which has no code, to live on.
  exit_code_ = code.value_or(kLostExitCode);
  changed_.notify();
  co_await erase();
}

os::Co<> ExecRun::reap() {
  if (conmon_.child.pid > 0) co_await os::wait_exit(shared_.loop, conmon_.child);
}

os::Co<> ExecRun::erase() {
  (void)co_await shared_.loop.offload([this] {
    return remove_runtime_copies(folder_) ? os::remove_tree(folder_) : Result<void>{};
  });
}

// As conmon wrote it down; 0 when it did not come so far. For show only.
int32_t pid_in(const std::string& folder) {
  const auto text = os::read_file(folder + "/pidfile");
  return text ? int32_t(std::atoi(text->c_str())) : 0;
}

// An exec of an earlier daemon.
struct FoundExec {
  std::string id;
  std::string folder;
  ExecRecord record;
  os::Fd supervisor;  // closed when it has ended
  int32_t pid = 0;
};

// On the pool.
std::vector<FoundExec> find_execs(const Shared& shared, const std::string& container_id) {
  std::vector<FoundExec> found;
  std::error_code error;
  for (const auto& entry :
       std::filesystem::directory_iterator(shared.folder(container_id), error)) {
    const std::string name = entry.path().filename(), folder = entry.path();
    if (!name.starts_with(kFolderPrefix)) continue;
    auto record = read_exec_record(folder);
    if (!record) {  // Cut off before anybody was told of it.
      const auto erased = erase_exec(folder);
      if (!erased) {
        shared.log.warn("half an exec is left",
                        {{"folder", folder}, {"reason", erased.error().message}});
      }
      continue;
    }
    FoundExec one{
        name.substr(kFolderPrefix.size()), folder, std::move(*record), {}, pid_in(folder)};
    auto supervisor = open_process(one.record.supervisor, shared.host.boot_id);
    if (supervisor) one.supervisor = std::move(*supervisor);
    found.push_back(std::move(one));
  }
  return found;
}

void begin_following(const std::shared_ptr<ExecRun>& run) {
  os::spawn([](std::shared_ptr<ExecRun> exec) -> os::Co<> { co_await exec->follow(); }(run));
}

}  // namespace

os::Co<Result<std::shared_ptr<Exec>>> start_exec(Shared& shared, std::string container_id,
                                                 ExecDescription description,
                                                 os::StopToken give_up) {
  if (description.argv.empty()) co_return invalid_argument("No exec command specified");
  const std::string folder = fmt::format("{}/{}{}", shared.folder(container_id), kFolderPrefix,
                                         description.id.substr(0, kIdMax));
  const auto run = std::make_shared<ExecRun>(shared, folder, description.tty, give_up);
  const auto started = co_await run->run(std::move(container_id), std::move(description));
  CO_RETURN_IF_ERROR(started);
  begin_following(run);
  co_return std::shared_ptr<Exec>(run);
}

os::Co<Result<std::vector<AdoptedExec>>> adopt_execs(Shared& shared, std::string container_id,
                                                     os::StopToken give_up) {
  auto found = co_await shared.loop.offload([&] { return find_execs(shared, container_id); });
  std::vector<AdoptedExec> adopted;
  for (auto& one : found) {
    const auto run = std::make_shared<ExecRun>(shared, one.folder, one.record.tty, give_up);
    run->adopt(std::move(one.supervisor), one.pid);
    begin_following(run);
    adopted.push_back({std::move(one.id), std::move(one.record.about), run});
  }
  co_return adopted;
}

}  // namespace shoal::engine
