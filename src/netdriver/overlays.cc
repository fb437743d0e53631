#include "netdriver/overlays.h"

#include <algorithm>
#include <utility>

#include "netdriver/overlay_driver.h"
#include "netdriver/worker.h"
#include "os/sync.h"

namespace shoal::netdriver {

using network::OverlayChange;

namespace {

// The links of a daemon that was killed go with its mount namespace when no container holds that;
// the kernel takes its time to it, and until then their VXLAN identifiers are in use.
constexpr Duration kLeftoversWithin = 3s;
constexpr Duration kLeftoversAgainEvery = 20ms;

const std::string& network_of(const OverlayChange& change) {
  struct Visitor {
    const std::string& operator()(const network::PutOverlay& c) const { return c.network.id; }
    const std::string& operator()(const network::DropOverlay& c) const { return c.network; }
    const std::string& operator()(const network::PutPeer& c) const { return c.network; }
    const std::string& operator()(const network::DropPeer& c) const { return c.network; }
    const std::string& operator()(const network::PutOverlayService& c) const { return c.network; }
    const std::string& operator()(const network::DropOverlayService& c) const { return c.network; }
  };
  return std::visit(Visitor{}, change);
}

// The changes of one network, in their order.
struct Group {
  std::string network;
  std::vector<OverlayChange> changes;
  bool drops = false;
};

// Networks in the order of their first change; those that go come first, since others may take over
// what they have.
std::vector<Group> group(std::vector<OverlayChange> changes) {
  std::vector<Group> groups;
  std::map<std::string, size_t> places;
  for (auto& change : changes) {
    const auto& network = network_of(change);
    const auto [at, is_new] = places.emplace(network, groups.size());
    if (is_new) groups.push_back({network, {}, false});
    auto& one = groups[at->second];
    one.drops |= std::holds_alternative<network::DropOverlay>(change);
    one.changes.push_back(std::move(change));
  }
  std::ranges::stable_partition(groups, &Group::drops);
  return groups;
}

}  // namespace

struct Overlays::Impl {
  Impl(os::Loop& l, Log& to, OverlaysOptions options)
      : loop(l),
        log(to),
        gateway_name(options.veth + "0"),
        driver(options.run_dir + "/overlay", gateway_name),
        worker(l) {}

  // Calls that span several networks come one after the other, in the order they were made.
  class Turn {
   public:
    explicit Turn(os::OneShot<bool> mine) : mine_(std::move(mine)) {}
    Turn(const Turn&) = delete;
    ~Turn() { mine_.set(true); }

   private:
    os::OneShot<bool> mine_;
  };
  os::OneShot<bool> line_up(os::OneShot<bool>& mine) { return std::exchange(last_turn, mine); }

  os::Co<Result<void>> outlast(const std::string& network, Result<void> outcome);
  os::Co<Result<void>> settle_rest();
  os::Co<Result<void>> set_host(network::IpAddress address, uint16_t port);
  os::Co<Result<void>> replace(std::vector<OverlayChange> everything);
  os::Co<Result<void>> apply(std::vector<OverlayChange> changes);
  os::Co<NetworkCheck> check();
  os::Co<Result<void>> set_gateway(std::string network, std::vector<network::Subnet> addresses);

  // Logs what is not returned: the first error is.
  void note(Result<void>& outcome, Result<void> result) {
    if (result) return;
    log.warn("an overlay network is not as it shall be", {{"error", result.error().message}});
    if (outcome) outcome = std::move(result);
  }

