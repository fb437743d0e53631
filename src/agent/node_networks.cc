#include "agent/node_networks.h"

#include <algorithm>

namespace shoal::agent {
namespace {

std::vector<network::IpAddress> addresses_of(const std::vector<std::string>& texts) {
  std::vector<network::IpAddress> addresses;
  for (const std::string& text : texts) {
    if (const auto address = network::IpAddress::parse(text)) addresses.push_back(*address);
  }
  return addresses;
}

// The book names what could not be understood; here it is left out.
struct Naming {
  network::NameTable& names;

  void operator()(const model::NetworkView& view) const { names.put_network(view.id, view.name); }
  void operator()(const model::EndpointView& view) const {
    names.put_endpoint(view.network, view.task,
                       {.service = view.service,
                        .names = view.names,
                        .addresses = addresses_of(view.addresses),
                        .serving = view.serving});
  }
  void operator()(const model::ServiceView& view) const {
    names.put_service(view.network, view.service,
                      {.name = view.name,
                       .aliases = view.aliases,
                       .mode = view.mode,
                       .virtual_ips = addresses_of(view.virtual_ips)});
    names.put_ports(view.network, view.service, view.ports);
  }
  void operator()(const model::GatewayView&) const {}
  void operator()(const model::NetworkGone& gone) const { names.drop_network(gone.network); }
  void operator()(const model::EndpointGone& gone) const {
    names.drop_endpoint(gone.network, gone.task);
  }
  void operator()(const model::ServiceGone& gone) const {
    names.drop_service(gone.network, gone.service);
  }
  void operator()(const model::GatewayGone&) const {}
};

std::string host_of(const model::Node& self) {
  const std::string& own = self.description.data_path_address;
  return own.empty() ? self.status.address : own;
}

}  // namespace

os::Co<> NodeNetworks::recall() {
  auto contents = co_await loop_.offload([this] { return journal_.read(); });
  if (!contents) {
    log_.warn("what was known of the networks is lost until a manager says it again",
              {{"reason", contents.error().message}});
    co_return;
  }
  if (!*contents) co_return;
  recalled_ = std::move(**contents);
  (void)understand(recalled_->message, recalled_->self);
  // What they come to, not each step on the way: a network that was gone in between has containers
  // now, which must not lose it again.
  const uint32_t port = recalled_->message.data_path_port;
  recalled_->message = book_.everything();
  recalled_->message.data_path_port = port;
  told_ = true;
}

os::Co<> NodeNetworks::restore() {
  if (!recalled_) co_return;
  const NetworkJournal::Contents contents = *std::exchange(recalled_, std::nullopt);
  model::Node self{.id = contents.self};
  self.description.data_path_address = contents.host;
  const auto restored = co_await apply(contents.message, self);
  if (restored) co_return;
  log_.warn("the networks are not as they were before the daemon started",
            {{"reason", restored.error().message}});
}

os::Co<Result<void>> NodeNetworks::apply(const model::NetworksMessage& message,
                                         const model::Node& self) {
  const std::string host = host_of(self);
  if (host.empty()) co_return unavailable("the address of this node is not known yet");
  CO_ASSIGN_OR_RETURN(const auto address, network::IpAddress::parse(host));
  applies_ = true;
  NetworkSteps steps = understand(message, self.id);
  co_await keep(message, self.id, host);
  place_ = Place{address, uint16_t(message.data_path_port)};
  // A network that cannot be made for this host is no reason to leave out the others.
  note(co_await overlays_.set_host(place_->address, place_->port));
  note(co_await carry_out(std::move(steps)));
  applies_ = false;
  told_ = true;
  changed_.notify();
  if (message.complete) on_complete_();
  co_return Result<void>{};
}

// What failed is left to mend(). The overlays log each failure; here it is said once a try.
void NodeNetworks::note(const Result<void>& result) {
  if (result || std::exchange(undone_, true)) return;
  log_.warn("a network of the swarm cannot be used here yet", {{"reason", result.error().message}});
}

os::Co<> NodeNetworks::mend(os::StopToken stop) {
  while (co_await loop_.sleep(kNetworksAgainEvery, stop)) {
    if (!undone_ || !place_) continue;
    undone_ = false;
    note(co_await overlays_.set_host(place_->address, place_->port));
    std::vector<network::OverlayChange> changes = everything().overlays;
    note(co_await overlays_.replace(std::move(changes)));
    Gateway gateway = everything().gateway.value_or(Gateway{});
    note(co_await overlays_.set_gateway(std::move(gateway.network), std::move(gateway.addresses)));
    if (!undone_) log_.info("the networks of the swarm are as they shall be again");
  }
}

// As the book has it now, whatever was carried out of it.
NetworkSteps NodeNetworks::everything() const {
  NetworkBook again;
  return again.apply(book_.everything(), self_);
}

// Into the book and the names.
NetworkSteps NodeNetworks::understand(const model::NetworksMessage& message,
                                      const model::NodeId& self) {
  if (message.complete) forget_names();
  for (const auto& change : message.changes) std::visit(Naming{names_}, *change);
  self_ = self;
  NetworkSteps steps = book_.apply(message, self);
  for (const std::string& fault : steps.faults) {
    log_.warn("a manager's word on a network is not understood", {{"reason", fault}});
  }
  return steps;
}

// Ahead of the kernel: what the next daemon finds there is never newer than the journal. Without
// one it has to wait for a manager; that is no reason to refuse what this one says.
os::Co<> NodeNetworks::keep(const model::NetworksMessage& message, const model::NodeId& self,
                            const std::string& host) {
  const bool from_scratch = message.complete || journal_.is_long() || host != host_;
  NetworkJournal::Contents everything{.self = self, .host = host, .message = {}};
  if (from_scratch) {
    everything.message = book_.everything();
    everything.message.data_path_port = message.data_path_port;
  }
  const auto kept = co_await loop_.offload(
      [&] { return from_scratch ? journal_.write(everything) : journal_.append(message); });
  host_ = kept ? host : "";  // Then the next message is reason to begin anew.
  if (kept) co_return;
  log_.warn("what a manager said of the networks cannot be kept for the next daemon",
            {{"reason", kept.error().message}});
  (void)co_await loop_.offload([this] { return journal_.remove(); });  // Old is worse than none.
}

// What cannot be done does not keep the rest from being done; the first error counts.
os::Co<Result<void>> NodeNetworks::carry_out(NetworkSteps steps) {
  Result<void> outcome;
  const auto note = [&](Result<void> result) {
    if (outcome && !result) outcome = std::move(result);
  };
  if (steps.complete) {
    note(co_await overlays_.replace(std::move(steps.overlays)));
  } else if (!steps.overlays.empty()) {
    note(co_await overlays_.apply(std::move(steps.overlays)));
  }
  if (steps.gateway) {
    note(co_await overlays_.set_gateway(std::move(steps.gateway->network),
                                        std::move(steps.gateway->addresses)));
  }
  std::vector<network::IpAddress> ended = std::move(steps.ended);
  co_await publish(std::move(steps));
  if (!ended.empty()) note(co_await ports_.end_flows_to(std::move(ended)));
  co_return outcome;
}

// A port that something else on this machine holds is not served here; every other is, and nobody
// waits for it.
os::Co<> NodeNetworks::publish(NetworkSteps steps) {
  Result<void> published;
  if (steps.complete) {
    published = co_await ports_.set_ports(std::move(steps.put_ports));
  } else if (!steps.put_ports.empty() || !steps.gone_ports.empty()) {
    published =
        co_await ports_.change_ports(std::move(steps.put_ports), std::move(steps.gone_ports));
  }
  if (!published) {
    log_.warn("a published port is not served", {{"reason", published.error().message}});
  }
}

os::Co<> NodeNetworks::keep_ports(os::StopToken stop) {
  while (co_await loop_.sleep(kPortsAgainEvery, stop)) {
    const auto regained = co_await ports_.retry_ports();
    if (!regained) {
      log_.warn("published ports that are free again are not served",
                {{"reason", regained.error().message}});
      continue;
    }
    for (const network::IngressPort& port : *regained) {
      log_.info("a published port is free again and is served",
                {{"port", fmt::format("{}/{}", port.port, network::to_text(port.protocol))}});
    }
  }
}

os::Co<Result<std::vector<model::NetworkConnection>>> NodeNetworks::connections_of(
    const model::Task& task, os::StopToken stop) {
  const auto unknown = [&] {
    return std::ranges::find_if(task.networks, [&](const model::NetworkAttachment& attachment) {
      return !book_.find(attachment.network);
    });
  };
  const os::StopSource over;
  const auto stopped = stop.on_stop([&over] { over.stop(); });
  const auto late = loop_.at(loop_.now() + kNetworksWithin, [&over] { over.stop(); });
  const auto ready = [&] { return !applies_ && unknown() == task.networks.end(); };
  bool waits = true;
  while (waits && !ready()) waits = co_await changed_.wait(over.token());
  if (stop.stopped()) co_return cancelled("the task is not wanted any more");
  if (const auto missing = unknown(); missing != task.networks.end()) {
    co_return failed_precondition("network {} has not been told to this node", missing->network);
  }
  std::vector<model::NetworkConnection> overlays;
  for (const model::NetworkAttachment& attachment : task.networks) {
    const model::NetworkView& view = *book_.find(attachment.network);
    overlays.push_back({.driver = model::NetworkDriver::Overlay,
                        .network = view.id.str(),
                        .name = view.name,
                        .addresses = attachment.addresses,
                        .aliases = attachment.aliases,
                        .ingress = view.ingress,
                        .internal = view.internal});
  }
  // The mesh's link last: eth0 is the network that the user named first.
  std::ranges::stable_partition(overlays, [](const auto& overlay) { return !overlay.ingress; });
  co_return overlays;
}

std::vector<model::NetworkView> NodeNetworks::known() const {
  std::vector<model::NetworkView> views;
  for (const auto& id : book_.networks()) views.push_back(*book_.find(id));
  return views;
}

// Not those of the networks that this node has by itself.
void NodeNetworks::forget_names() {
  for (const auto& network : book_.networks()) names_.drop_network(network);
}

os::Co<Result<void>> NodeNetworks::forget_all() {
  forget_names();
  book_ = {};
  told_ = false;
  undone_ = false;
  place_.reset();
  const auto gone = co_await loop_.offload([this] { return journal_.remove(); });
  if (!gone) log_.warn("the networks' journal is left", {{"reason", gone.error().message}});
  recalled_.reset();
  NetworkSteps nothing{.complete = true};
  nothing.gateway = Gateway{};
  co_return co_await carry_out(std::move(nothing));
}

}  // namespace shoal::agent
