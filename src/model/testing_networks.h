// For the tests of every codec, as testing.h: what a manager says of networks, each field set.
#pragma once

#include "model/network_feed.h"
#include "model/testing.h"

namespace shoal::model {

inline NetworksMessage full_networks_message() {
  NetworkView view;
  {
    auto& [id, name, vni, ipam, internal, ingress, options] = view;
    id = NetworkId::of("net1");
    name = "front";
    vni = 4097;
    ipam = full_network().spec.ipam;
    internal = true;
    ingress = true;
    options = {{"com.docker.network.driver.mtu", "1400"}};
  }
  EndpointView endpoint;
  {
    auto& [network, task, service, names, addresses, node, host, serving] = endpoint;
    network = NetworkId::of("net1");
    task = TaskId::of("task1");
    service = ServiceId::of("service1");
    names = {"web.1.task1", "0123456789ab"};
    addresses = {"10.9.0.7", "fd00::7"};
    node = NodeId::of("node1");
    host = "192.168.0.7";
    serving = true;
  }
  ServiceView service_view;
  {
    auto& [network, service, name, aliases, mode, virtual_ips, ports, bound] = service_view;
    network = NetworkId::of("net1");
    service = ServiceId::of("service1");
    name = "web";
    aliases = {"www", "shop"};
    mode = ResolutionMode::Dnsrr;
    virtual_ips = {"10.9.0.2"};
    ports = {full_port()};
    bound = {{8080, PortProtocol::Udp, "192.168.0.7"}};
  }
  GatewayView gateway;
  {
    auto& [network, node, addresses, host] = gateway;
    network = NetworkId::of("net1");
    node = NodeId::of("node1");
    addresses = {"10.9.0.9/24"};
    host = "192.168.0.7";
  }
  NetworksMessage message;
  auto& [version, complete, data_path_port, changes] = message;
  version = uint64_t(1) << 40;
  complete = true;
  data_path_port = 7789;
  const NetworkId gone = NetworkId::of("net2");
  changes = {share(std::move(view)),
             share(std::move(service_view)),
             share(std::move(endpoint)),
             share(std::move(gateway)),
             share(NetworkGone{gone}),
             share(EndpointGone{gone, TaskId::of("task2")}),
             share(ServiceGone{gone, ServiceId::of("service2")}),
             share(GatewayGone{gone, NodeId::of("node2")})};
  return message;
}

inline NetworksAck full_networks_ack() {
  NetworksAck ack;
  auto& [session, version] = ack;
  session = SessionId::of("session1");
  version = uint64_t(1) << 40;
  return ack;
}

}  // namespace shoal::model
