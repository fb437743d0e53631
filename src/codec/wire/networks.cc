#include "codec/wire/networks.h"

#include "codec/wire/dispatcher.h"
#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

using wire::get;  // besides those of this file
using wire::put;

using model::NetworkChange;
using model::NetworkId;
using model::NodeId;
using model::ServiceId;
using model::TaskId;

template <class IdType>
IdType needed(const std::string& text, const char* what, Fault& fault) {
  return id_from<IdType>(text, Need::Required, what, fault);
}
NetworkId network_from(const std::string& text, Fault& fault) {
  return needed<NetworkId>(text, "changes.network_id", fault);
}

void put(const model::IpamConfig& in, pb::IpamConfig* out) {
  out->set_subnet(in.subnet);
  out->set_range(in.range);
  out->set_gateway(in.gateway);
  put_labels(in.auxiliary, out->mutable_auxiliary());
}

model::IpamConfig get(const pb::IpamConfig& in, Fault& fault) {
  return {.subnet = in.subnet(),
          .range = in.range(),
          .gateway = in.gateway(),
          .auxiliary = labels_from(in.auxiliary(), "changes.ipam.auxiliary", fault)};
}

// --- writing: one function a kind of change ---

void put(const model::NetworkView& in, pb::NetworkChange* change) {
  pb::NetworkView* out = change->mutable_network();
  out->set_id(in.id.str());
  out->set_name(in.name);
  out->set_vni(in.vni);
  for (const model::IpamConfig& config : in.ipam) put(config, out->add_ipam());
  out->set_internal(in.internal);
  out->set_ingress(in.ingress);
  put_labels(in.options, out->mutable_options());
}

void put(const model::EndpointView& in, pb::NetworkChange* change) {
  pb::EndpointView* out = change->mutable_endpoint();
  out->set_network_id(in.network.str());
  out->set_task_id(in.task.str());
  out->set_service_id(in.service.str());
  put_strings(in.names, out->mutable_names());
  put_strings(in.addresses, out->mutable_addresses());
  out->set_node_id(in.node.str());
  out->set_host(in.host);
  out->set_serving(in.serving);
}

void put(const model::ServiceView& in, pb::NetworkChange* change) {
  pb::ServiceView* out = change->mutable_service();
  out->set_network_id(in.network.str());
  out->set_service_id(in.service.str());
  out->set_name(in.name);
  put_strings(in.aliases, out->mutable_aliases());
  out->set_mode(uint32_t(in.mode));
  put_strings(in.virtual_ips, out->mutable_virtual_ips());
  put_all(in.ports, out->mutable_ports());
  for (const model::PublishAddress& bound : in.bound) {
    pb::PublishAddress* address = out->add_bound();
    address->set_published_port(bound.published_port);
    address->set_protocol(uint32_t(bound.protocol));
    address->set_address(bound.address);
  }
}

void put(const model::GatewayView& in, pb::NetworkChange* change) {
  pb::GatewayView* out = change->mutable_gateway();
  out->set_network_id(in.network.str());
  out->set_node_id(in.node.str());
  put_strings(in.addresses, out->mutable_addresses());
  out->set_host(in.host);
}

void put(const model::NetworkGone& in, pb::NetworkChange* change) {
  change->mutable_network_gone()->set_network_id(in.network.str());
}

void put_gone(const NetworkId& network, std::string id, pb::Gone* out) {
  out->set_network_id(network.str());
  out->set_id(std::move(id));
}
void put(const model::EndpointGone& in, pb::NetworkChange* change) {
  put_gone(in.network, in.task.str(), change->mutable_endpoint_gone());
}
void put(const model::ServiceGone& in, pb::NetworkChange* change) {
  put_gone(in.network, in.service.str(), change->mutable_service_gone());
}
void put(const model::GatewayGone& in, pb::NetworkChange* change) {
  put_gone(in.network, in.node.str(), change->mutable_gateway_gone());
}

// --- reading ---

model::NetworkView get(const pb::NetworkView& in, Fault& fault) {
  if (in.vni() > kVniMax) fault.note("changes.vni {}: more than {}", in.vni(), kVniMax);
  return {.id = network_from(in.id(), fault),
          .name = in.name(),
          .vni = in.vni(),
          .ipam = each_from<model::IpamConfig>(
              in.ipam(), "changes.ipam", fault,
              [&](const pb::IpamConfig& config) { return get(config, fault); }),
          .internal = in.internal(),
          .ingress = in.ingress(),
          .options = labels_from(in.options(), "changes.options", fault)};
}

model::EndpointView get(const pb::EndpointView& in, Fault& fault) {
  return {
      .network = network_from(in.network_id(), fault),
      .task = needed<TaskId>(in.task_id(), "changes.task_id", fault),
      .service = id_from<ServiceId>(in.service_id(), Need::Optional, "changes.service_id", fault),
      .names = strings_from(in.names(), "changes.names", fault),
      .addresses = strings_from(in.addresses(), "changes.addresses", fault),
      .node = needed<NodeId>(in.node_id(), "changes.node_id", fault),
      .host = in.host(),
      .serving = in.serving()};
}

