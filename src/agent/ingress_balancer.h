// IngressBalancer: which of this node's tasks answer behind each published port of a service.
//
// Keeps the table and hands it whole to the data plane; changes that come while one hand-over is
// under way go together in the next. Control thread.
#pragma once

#include <map>
#include <vector>

#include "base/log.h"
#include "model/task.h"
#include "netdriver/ingress.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::agent {

class IngressBalancer {
 public:
  IngressBalancer(netdriver::Ingress& ingress, Log& log) : ingress_(ingress), log_(log) {}

  // Puts the task behind the ingress ports of its endpoint. Nothing happens when it has none or is
  // there already. Takes effect with apply().
  void add(const model::Task& task, const network::IpAddress& address);
  // Takes effect with apply().
  void remove(const model::TaskId& task);
  bool has(const model::TaskId& task) const { return backends_.contains(task); }

  // Comes back when the data plane has what the table was at this call, or newer. A port that
  // cannot be served is logged; the others are.
  os::Co<> apply();

 private:
  struct PortKey {
    model::PortProtocol protocol;
    uint16_t port;
    auto operator<=>(const PortKey&) const = default;
  };
  struct Placed {
    PortKey key;
    network::Backend backend;
  };
  std::vector<network::IngressPort> table() const;

  netdriver::Ingress& ingress_;
  Log& log_;
  std::map<model::TaskId, std::vector<Placed>> backends_;
  std::map<PortKey, std::map<model::TaskId, network::Backend>> ports_;
  uint64_t wanted_ = 0;   // counts changes
  uint64_t applied_ = 0;  // the newest that the data plane has
  bool applying_ = false;
  os::Signal changed_;
};

}  // namespace shoal::agent