  os::Loop& loop;
  Log& log;
  const std::string gateway_name;
  std::string gateway_network;  // empty: there is no such link
  os::OneShot<bool> last_turn = [] {
    os::OneShot<bool> first;
    first.set(true);
    return first;
  }();
  Time leftovers_until;  // what stands in the way may be the last daemon's until then
  OverlayDriver driver;  // the worker's
  Worker worker;         // last: it uses the rest
};

// How the network comes out once what the last daemon left is gone.
os::Co<Result<void>> Overlays::Impl::outlast(const std::string& network, Result<void> outcome) {
  auto settle = [&] { return driver.settle(network); };
  while (!outcome && outcome.error().code == ErrorCode::Conflict && loop.now() < leftovers_until) {
    co_await loop.sleep(kLeftoversAgainEvery);
    outcome = co_await worker.run(settle);
  }
  co_return outcome;
}

os::Co<Result<void>> Overlays::Impl::settle_rest() {
  Result<void> outcome;
  auto list = [this] { return driver.unsettled(); };
  const auto unsettled = co_await worker.run(list);
  for (const auto& network : unsettled) {
    auto settle = [&] { return driver.settle(network); };
    auto settled = co_await worker.run(settle);
    note(outcome, co_await outlast(network, std::move(settled)));
  }
  co_return outcome;
}

os::Co<Result<void>> Overlays::Impl::set_host(network::IpAddress address, uint16_t port) {
  os::OneShot<bool> mine;
  const Turn turn(mine);
  const auto before = line_up(mine);
  co_await before;
  auto set = [&] { return driver.set_host(address, port); };
  CO_RETURN_IF_ERROR(co_await worker.run(set));
  co_return co_await settle_rest();
}

os::Co<Result<void>> Overlays::Impl::replace(std::vector<OverlayChange> everything) {
  os::OneShot<bool> mine;
  const Turn turn(mine);
  const auto before = line_up(mine);
  co_await before;
  const auto groups = group(std::move(everything));
  std::set<std::string> named;
  for (const auto& one : groups) named.insert(one.network);

  Result<void> outcome;
  auto list = [this] { return driver.networks(); };
  const auto held = co_await worker.run(list);
  for (const auto& network : held) {
    if (named.contains(network)) continue;
    if (network == gateway_network) gateway_network.clear();
    auto leave = [&] { return driver.leave(network); };
    note(outcome, co_await worker.run(leave));
  }
  for (const auto& one : groups) {
    auto put = [&] { return driver.replace(one.network, one.changes); };
    auto done = co_await worker.run(put);
    note(outcome, co_await outlast(one.network, std::move(done)));
  }
  co_return outcome;
}

os::Co<Result<void>> Overlays::Impl::apply(std::vector<OverlayChange> changes) {
  os::OneShot<bool> mine;
  const Turn turn(mine);
  const auto before = line_up(mine);
  co_await before;
  Result<void> outcome;
  const auto groups = group(std::move(changes));
  for (const auto& one : groups) {
    if (one.drops && one.network == gateway_network) gateway_network.clear();
    auto put = [&] { return driver.apply(one.network, one.changes); };
    auto done = co_await worker.run(put);
    note(outcome, co_await outlast(one.network, std::move(done)));
  }
  if (!outcome) co_return outcome;  // Trying again at once would say the same.
  co_return co_await settle_rest();
}

void note_found(const Result<std::vector<std::string>>& differences, NetworkCheck& found) {
  if (!differences) return found.fail(differences.error().message);
  for (const auto& line : *differences) found.note(line);
}

// Nothing here lasts beyond one step, so it needs no turn: nobody waits for all networks.
os::Co<NetworkCheck> Overlays::Impl::check() {
  NetworkCheck found;
  auto look_at_host = [this] { return driver.look_at_host(); };
  const auto seen = co_await worker.run(look_at_host);
  if (!seen) found.fail(seen.error().message);
  auto list = [this] { return driver.planned(); };
  const auto networks = co_await worker.run(list);
  for (const auto& network : networks) {
    auto look = [&] { return driver.check(network); };
    const auto differences = co_await worker.run(look);
    ++found.networks;
    if (!differences) found.fail(differences.error().message);
    if (!differences) continue;
    for (const auto& line : *differences) found.note(fmt::format("network {}: {}", network, line));
  }
  auto check_host = [this] { return driver.check_tunnel(); };
  note_found(co_await worker.run(check_host), found);
  auto check_gateway = [this] { return driver.check_gateway(); };
  note_found(co_await worker.run(check_gateway), found);
  co_return found;
}

os::Co<Result<void>> Overlays::Impl::set_gateway(std::string network,
                                                 std::vector<network::Subnet> addresses) {
  os::OneShot<bool> mine;
  const Turn turn(mine);
  const auto before = line_up(mine);
  co_await before;
  if (addresses.empty()) network.clear();
  OverlayDriver::Gateway gateway{network, std::move(addresses)};
  auto set = [&] { return driver.set_gateway(std::move(gateway)); };
  auto outcome = co_await worker.run(set);
  gateway_network = outcome ? network : "";
  co_return outcome;
}

// ---- The class itself.

Overlays::Overlays(os::Loop& loop, Log& log, OverlaysOptions options)
    : impl_(std::make_unique<Impl>(loop, log, std::move(options))) {}

Overlays::~Overlays() = default;

os::Co<Result<void>> Overlays::start() {
  impl_->leftovers_until = impl_->loop.now() + kLeftoversWithin;
  auto start = [this] { return impl_->driver.start(); };
  co_return co_await impl_->worker.run(start);
}

os::Co<Result<void>> Overlays::set_host(network::IpAddress address, uint16_t port) {
  return impl_->set_host(address, port);
}

os::Co<Result<void>> Overlays::replace(std::vector<OverlayChange> everything) {
  return impl_->replace(std::move(everything));
}

os::Co<Result<void>> Overlays::apply(std::vector<OverlayChange> changes) {
  return impl_->apply(std::move(changes));
}

os::Co<Result<void>> Overlays::set_gateway(std::string network,
                                           std::vector<network::Subnet> addresses) {
  return impl_->set_gateway(std::move(network), std::move(addresses));
}

std::string Overlays::gateway_link() const {
  return impl_->gateway_network.empty() ? std::string() : impl_->gateway_name;
}

os::Co<Result<OverlayEndpoint>> Overlays::connect(std::string container_id, std::string netns_path,
                                                  network::OverlayAttachment attachment) {
  auto connect = [&] { return impl_->driver.connect(container_id, netns_path, attachment); };
  co_return co_await impl_->worker.run(connect);
}

os::Co<Result<void>> Overlays::disconnect(std::string container_id) {
  auto disconnect = [&] { return impl_->driver.disconnect(container_id); };
  co_return co_await impl_->worker.run(disconnect);
}

os::Co<Result<void>> Overlays::leave(std::string container_id, std::string network) {
  auto leave = [&] { return impl_->driver.disconnect_from(container_id, network); };
  co_return co_await impl_->worker.run(leave);
}

os::Co<NetworkCheck> Overlays::check() {
  return impl_->check();
}

os::Co<Result<void>> Overlays::remove_all() {
  auto remove = [this] { return impl_->driver.remove_all(); };
  co_return co_await impl_->worker.run(remove);
}

}  // namespace shoal::netdriver
