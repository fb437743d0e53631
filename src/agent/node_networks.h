// NodeNetworks: carries out on this machine what a manager says of the networks that the node takes
// part in: links and rules in the kernel, published ports, names.
//
//   co_await networks.recall();   // what an earlier daemon was told: names are answered again
//   …                             // containers are adopted, the data plane has started
//   co_await networks.restore();  // the kernel is as that says
//   co_await networks.apply(message, self);
//
// Control thread. Lives as long as the daemon; its coroutines one at a time, but connections_of(),
// keep_ports() and mend().
#pragma once

#include <functional>
#include <vector>

#include "agent/core/network_book.h"
#include "agent/network_journal.h"
#include "base/log.h"
#include "model/container.h"
#include "model/node.h"
#include "model/task.h"
#include "netdriver/ingress.h"
#include "netdriver/overlays.h"
#include "network/names.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::agent {

// How often what something else on the machine stands in the way of is tried again: a published
// port, a network that could not be made.
inline constexpr Duration kPortsAgainEvery = 2s;
inline constexpr Duration kNetworksAgainEvery = 4s;
// How long a task that is about to start waits to be told of its networks.
inline constexpr Duration kNetworksWithin = 30s;

class NodeNetworks {
 public:
  NodeNetworks(os::Loop& loop, Log& log, netdriver::Overlays& overlays, netdriver::Ingress& ports,
               network::NameTable& names, NetworkJournal journal)
      : loop_(loop),
        log_(log),
        overlays_(overlays),
        ports_(ports),
        names_(names),
        journal_(std::move(journal)) {}

  // Runs whenever everything was said anew and carried out, as far as that was possible.
  void on_complete(std::function<void()> handler) { on_complete_ = std::move(handler); }

  // A journal that cannot be read, or a network that cannot be made again, is only logged: the
  // manager says it all once more.
  os::Co<> recall();
  os::Co<> restore();

  // Comes back when kernel, ports and names are as the message says. `self` is this node's own
  // record: at its address the others reach its overlays. What the kernel does not take is logged
  // and made later by mend(); no container uses it until then, and nothing else waits for it.
  os::Co<Result<void>> apply(const model::NetworksMessage& message, const model::Node& self);

  // The overlays that the task's container is to be connected to, once this node has been told of
  // all of them and what it was told is carried out. FailedPrecondition when it is not told within
  // kNetworksWithin, or when the manager never speaks of networks (it is not one of ours);
  // Cancelled on `stop`.
  os::Co<Result<std::vector<model::NetworkConnection>>> connections_of(const model::Task& task,
                                                                       os::StopToken stop);

  // Until `stop`: serves published ports that were held by something else once they are free.
  os::Co<> keep_ports(os::StopToken stop);
  // Until `stop`: makes networks that could not be made once they can.
  os::Co<> mend(os::StopToken stop);

  // A manager has said what this node's networks are: published ports are its matter.
  bool told() const { return told_; }
  // Those that this node takes part in, by its manager's word.
  std::vector<model::NetworkView> known() const;

  // The node has left its swarm.
  os::Co<Result<void>> forget_all();

 private:
  NetworkSteps understand(const model::NetworksMessage& message, const model::NodeId& self);
  os::Co<> keep(const model::NetworksMessage& message, const model::NodeId& self,
                const std::string& host);
  NetworkSteps everything() const;
  void note(const Result<void>& result);
  void forget_names();
  os::Co<Result<void>> carry_out(NetworkSteps steps);
  os::Co<> publish(NetworkSteps steps);

  os::Loop& loop_;
  Log& log_;
  netdriver::Overlays& overlays_;
  netdriver::Ingress& ports_;
  network::NameTable& names_;
  NetworkJournal journal_;
  std::function<void()> on_complete_ = [] {};
  NetworkBook book_;
  std::optional<NetworkJournal::Contents> recalled_;  // until it is restored
  struct Place {                                      // where the others reach this node's overlays
    network::IpAddress address;
    uint16_t port;
  };
  std::optional<Place> place_;
  model::NodeId self_;
  std::string host_;  // as the journal has it
  os::Signal changed_;
  bool told_ = false;
  bool applies_ = false;  // the kernel follows the book
  bool undone_ = false;   // the kernel is not as the book says
};

}  // namespace shoal::agent
