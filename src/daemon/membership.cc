#include "daemon/membership.h"

#include <utility>

#include "crypto/certificate.h"
#include "daemon/addresses.h"

namespace shoal::daemon {
namespace {

// The agent of a manager talks to it over loopback, wherever else the manager listens.
std::vector<std::string> to_speak_to(const NodeRecord& record) {
  if (record.is_manager()) return {dial_address(record.listen_address)};
  return record.managers;
}

rpc::ChannelOptions showing(std::shared_ptr<rpc::Credentials> credentials) {
  rpc::ChannelOptions options;
  options.credentials = std::move(credentials);
  return options;
}

}  // namespace

Membership::Membership(Machine machine, SwarmFolder folder, NodeRecord record,
                       std::unique_ptr<manager::Manager> manager,
                       const std::shared_ptr<rpc::Credentials>& credentials)
    : machine_(machine),
      folder_(std::move(folder)),
      record_(std::move(record)),
      credentials_(credentials),
      manager_(std::move(manager)),
      remotes_(to_speak_to(record_)),
      gate_(
          machine.containers,
          [this](const model::TaskId& id) { return runner_.core().find(id) != nullptr; },
          machine.reach),
      link_(machine.loop, machine.log, machine.logs, gate_, showing(credentials), remotes_),
      renewal_(machine.loop, machine.rng, machine.log, link_.channel(),
               [this](rpc::CredentialsPem fresh) { return install(std::move(fresh)); }),
      runner_(machine.loop, link_, machine.executor, machine.rng, machine.log) {
  CHECK(record_.is_manager() == (manager_ != nullptr));
  if (manager_) protocol_.emplace(machine.loop, machine.rng, machine.log, *manager_, credentials);
  runner_.set_data_path_address(record_.data_path_address);
  runner_.watch_sessions([this](const model::SessionMessage& message) { on_session(message); });
}

Result<void> Membership::begin(rpc::CredentialsPem present) {
  if (protocol_) RETURN_IF_ERROR(protocol_->listen(record_.listen_address));
  show(present);
  machine_.attachments.ask(
      {.attach =
           [this](model::AttachRequest request) {
             return link_.attach_network(std::move(request));
           },
       .detach = [this](model::TaskId id) { return link_.detach_network(std::move(id)); }});
  runner_.start();
  renewal_.start(std::move(present));
  return {};
}

os::Co<> Membership::stop() {
  stopping_ = true;
  met_.notify();
  machine_.attachments.ask({});
  co_await runner_.stop();
  co_await renewal_.stop();
  co_await link_.finished();
  if (protocol_) co_await protocol_->close();
  while (keeping_) (void)co_await kept_.wait();
}

os::Co<bool> Membership::meet_manager(os::StopToken stop) {
  bool waits = true;
  while (waits && !met_manager_ && !stopping_) waits = co_await met_.wait(stop);
  co_return met_manager_;
}

void Membership::on_session(const model::SessionMessage& message) {
  met_manager_ = true;
  met_.notify();
  if (message.renew_certificate) renewal_.hurry();
  if (!message.root_ca.empty()) os::spawn(trust(message.root_ca));
  if (record_.is_manager()) return;
  std::vector<std::string> managers;
  for (const auto& peer : message.managers) managers.push_back(peer.address);
  if (!remotes_.replace(std::move(managers))) return;
  record_.managers = remotes_.all();
  keep_again_ = true;
  if (!std::exchange(keeping_, true)) os::spawn(keep_managers());
}

os::Co<> Membership::keep_managers() {
  while (std::exchange(keep_again_, false)) {
    const NodeRecord now = record_;
    const auto written = co_await machine_.loop.offload([&] { return folder_.write_record(now); });
    if (!written) {
      machine_.log.warn("the list of managers is not kept", {{"reason", written.error().message}});
    }
  }
  keeping_ = false;
  kept_.notify();
}

// The roots that a manager sends come over a connection that the present ones vouch for.
os::Co<> Membership::trust(std::string roots) {
  const auto self = shared_from_this();
  const auto sound =
      co_await machine_.loop.offload([&]() { return crypto::read_root(roots).has_value(); });
  if (stopping_) co_return;
  Result<void> trusted = invalid_argument("they are no root certificates");
  if (sound) trusted = co_await renewal_.trust(std::move(roots));
  if (!trusted) {
    machine_.log.warn("the roots that a manager sent are not taken",
                      {{"reason", trusted.error().message}});
  }
}

os::Co<Result<void>> Membership::install(rpc::CredentialsPem fresh) {
  auto written = co_await machine_.loop.offload([&] { return folder_.write_credentials(fresh); });
  if (!written) co_return written;
  CO_RETURN_IF_ERROR(credentials_->replace(fresh));
  show(fresh);
  co_return Result<void>{};
}

void Membership::show(const rpc::CredentialsPem& present) {
  auto issuer = crypto::issuer_of(present.certificates, present.roots);
  if (issuer) runner_.show_tls(std::move(*issuer));
}

}  // namespace shoal::daemon
