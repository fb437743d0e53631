// ContainerExecutor: carries out the agent's operations with this node's containers, images and
// published ports, and tells when a task's process ends.
//
// Operations of one task go one after another; those of different tasks side by side. A Stop or
// Remove first cancels what is under way for its task. Control thread.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "agent/attachments.h"
#include "agent/executor.h"
#include "agent/image_fetcher.h"
#include "agent/ingress_balancer.h"
#include "agent/node_networks.h"
#include "base/log.h"
#include "containers/containers.h"
#include "engine/host.h"
#include "os/loop.h"

namespace shoal::agent {

class ContainerExecutor final : public Executor {
 public:
  struct Machine {
    os::Loop& loop;
    containers::Containers& containers;
    images::ImageStore& images;
    netdriver::Ingress& ingress;
    NodeNetworks& networks;
    Attachments& attachments;
    Log& log;
    engine::HostFacts facts;
    model::Labels engine_labels;  // of the daemon: engine.labels.* in constraints
    std::string version;          // shown as the node's engine version
  };
  explicit ContainerExecutor(Machine machine);

  void on_outcome(std::function<void(Outcome)> handler) override;
  void on_node(const model::Ref<model::Node>& node) override { node_ = node; }
  // The node has left its swarm and the tasks' containers are gone.
  os::Co<> forget_all();
  void on_task(const model::Ref<model::Task>& task) override;
  void run(Operation operation) override;
  std::vector<FoundContainer> found() override;
  os::Co<Result<void>> apply_networks(const model::NetworksMessage& message) override;
  os::Co<model::NodeDescription> describe() override;

 private:
  struct Entry {
    std::string container_id;               // empty until prepared
    std::string failure;                    // why we end it ourselves; reported with its exit
    os::StopSource cancel;                  // ends the Prepare or Start under way
    std::optional<os::OneShot<bool>> last;  // the newest operation; set when it has ended
    bool watched = false;                   // a coroutine waits for its process
  };

  // Empty: there is nothing to answer, an exit says it.
  using Answer = std::optional<Outcome>;
  os::Co<> carry_out(Operation operation, std::optional<os::OneShot<bool>> before,
                     os::OneShot<bool> done);
  os::Co<Result<Answer>> perform(const Operation& operation, os::StopToken stop);
  os::Co<Result<Answer>> prepare(const model::Task& task, os::StopToken stop);
  os::Co<Result<std::vector<model::NetworkConnection>>> overlays_of(const model::Task& task,
                                                                    os::StopToken stop);
  os::Co<Result<Answer>> start(const model::Task& task, os::StopToken stop);
  // Only `stop` is an error.
  os::Co<Result<void>> await_servers(const model::Task& task, const std::string& container,
                                     os::StopToken stop);
  os::Co<Result<Answer>> stop(const Operation& operation);
  os::Co<Result<Answer>> remove(const Operation& operation);
  os::Co<> end_unhealthy(model::TaskId id);
  // Waits for the process to end and reports it; at most one at a time for a task.
  void watch(const model::TaskId& id);
  os::Co<> await_exit(model::TaskId id, std::string container);
  void on_container_event(const containers::Event& event);
  // Fills in container_id from the task's container, if it has one already.
  Entry& entry(const model::TaskId& id);
  model::ContainerStatus status_of(const std::string& container_id) const;
  void serve(const model::Task& task, const std::string& container_id);

  Machine machine_;
  ImageFetcher images_;
  IngressBalancer ingress_;
  std::function<void(Outcome)> handler_ = [](const Outcome&) {};
  model::Ref<model::Node> node_;
  std::map<model::TaskId, Entry> entries_;
};

}  // namespace shoal::agent
