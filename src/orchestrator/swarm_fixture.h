// For the tests of this room: the store's test swarm with a driver that runs control loops until
// they are content, in a time that only advances when told.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "orchestrator/slot.h"
#include "store/testing.h"

namespace shoal::orchestrator {

class SwarmFixture : public store::Swarm {
 public:
  Rng rng{1};

  // A service with id `name`, one spec version and no task.
  void make_service(std::string_view name, uint64_t replicas, model::TaskSpec spec = {}) {
    model::Service object;
    object.id = model::ServiceId::of(name);
    object.spec.annotations.name = name;
    object.spec.mode = model::ReplicatedMode{replicas};
    object.spec.task = std::make_shared<model::TaskSpec>(std::move(spec));
    object.spec_version = 1;
    create(std::move(object));
  }

  void make_global(std::string_view name, model::TaskSpec spec = {}) {
    make_service(name, 0, std::move(spec));
    edit_service(name, [](model::Service& s) { s.spec.mode = model::GlobalMode{}; });
  }

  void scale(std::string_view name, uint64_t replicas) {
    edit_service(name, [&](model::Service& s) { s.spec.mode = model::ReplicatedMode{replicas}; });
  }

  void remove_node(std::string_view id) { remove(model::NodeId::of(id)); }
  void remove_service(std::string_view name) { remove(model::ServiceId::of(name)); }

  void set_node(std::string_view id, model::NodeState state) {
    edit_node(id, [&](model::Node& node) { node.status.state = state; });
  }
  void set_node(std::string_view id, model::Availability availability) {
    edit_node(id, [&](model::Node& node) { node.spec.availability = availability; });
  }

  // A task with that very id, on a node unless that is "", of a service that may be gone.
  void put_task(std::string_view id, std::string_view service, uint64_t slot, std::string_view node,
                model::TaskState state, model::TaskState desired = model::TaskState::Running) {
    const auto owner = read().services().get(model::ServiceId::of(service));
    model::Task object;
    object.id = model::TaskId::of(id);
    object.service_id = model::ServiceId::of(service);
    object.slot = slot;
    object.node_id = model::NodeId::of(node);
    object.spec = owner ? owner->spec.task : std::make_shared<model::TaskSpec>();
    object.spec_version = owner ? owner->spec_version : 1;
    object.status.state = state;
    object.status.timestamp = now();
    object.desired_state = desired;
    create(std::move(object));
  }

  // As the scheduler and the agent would do.
  void report(std::string_view id, model::TaskState state, std::string_view node = "") {
    edit_task(id, [&](model::Task& task) {
      task.status.state = state;
      task.status.timestamp = now();
      if (!node.empty()) task.node_id = model::NodeId::of(node);
    });
  }

  store::TaskTable::Tasks tasks(std::string_view service) const {
    return read().tasks().by_service(model::ServiceId::of(service));
  }

  // The tasks of a global service that are meant to run on a node.
  store::TaskTable::Tasks live_on(std::string_view node, std::string_view service) const {
    auto found = tasks_in(read(), {model::ServiceId::of(service), 0, model::NodeId::of(node)});
    std::erase_if(found, [](const auto& task) { return !is_live(*task); });
    return found;
  }

  // The tasks of a slot that are meant to run.
  store::TaskTable::Tasks live(std::string_view service, uint64_t slot) const {
    auto found = read().tasks().by_slot(model::ServiceId::of(service), slot);
    std::erase_if(found, [](const auto& task) { return !is_live(*task); });
    return found;
  }

  // Feeds the loop from now on; the loop starts from what is stored.
  template <class Loop>
  void drive(Loop& loop) {
    loop.reset(read());
    watches_.push_back(store().watch([&](const store::Batch& batch) { loop.on_batch(batch); }));
    steps_.push_back([this, &loop] { return step(loop); });
  }

  // Lets every driven loop plan and commits its plans until all are content. Returns the plans that
  // were not empty, as text; new tasks are called new1, new2 … within each plan.
  std::string settle() {
    plans_.clear();
    for (bool busy = true; busy;) {
      busy = false;
      for (const auto& try_step : steps_) busy |= try_step();
    }
    return plans_;
  }

  std::string settle_after(Duration time) {
    advance(time);
    return settle();
  }

  size_t plan_count = 0;

 private:
  template <class Loop>
  bool step(Loop& loop) {
    const auto due = loop.next_deadline();
    if (!due || *due > now()) return false;
    store::Plan plan = loop.plan(read(), now());
    if (plan.empty()) {
      const auto next = loop.next_deadline();
      idle_plans_ = next && *next <= now() ? idle_plans_ + 1 : 0;
      CHECK(idle_plans_ < kIdlePlansMax, "a loop is always due and plans nothing");
      return true;
    }
    idle_plans_ = 0;
    ++plan_count;
    plans_ += text_of(plan);
    apply(std::move(plan));
    return true;
  }

  static std::string text_of(store::Plan plan) {
    int count = 0;
    for (model::Task& task : plan.create_tasks) {
      task.id = model::TaskId::of(fmt::format("new{}", ++count));
    }
    return store::to_string(plan);
  }

  std::vector<std::unique_ptr<store::Store::Watch>> watches_;
  std::vector<std::function<bool()>> steps_;
  std::string plans_;
  // A plan that only looked around may leave its loop due, but not for ever.
  static constexpr int kIdlePlansMax = 100;
  int idle_plans_ = 0;
};

}  // namespace shoal::orchestrator
