// HostPorts: which ports of the host this node's containers and services hold.
//
// A port that is held is also bound by a socket of ours, as Docker's proxy does: no process of the
// host can take it meanwhile, and one that has it already is found out. Packets never reach that
// socket, they are translated before, except what cannot be: that the relay serves.
//
// Control thread only. A HeldPort must go before its HostPorts.
#pragma once

#include <memory>
#include <set>
#include <vector>

#include "base/result.h"
#include "netdriver/relay.h"
#include "network/ports.h"
#include "os/loop.h"

namespace shoal::netdriver {

class HostPorts;

// Gives the port free when destroyed.
class HeldPort {
 public:
  ~HeldPort();
  HeldPort(const HeldPort&) = delete;
  HeldPort& operator=(const HeldPort&) = delete;

  uint16_t port() const { return port_; }

 private:
  friend class HostPorts;
  HeldPort(HostPorts& owner, network::PortProtocol protocol, network::IpAddress ip, uint16_t port)
      : owner_(owner), protocol_(protocol), ip_(ip), port_(port) {}

  HostPorts& owner_;
  network::PortProtocol protocol_;
  network::IpAddress ip_;
  uint16_t port_;
  std::vector<os::Fd> sockets_;
  std::vector<std::unique_ptr<Relay>> relays_;
};

class HostPorts {
 public:
  explicit HostPorts(os::Loop& loop) : loop_(loop) {}

  // Holds `port` at `ip` (any address: at all, of both families); 0: the next free one of the
  // kernel's local port range. Errors are Conflict in Docker's words: "Bind for 0.0.0.0:8081
  // failed: port is already allocated" when one of ours has it, "failed to bind host port
  // 0.0.0.0:8081/tcp: address already in use" when a process of the host has; InvalidArgument when
  // the host does not have the address.
  Result<std::unique_ptr<HeldPort>> hold(network::PortProtocol protocol,
                                         const network::IpAddress& ip, uint16_t port,
                                         NextBackend next);

 private:
  friend class HeldPort;
  struct Taken {
    network::PortProtocol protocol;
    uint16_t port;
    network::IpAddress ip;
    auto operator<=>(const Taken&) const = default;
  };

  bool is_taken(network::PortProtocol protocol, const network::IpAddress& ip, uint16_t port) const;
  Result<std::unique_ptr<HeldPort>> hold_any(network::PortProtocol protocol,
                                             const network::IpAddress& ip, const NextBackend& next);
  Result<std::unique_ptr<HeldPort>> bind(network::PortProtocol protocol,
                                         const network::IpAddress& ip, uint16_t port,
                                         const NextBackend& next);

  os::Loop& loop_;
  std::set<Taken> taken_;
  uint16_t last_chosen_ = 0;
  std::shared_ptr<size_t> relayed_count_ = std::make_shared<size_t>(0);
};

}  // namespace shoal::netdriver
