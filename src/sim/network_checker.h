// Nobody is stopped while others still send to it: when a node hears that a task which gave answers
// shall end, no node that answers in time gives it work any more. And what a node is told of its
// networks is in order.
//
// A node answers in time while nothing that was withdrawn waits for it for kWithdrawWait or longer.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <vector>

#include "sim/agent_host.h"

namespace shoal::sim {

class NetworkChecker final : public ManagerObserver, public NetworkObserver {
 public:
  using Agents = std::vector<std::unique_ptr<AgentHost>>;

  NetworkChecker(const VirtualLoop& loop, Trace& trace, const Agents& agents)
      : loop_(loop), trace_(trace), agents_(agents) {}

  void on_load(const store::Tables& tables) override;
  void on_batch(const store::Batch& batch) override;
  void on_plan(std::string_view, const store::Tables&, const store::Plan&) override {}
  void on_acknowledged(const model::NodeId& node, uint64_t version) override;
  // The manager sends this now.
  void on_send(const dispatcher::Outgoing& outgoing);

  // Tasks that were taken out before they were told to stop. A run without any proves nothing.
  uint64_t count() const { return count_; }

 private:
  struct Wait {
    Time since;
    std::set<model::NodeId> carriers;  // READY from then on
  };

  void on_task(const model::Ref<model::Task>& before, const model::Ref<model::Task>& after);
  void on_node(const model::Ref<model::Node>& before, const model::Ref<model::Node>& after);
  void begin_wait(const model::Task& task);
  bool carries(const model::NodeId& node, const model::Task& task) const;
  void on_stop(const model::TaskId& task);

  const VirtualLoop& loop_;
  Trace& trace_;
  const Agents& agents_;
  std::map<model::TaskId, model::Ref<model::Task>> tasks_;  // as durable
  std::map<model::NodeId, model::Ref<model::Node>> nodes_;
  std::set<model::NetworkId> ingress_;
  std::map<model::TaskId, Wait> waits_;
  std::set<Time> withdrawn_at_;
  std::map<std::pair<model::NodeId, uint64_t>, Time> sent_at_;
  std::map<model::NodeId, Time> unanswered_since_;
  uint64_t count_ = 0;
};

}  // namespace shoal::sim
