#include "engine/exec_run.h"

#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "engine/conmon.h"
#include "engine/oci_spec.h"
#include "os/file.h"

namespace shoal::engine {
namespace {

constexpr int32_t kLostExitCode = 137;

class ExecRun final : public Exec, public std::enable_shared_from_this<ExecRun> {
 public:
  ExecRun(Shared& shared, std::string folder, bool tty, os::StopToken give_up)
      : shared_(shared), folder_(std::move(folder)), tty_(tty), give_up_(std::move(give_up)) {}

  int32_t pid() const override { return pid_; }
  std::optional<int32_t> exit_code() const override { return exit_code_; }
  os::Co<Result<int32_t>> wait(os::StopToken stop) override;
  Attachment* attachment() override { return attachment_.get(); }
  os::Co<Result<void>> resize(uint16_t rows, uint16_t columns) override;

  // Starts conmon and waits for the process; an error has left nothing behind.
  os::Co<Result<void>> run(std::string container_id, ExecDescription description);
  // Follows the process until it ends.
  os::Co<> follow();

 private:
  Result<Conmon> launch(const std::string& container_id, const ExecDescription& description) const;
  os::Co<Result<void>> await_process(const ExecDescription& description);
  os::Co<> clean_up();

  Shared& shared_;
  const std::string folder_;
  const bool tty_;
  const os::StopToken give_up_;  // ends its streams
  Conmon conmon_;
  int32_t pid_ = 0;
  std::optional<int32_t> exit_code_;
  os::Signal changed_;
  std::unique_ptr<Attachment> attachment_;
};

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
  if (!conmon) (void)os::remove_tree(folder_);
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
  co_return Result<void>{};
}

os::Co<Result<void>> ExecRun::run(std::string container_id, ExecDescription description) {
  CO_ASSIGN_OR_RETURN(
      conmon_, co_await shared_.loop.offload([&] { return launch(container_id, description); }));
  auto started = co_await await_process(description);
  if (!started) {
    attachment_.reset();
    ::syscall(SYS_pidfd_send_signal, conmon_.child.pidfd.get(), SIGKILL, nullptr, 0);
    co_await clean_up();
  }
  co_return started;
}

os::Co<> ExecRun::follow() {
  const auto message = co_await next_message(shared_.loop, conmon_.messages.get(), shared_.stop);
  if (shared_.stop.stopped()) co_return;
  const bool known = message && *message;
  exit_code_ = known ? int32_t((*message)->number) : kLostExitCode;
  co_await clean_up();
  changed_.notify();
}

os::Co<> ExecRun::clean_up() {
  co_await os::wait_exit(shared_.loop, conmon_.child);
  (void)co_await shared_.loop.offload([this] { return os::remove_tree(folder_); });
}

}  // namespace

os::Co<Result<std::shared_ptr<Exec>>> start_exec(Shared& shared, std::string container_id,
                                                 ExecDescription description,
                                                 os::StopToken give_up) {
  if (description.argv.empty()) co_return invalid_argument("No exec command specified");
  const std::string folder = shared.folder(container_id) + "/exec-" + description.id.substr(0, 64);
  const auto run = std::make_shared<ExecRun>(shared, folder, description.tty, give_up);
  const auto started = co_await run->run(std::move(container_id), std::move(description));
  CO_RETURN_IF_ERROR(started);
  os::spawn([](std::shared_ptr<ExecRun> exec) -> os::Co<> { co_await exec->follow(); }(run));
  co_return std::shared_ptr<Exec>(run);
}

}  // namespace shoal::engine