model::PublishAddress get(const pb::PublishAddress& in, Fault& fault) {
  return {.published_port = in.published_port(),
          .protocol = enum_from(in.protocol(), model::PortProtocol::Sctp, "protocol", fault),
          .address = in.address()};
}

model::ServiceView get(const pb::ServiceView& in, Fault& fault) {
  return {.network = network_from(in.network_id(), fault),
          .service = needed<ServiceId>(in.service_id(), "changes.service_id", fault),
          .name = in.name(),
          .aliases = strings_from(in.aliases(), "changes.aliases", fault),
          .mode = enum_from(in.mode(), model::ResolutionMode::Dnsrr, "resolution mode", fault),
          .virtual_ips = strings_from(in.virtual_ips(), "changes.virtual_ips", fault),
          .ports = all_from<model::PortConfig>(in.ports(), "changes.ports", fault),
          .bound = each_from<model::PublishAddress>(
              in.bound(), "changes.bound", fault,
              [&](const pb::PublishAddress& address) { return get(address, fault); })};
}

model::GatewayView get(const pb::GatewayView& in, Fault& fault) {
  return {.network = network_from(in.network_id(), fault),
          .node = needed<NodeId>(in.node_id(), "changes.node_id", fault),
          .addresses = strings_from(in.addresses(), "changes.addresses", fault),
          .host = in.host()};
}

NetworkChange get(const pb::NetworkChange& in, Fault& fault) {
  using pb::NetworkChange;
  switch (in.change_case()) {
    case NetworkChange::kNetwork:
      return get(in.network(), fault);
    case NetworkChange::kEndpoint:
      return get(in.endpoint(), fault);
    case NetworkChange::kService:
      return get(in.service(), fault);
    case NetworkChange::kGateway:
      return get(in.gateway(), fault);
    case NetworkChange::kNetworkGone:
      return model::NetworkGone{network_from(in.network_gone().network_id(), fault)};
    case NetworkChange::kEndpointGone:
      return model::EndpointGone{network_from(in.endpoint_gone().network_id(), fault),
                                 needed<TaskId>(in.endpoint_gone().id(), "changes.task_id", fault)};
    case NetworkChange::kServiceGone:
      return model::ServiceGone{
          network_from(in.service_gone().network_id(), fault),
          needed<ServiceId>(in.service_gone().id(), "changes.service_id", fault)};
    case NetworkChange::kGatewayGone:
      return model::GatewayGone{network_from(in.gateway_gone().network_id(), fault),
                                needed<NodeId>(in.gateway_gone().id(), "changes.node_id", fault)};
    case NetworkChange::CHANGE_NOT_SET:
      break;
  }
  // A kind of a later version: what it says cannot be left out, or the answer would be a lie.
  fault.note("changes: a kind of change that is not known");
  return {};
}

}  // namespace

std::string encode_watch_request(const model::SessionId& session) {
  return encode_heartbeat_request(session);  // Both are nothing but the session.
}

Result<model::SessionId> decode_watch_request(std::string_view bytes) {
  return read_message<pb::SessionOnly>(
      bytes, kSmallMessageBytesMax, "watch request", [](const pb::SessionOnly& in, Fault& fault) {
        return needed<model::SessionId>(in.session_id(), "session_id", fault);
      });
}

std::string encode(const model::NetworksMessage& message) {
  pb::NetworksMessage out;
  out.set_version(message.version);
  out.set_complete(message.complete);
  out.set_data_path_port(message.data_path_port);
  for (const auto& change : message.changes) {
    std::visit([to = out.add_changes()](const auto& value) { put(value, to); }, *change);
  }
  return bytes_of(out);
}

Result<model::NetworksMessage> decode_networks(std::string_view bytes) {
  return read_message<pb::NetworksMessage>(
      bytes, kNetworksBytesMax, "networks", [](const pb::NetworksMessage& in, Fault& fault) {
        model::NetworksMessage out{.version = in.version(),
                                   .complete = in.complete(),
                                   .data_path_port = in.data_path_port(),
                                   .changes = {}};
        if (in.data_path_port() > 65535) fault.note("data_path_port: not a port");
        if (in.changes().size() > kNetworkChangesMax) {
          fault.note("changes: more than {}", kNetworkChangesMax);
          return out;
        }
        out.changes.reserve(size_t(in.changes().size()));
        for (const auto& change : in.changes()) out.changes.push_back(share(get(change, fault)));
        return out;
      });
}

std::string encode(const model::NetworksAck& ack) {
  pb::NetworksAck out;
  out.set_session_id(ack.session.str());
  out.set_version(ack.version);
  return bytes_of(out);
}

Result<model::NetworksAck> decode_networks_ack(std::string_view bytes) {
  return read_message<pb::NetworksAck>(
      bytes, kSmallMessageBytesMax, "acknowledgement", [](const pb::NetworksAck& in, Fault& fault) {
        return model::NetworksAck{
            .session = needed<model::SessionId>(in.session_id(), "session_id", fault),
            .version = in.version()};
      });
}

}  // namespace shoal::wire
