#include "containers/connector.h"

#include "containers/endpoint.h"
#include "containers/files.h"
#include "netdriver/dns_server.h"
#include "netdriver/mesh_task.h"

namespace shoal::containers {

os::Co<Result<void>> Connector::connect(EntryRef entry) {
  CO_ASSIGN_OR_RETURN(auto request, endpoint_request(*entry));
  CO_ASSIGN_OR_RETURN(entry->connection, co_await machine_.network.connect(std::move(request)));
  auto connected = co_await connect_overlays(entry);
  if (connected) connected = co_await join_mesh(entry);
  if (connected) connected = co_await serve_names(entry);
  if (!connected) (void)co_await disconnect(entry);  // The first error counts.
  co_return connected;
}

os::Co<Result<void>> Connector::connect_overlays(EntryRef entry) {
  if (!entry->config.overlays.empty() && !machine_.overlays) {
    co_return failed_precondition("this node carries no overlay networks");
  }
  CO_ASSIGN_OR_RETURN(auto attachments, overlay_attachments(entry->config));
  entry->overlay_connections.clear();
  for (size_t i = 0; i < attachments.size(); ++i) {
    const auto& overlay = entry->config.overlays[i];
    auto connected = co_await machine_.overlays->connect(entry->id, entry->connection->netns_path,
                                                         std::move(attachments[i]));
    if (!connected) {
      connected = with_context(std::move(connected), "failed to create endpoint {} on network {}",
                               entry->name, overlay.name);
      co_return std::unexpected(std::move(connected).error());
    }
    entry->overlay_connections.push_back(*std::move(connected));
  }
  co_return Result<void>{};
}

os::Co<Result<void>> Connector::join_mesh(EntryRef entry) {
  for (size_t i = 0; i < entry->overlay_connections.size(); ++i) {
    if (!entry->config.overlays[i].ingress) continue;
    const auto& attachment = entry->overlay_connections[i].attachment;
    netdriver::MeshTask task{.netns_path = entry->connection->netns_path,
                             .link = attachment.link,
                             .ingress = attachment.addresses.at(0)};
    if (entry->connection->address) task.bridge = entry->connection->address->address;
    CO_RETURN_IF_ERROR(
        co_await machine_.loop.offload([&task] { return netdriver::prepare_mesh_task(task); }));
  }
  co_return Result<void>{};
}

os::Co<Result<void>> Connector::serve_names(EntryRef entry) {
  if (!has_names(entry->config) || !machine_.dns) co_return Result<void>{};
  const NodeFiles files = node_files(*entry);
  const auto upstreams =
      co_await machine_.loop.offload([&files] { return dns_upstreams_of(files); });
  netdriver::DnsClient client{.container_id = entry->id,
                              .netns_path = entry->connection->netns_path,
                              .names = {},
                              .upstreams = upstreams.servers,
                              .internal_only = is_internal(entry->config),
                              .qualifies = upstreams.qualifies};
  for (const auto& overlay : entry->config.overlays) {
    if (overlay.ingress) continue;
    CO_ASSIGN_OR_RETURN(const auto id, model::NetworkId::parse(overlay.network));
    client.names.networks.push_back(id);
  }
  co_return co_await machine_.dns->serve(std::move(client));
}

os::Co<> Connector::adopt(EntryRef entry) {
  const auto served = co_await serve_names(entry);
  if (!served && served.error().code != ErrorCode::Cancelled) {
    machine_.log.warn("a container's names are not answered",
                      {{"container", entry->id}, {"reason", served.error().message}});
  }
}

os::Co<Result<void>> Connector::disconnect(EntryRef entry) {
  Result<void> outcome;
  if (machine_.dns) machine_.dns->stop(entry->id);
  if (!entry->config.overlays.empty() && machine_.overlays) {
    outcome = co_await machine_.overlays->disconnect(entry->id);
    entry->overlay_connections.clear();
  }
  if (entry->connection) {
    auto gone = co_await machine_.network.disconnect(entry->id);
    if (outcome) outcome = std::move(gone);
    entry->connection.reset();
  }
  co_return outcome;
}

}  // namespace shoal::containers
