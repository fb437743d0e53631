#include "containers/connector.h"

#include <algorithm>

#include "containers/endpoint.h"
#include "containers/files.h"
#include "netdriver/dns_server.h"
#include "netdriver/mesh_task.h"

namespace shoal::containers {
namespace {

using model::NetworkConnection;
using model::NetworkDriver;

bool is_link(const NetworkConnection& connection) {
  return connection.driver == NetworkDriver::Bridge || connection.driver == NetworkDriver::Overlay;
}

bool is_overlay(const NetworkConnection& connection) {
  return connection.driver == NetworkDriver::Overlay;
}

}  // namespace

// ---- All of a container's networks.

os::Co<Result<void>> Connector::connect(EntryRef entry) {
  auto connected = co_await attach_all(entry);
  if (connected) connected = co_await connect_all(entry);
  if (connected) connected = co_await join_mesh(entry);
  if (connected) connected = co_await serve_names(entry);
  if (!connected) {
    (void)co_await take_down(entry);  // The first error counts.
    co_return connected;
  }
  put_names(*entry);
  for (const auto& connection : entry->config.networks) emit("connect", *entry, connection);
  co_return connected;
}

os::Co<Result<void>> Connector::attach_all(EntryRef entry) {
  for (auto& connection : entry->config.networks) {
    if (!connection.attachable) continue;
    CO_RETURN_IF_ERROR(co_await attach(entry, connection));
  }
  co_return Result<void>{};
}

// The entry is held: nobody else changes its networks meanwhile.
os::Co<Result<void>> Connector::attach(EntryRef entry, NetworkConnection& connection) {
  if (!attacher_) co_return not_found("network {} not found", connection.name);
  std::vector<std::string> names = names_of(*entry, connection);
  const os::StopToken stop = entry->giving_up.token();
  auto attached = co_await attacher_->attach(entry->id, std::move(names), connection, stop);
  if (!attached) {
    attached = with_context(std::move(attached), "Could not attach to network {}", connection.name);
    co_return std::unexpected(std::move(attached).error());
  }
  connection = *std::move(attached);
  co_return Result<void>{};
}

void Connector::detach(NetworkConnection& connection) {
  if (connection.attachment.empty()) return;
  if (attacher_) attacher_->detach(connection.attachment);
  connection.attachment.clear();
  connection.addresses.clear();
}

// Links are called in the order of the networks; the one that nobody asked for is the last.
os::Co<Result<void>> Connector::connect_all(EntryRef entry) {
  entry->connections = {};
  const auto networks = entry->config.networks;
  const auto out = way_out(entry->config);
  for (const bool overlays : {false, true}) {  // A namespace comes with its first bridge.
    for (size_t i = 0, number = 0; i < networks.size(); ++i) {
      if (!is_link(networks[i])) continue;
      const std::string link = fmt::format("eth{}", number++);
      if ((networks[i].driver == NetworkDriver::Overlay) != overlays) continue;
      CO_RETURN_IF_ERROR(co_await add_link(entry, networks[i], link));
    }
    if (!overlays && out && !bridge_of(*entry, *out)) {
      const auto count = std::ranges::count_if(networks, is_link);
      const std::string link = fmt::format("eth{}", count);
      CO_RETURN_IF_ERROR(co_await add_bridge(entry, *out, link));
    }
    if (!overlays && entry->connections.netns_path.empty()) {
      CO_ASSIGN_OR_RETURN(entry->connections.netns_path, co_await machine_.network.open(entry->id));
    }
  }
  co_return Result<void>{};
}

os::Co<> Connector::adopt(EntryRef entry) {
  const auto complain = [&](std::string_view what, const Result<void>& result) {
    if (result || result.error().code == ErrorCode::Cancelled) return;
    machine_.log.warn(what, {{"container", entry->id}, {"reason", result.error().message}});
  };
  std::erase_if(entry->connections.bridges, [&](const netdriver::Endpoint& bridge) {
    return !machine_.network.find(entry->id, bridge.network);
  });
  const auto networks = entry->config.networks;
  for (const auto& connection : networks) {
    if (connection.driver != NetworkDriver::Bridge) continue;
    if (bridge_of(*entry, bridge_key(connection))) continue;
    const std::string link = free_link(*entry);
    complain("a container's link cannot be made again", co_await add_link(entry, connection, link));
  }
  complain("a container's way out cannot be made again", co_await settle_way_out(entry));
  put_names(*entry);
  complain("a container's names are not answered", co_await serve_names(entry));
}

os::Co<Result<void>> Connector::disconnect(EntryRef entry) {
  const bool connected = !entry->connections.netns_path.empty();
  auto outcome = co_await take_down(entry);
  if (!connected) co_return outcome;
  for (const auto& connection : entry->config.networks) emit("disconnect", *entry, connection);
  co_return outcome;
}

os::Co<Result<void>> Connector::take_down(EntryRef entry) {
  Result<void> outcome;
  if (machine_.dns) machine_.dns->stop(entry->id);
  for (const auto& connection : entry->config.networks) drop_names(*entry, connection);
  if (std::ranges::any_of(entry->config.networks, is_overlay) && machine_.overlays) {
    outcome = co_await machine_.overlays->disconnect(entry->id);
  }
  for (auto& connection : entry->config.networks) detach(connection);
  if (!entry->connections.netns_path.empty()) {
    auto gone = co_await machine_.network.disconnect(entry->id);
    if (outcome) outcome = std::move(gone);
  }
  entry->connections = {};
  co_return outcome;
}

// ---- One network.

os::Co<Result<void>> Connector::join(EntryRef entry, NetworkConnection connection) {
  if (connection.attachable) CO_RETURN_IF_ERROR(co_await attach(entry, connection));
  const std::string network = connection.network;
  const auto there =
      std::ranges::find(entry->config.networks, network, &NetworkConnection::network);
  if (there != entry->config.networks.end()) {  // By another name, and so the same attachment.
    co_return permission_denied("endpoint with name {} already exists in network {}", entry->name,
                                connection.name);
  }
  entry->config.networks.push_back(connection);
  const std::string link = free_link(*entry);
  auto joined = co_await add_link(entry, connection, link);
  if (joined) joined = co_await settle_way_out(entry);
  if (joined) joined = co_await tell(entry);
  if (!joined) {
    std::erase_if(entry->config.networks,
                  [&](const NetworkConnection& one) { return one.network == network; });
    (void)co_await drop_link(entry, connection);  // The first error counts.
    (void)co_await settle_way_out(entry);
    show_connection(*entry);
    co_return joined;
  }
  put_names(*entry);
  show_connection(*entry);
  emit("connect", *entry, connection);
  co_return joined;
}

os::Co<Result<void>> Connector::leave(EntryRef entry, std::string network) {
  const auto at = std::ranges::find(entry->config.networks, network, &NetworkConnection::network);
  if (at == entry->config.networks.end()) co_return Result<void>{};
  const NetworkConnection connection = *at;
  entry->config.networks.erase(at);
  drop_names(*entry, connection);
  auto left = co_await drop_link(entry, connection);
  if (left) left = co_await settle_way_out(entry);
  if (left) left = co_await tell(entry);
  show_connection(*entry);
  emit("disconnect", *entry, connection);
  co_return left;
}

// What the processes in it see beside links: files and names.
os::Co<Result<void>> Connector::tell(EntryRef entry) {
  CO_RETURN_IF_ERROR(co_await serve_names(entry));
  co_return co_await write_files(entry);
}

os::Co<Result<void>> Connector::write_files(EntryRef entry) {
  auto write = [files = node_files(*entry)] { return write_node_files(files); };
  co_return co_await machine_.loop.offload(std::move(write));
}

// ---- Links.

os::Co<Result<void>> Connector::add_link(EntryRef entry, NetworkConnection connection,
                                         std::string link) {
  if (connection.driver == NetworkDriver::Overlay) {
    return add_overlay(std::move(entry), std::move(connection), std::move(link));
  }
  return add_bridge(std::move(entry), bridge_key(connection), std::move(link));
}

os::Co<Result<void>> Connector::add_bridge(EntryRef entry, std::string key, std::string link) {
  if (bridge_of(*entry, key)) co_return Result<void>{};  // It was its way out already.
  CO_ASSIGN_OR_RETURN(auto request, endpoint_request(*entry, key, std::move(link)));
  // One that runs keeps the way out that it has.
  const auto leads = [](const netdriver::Endpoint& bridge) { return bridge.default_route; };
  if (std::ranges::any_of(entry->connections.bridges, leads)) {
    request.default_route = false;
    request.ports.clear();
  }
  CO_ASSIGN_OR_RETURN(auto endpoint, co_await machine_.network.connect(std::move(request)));
  entry->connections.netns_path = endpoint.netns_path;
  entry->connections.bridges.push_back(std::move(endpoint));
  co_return Result<void>{};
}

os::Co<Result<void>> Connector::add_overlay(EntryRef entry, NetworkConnection connection,
                                            std::string link) {
  if (!machine_.overlays) {
    co_return failed_precondition("this node carries no overlay networks");
  }
  CO_ASSIGN_OR_RETURN(auto attachment, overlay_attachment(connection, std::move(link)));
  auto connected = co_await machine_.overlays->connect(entry->id, entry->connections.netns_path,
                                                       std::move(attachment));
  if (!connected) {
    connected = with_context(std::move(connected), "failed to create endpoint {} on network {}",
                             entry->name, connection.name);
    co_return std::unexpected(std::move(connected).error());
  }
  entry->connections.overlays.push_back(*std::move(connected));
  co_return Result<void>{};
}

os::Co<Result<void>> Connector::drop_link(EntryRef entry, NetworkConnection connection) {
  if (!is_overlay(connection)) {
    const std::string key = bridge_key(connection);
    co_return co_await drop_bridge(entry, key);
  }
  std::erase_if(entry->connections.overlays, [&](const netdriver::OverlayEndpoint& overlay) {
    return overlay.attachment.network == connection.network;
  });
  auto left = co_await machine_.overlays->leave(entry->id, connection.network);
  detach(connection);
  co_return left;
}

os::Co<Result<void>> Connector::drop_bridge(EntryRef entry, std::string key) {
  if (!bridge_of(*entry, key)) co_return Result<void>{};
  // One on overlays may still need it.
  if (key == network::kOwnBridge && way_out(entry->config) == key) co_return Result<void>{};
  auto left = co_await machine_.network.leave(entry->id, key);
  std::erase_if(entry->connections.bridges,
                [&](const netdriver::Endpoint& bridge) { return bridge.network == key; });
  co_return left;
}

// A container has at most one: the way out that it has, as long as that may be one; else the one
// that its networks say.
os::Co<Result<void>> Connector::settle_way_out(EntryRef entry) {
  const auto wanted = way_out(entry->config);
  const auto is_listed = [&](const netdriver::Endpoint& bridge) {
    return std::ranges::any_of(entry->config.networks, [&](const NetworkConnection& connection) {
      return connection.driver == NetworkDriver::Bridge && bridge_key(connection) == bridge.network;
    });
  };
  const auto current = std::ranges::find_if(
      entry->connections.bridges, [](const auto& bridge) { return bridge.default_route; });
  if (current != entry->connections.bridges.end()) {
    if (is_listed(*current) || wanted == current->network) co_return Result<void>{};
    CO_RETURN_IF_ERROR(co_await drop_bridge(entry, current->network));
  }
  if (!wanted) co_return Result<void>{};
  if (!bridge_of(*entry, *wanted)) {
    const std::string link = free_link(*entry);
    co_return co_await add_bridge(entry, *wanted, link);
  }
  CO_ASSIGN_OR_RETURN(auto ports, wanted_ports(*entry));
  CO_ASSIGN_OR_RETURN(auto led,
                      co_await machine_.network.lead_out(entry->id, *wanted, std::move(ports)));
  std::ranges::replace_if(
      entry->connections.bridges, [&](const auto& bridge) { return bridge.network == *wanted; },
      led);
  co_return Result<void>{};
}

os::Co<Result<void>> Connector::join_mesh(EntryRef entry) {
  for (const auto& connection : entry->config.networks) {
    const auto* overlay = connection.ingress ? overlay_of(*entry, connection.network) : nullptr;
    if (!overlay) continue;
    netdriver::MeshTask task{.netns_path = entry->connections.netns_path,
                             .link = overlay->attachment.link,
                             .ingress = overlay->attachment.addresses.at(0)};
    for (const auto& bridge : entry->connections.bridges) {
      if (bridge.default_route) task.bridge = bridge.address.address;
    }
    CO_RETURN_IF_ERROR(
        co_await machine_.loop.offload([&task] { return netdriver::prepare_mesh_task(task); }));
  }
  co_return Result<void>{};
}

// ---- Names.

os::Co<Result<void>> Connector::serve_names(EntryRef entry) {
  if (!machine_.dns) co_return Result<void>{};
  if (!has_names(entry->config)) {
    machine_.dns->stop(entry->id);
    co_return Result<void>{};
  }
  const NodeFiles files = node_files(*entry);
  const auto upstreams =
      co_await machine_.loop.offload([&files] { return dns_upstreams_of(files); });
  netdriver::DnsClient client{.container_id = entry->id,
                              .netns_path = entry->connections.netns_path,
                              .names = {},
                              .upstreams = upstreams.servers,
                              .internal_only = !way_out(entry->config),
                              .qualifies = upstreams.qualifies};
  for (const auto& connection : entry->config.networks) {
    if (!is_named(connection)) continue;
    client.names.networks.push_back(model::NetworkId::of(connection.network));
  }
  co_return co_await machine_.dns->serve(std::move(client));
}

// In bridges of this node; in overlays the manager says who is found under which name.
void Connector::put_names(const Entry& entry) {
  if (!machine_.names) return;
  for (const auto& connection : entry.config.networks) {
    const auto* bridge = bridge_of(entry, bridge_key(connection));
    if (connection.driver != NetworkDriver::Bridge || !is_named(connection) || !bridge) continue;
    machine_.names->put_endpoint(model::NetworkId::of(connection.network),
                                 model::TaskId::of(entry.id),
                                 {.service = {},
                                  .names = names_of(entry, connection),
                                  .addresses = {bridge->address.address},
                                  .serving = true});
  }
}

void Connector::rename(Entry& entry) {
  put_names(entry);
  if (entry.run) return show_connection(entry);
  hide_connection(entry);
}

void Connector::drop_names(const Entry& entry, const NetworkConnection& connection) {
  if (!machine_.names || connection.driver != NetworkDriver::Bridge) return;
  machine_.names->drop_endpoint(model::NetworkId::of(connection.network),
                                model::TaskId::of(entry.id));
}

void Connector::emit(std::string_view action, const Entry& entry,
                     const NetworkConnection& connection) const {
  networks_.emit({std::string(action), connection.network, connection.name,
                  std::string(driver_name(connection.driver)), entry.id});
}

}  // namespace shoal::containers
