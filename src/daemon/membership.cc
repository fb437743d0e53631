#include "daemon/membership.h"

#include <utility>

#include "daemon/addresses.h"

namespace shoal::daemon {
namespace {

// The agent of a manager talks to it over loopback, wherever else the manager listens.
rpc::ChannelOptions to_own_manager(const NodeRecord& record,
                                   std::shared_ptr<rpc::Credentials> credentials) {
  rpc::ChannelOptions options;
  options.address = dial_address(record.listen_address);
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
      protocol_(machine.loop, machine.rng, machine.log, *manager_, credentials),
      link_(machine.loop, machine.log, machine.logs, to_own_manager(record_, credentials)),
      renewal_(machine.loop, machine.rng, machine.log, link_.channel(),
               [this](rpc::CredentialsPem fresh) { return install(std::move(fresh)); }),
      runner_(machine.loop, link_, machine.executor, machine.rng, machine.log) {}

Result<void> Membership::begin(rpc::CredentialsPem present) {
  RETURN_IF_ERROR(protocol_.listen(record_.listen_address));
  runner_.start();
  renewal_.start(std::move(present));
  return {};
}

os::Co<> Membership::stop() {
  co_await runner_.stop();
  co_await renewal_.stop();
  co_await link_.finished();
  co_await protocol_.close();
}

os::Co<Result<void>> Membership::install(rpc::CredentialsPem fresh) {
  auto written = co_await machine_.loop.offload([&] { return folder_.write_credentials(fresh); });
  if (!written) co_return written;
  co_return credentials_->replace(fresh);
}

}  // namespace shoal::daemon
