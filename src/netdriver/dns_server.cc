#include "netdriver/dns_server.h"

#include <map>

#include "netdriver/dns_session.h"

namespace shoal::netdriver {

struct DnsServers::Impl {
  Impl(os::Loop& l, Log& g, Rng& r, const network::NameTable& t, DnsOptions o)
      : shared(std::make_shared<DnsShared>(l, g, r, t, o)) {}

  struct Served {
    uint64_t call = 0;  // the last serve()
    std::shared_ptr<DnsSession> session;
  };

  std::shared_ptr<DnsShared> shared;
  uint64_t calls = 0;
  std::map<std::string, Served, std::less<>> served;
};

DnsServers::DnsServers(os::Loop& loop, Log& log, Rng& rng, const network::NameTable& table,
                       DnsOptions options)
    : impl_(std::make_shared<Impl>(loop, log, rng, table, options)) {}

DnsServers::~DnsServers() {
  auto served = std::move(impl_->served);
  impl_->served.clear();
  for (const auto& [id, one] : served) {
    if (one.session) one.session->stop();
  }
}

os::Co<Result<void>> DnsServers::serve(DnsClient client) {
  const auto impl = impl_;
  const auto id = client.container_id;
  const uint64_t call = ++impl->calls;
  auto& before = impl->served[id];
  before.call = call;
  const auto known = before.session ? before.session->identity() : NamespaceIdentity{};
  auto open = [&] { return open_dns_sockets(client.netns_path, known); };
  auto opened = co_await impl->shared->worker.run(open);

  const auto at = impl->served.find(id);
  if (at == impl->served.end() || at->second.call != call) {
    co_return cancelled("the DNS responder of container {} was stopped or replaced", id);
  }
  auto& session = at->second.session;
  if (opened && !*opened) {
    session->replace(std::move(client));
    co_return Result<void>();
  }
  // Without its namespace, or in another one, nobody asks the earlier sockets any more.
  if (session) session->stop();
  if (!opened) {
    impl->served.erase(at);
    co_return std::unexpected(std::move(opened).error());
  }
  session = std::make_shared<DnsSession>(impl->shared, std::move(client), std::move(**opened));
  session->start();
  co_return Result<void>();
}

void DnsServers::stop(std::string_view container_id) {
  const auto at = impl_->served.find(container_id);
  if (at == impl_->served.end()) return;
  const auto session = std::move(at->second.session);
  impl_->served.erase(at);
  if (session) session->stop();
}

}  // namespace shoal::netdriver
