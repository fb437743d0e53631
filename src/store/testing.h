// Swarm: a small store for the tests of other rooms, filled by sentences.
//
//   Swarm swarm;
//   swarm.node("n1");
//   auto web = swarm.service("web").replicas(2).running_on({"n1", "n1", "n2"});
//   plan_replicas(swarm.read(), web);
//
// Ids are readable: a service's id is its name, a task's "web.1.a". Every write is committed,
// durable and told to the watchers when the call returns. A write that fails ends the test program.
#pragma once

#include <fmt/core.h>

#include <initializer_list>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "base/check.h"
#include "store/memory_engine.h"
#include "store/plan.h"
#include "store/store.h"

namespace shoal::store {

class Swarm {
 public:
  class ServiceBuilder;

  Swarm() : store_(std::make_unique<Store>(engine_)) { CHECK(store_->load()); }

  const Tables& read() const { return store_->read(); }
  Store& store() { return *store_; }
  MemoryEngine& engine() { return engine_; }
  Time now() const { return now_; }
  void advance(Duration by) { now_ = now_ + by; }

  template <class T>
  void create(T object) {
    write([&](WriteTx& tx) { return tx.create(std::move(object)); });
  }
  template <class T>
  void update(T object) {
    write([&](WriteTx& tx) { return tx.update(std::move(object)); });
  }
  template <class IdType>
  void remove(const IdType& id) {
    write([&](WriteTx& tx) { return tx.remove(id); });
  }
  void apply(Plan plan) {
    write([&](WriteTx& tx) { return store::apply(std::move(plan), tx); });
  }
  // Reads, lets `edit` change the copy, writes it back.
  template <class Edit>
  void edit_task(std::string_view id, Edit edit) {
    model::Task task = *task_ref(id);
    edit(task);
    update(std::move(task));
  }
  template <class Edit>
  void edit_node(std::string_view id, Edit edit) {
    model::Node node = *node_ref(id);
    edit(node);
    update(std::move(node));
  }
  template <class Edit>
  void edit_service(std::string_view id, Edit edit) {
    model::Service service = *service_ref(id);
    edit(service);
    update(std::move(service));
  }

  model::Ref<model::Task> task_ref(std::string_view id) const {
    return found(read().tasks().get(model::TaskId::of(id)), id);
  }
  model::Ref<model::Node> node_ref(std::string_view id) const {
    return found(read().nodes().get(model::NodeId::of(id)), id);
  }
  model::Ref<model::Service> service_ref(std::string_view id) const {
    return found(read().services().get(model::ServiceId::of(id)), id);
  }

  // Ready and active, with 4 CPUs and 8 GiB; `edit` changes what differs.
  template <class Edit>
  model::Ref<model::Node> node(std::string_view id, Edit edit) {
    model::Node node;
    node.id = model::NodeId::of(id);
    node.description.hostname = std::string(id);
    node.description.platform = {.architecture = "x86_64", .os = "linux"};
    node.description.resources = {.nano_cpus = 4'000'000'000, .memory_bytes = 8LL << 30};
    node.status.state = model::NodeState::Ready;
    edit(node);
    create(std::move(node));
    return node_ref(id);
  }
  model::Ref<model::Node> node(std::string_view id) {
    return node(id, [](model::Node&) {});
  }

  // Created at once, replicated with one replica and no task.
  ServiceBuilder service(std::string_view name);

  // A task of the service's present spec; desired Running.
  model::Ref<model::Task> task(std::string_view service, uint64_t slot, model::TaskState state,
                               std::string_view node = "") {
    const auto of = service_ref(service);
    model::Task task;
    task.id = model::TaskId::of(fmt::format("{}.{}.{}", service, slot, letters(tasks_made_++)));
    task.service_id = of->id;
    task.slot = slot;
    task.node_id = model::NodeId::of(node);
    task.spec = of->spec.task;
    task.spec_version = of->spec_version;
    task.service_annotations = annotations_of(*of);
    task.endpoint = of->endpoint;
    task.status.state = state;
    task.status.timestamp = now_;
    const std::string id = task.id.str();
    create(std::move(task));
    return task_ref(id);
  }

 private:
  template <class Write>
  void write(Write write) {
    const auto ticket = store_->update(now_, write);
    CHECK(ticket, "{}", ticket ? "" : ticket.error().message);
    engine_.flush();
  }
  template <class T>
  static model::Ref<T> found(model::Ref<T> ref, std::string_view id) {
    CHECK(ref, "no such object: {}", id);
    return ref;
  }
  // "a" … "z", "ba" …: rising with the number for equal lengths.
  static std::string letters(size_t number) {
    std::string text;
    do {
      text.insert(text.begin(), char('a' + number % 26));
      number /= 26;
    } while (number != 0);
    return text;
  }
  model::Ref<model::Annotations> annotations_of(const model::Service& service) {
    auto& shared = annotations_[{service.id, service.spec_version}];
    if (!shared) shared = std::make_shared<const model::Annotations>(service.spec.annotations);
    return shared;
  }

  MemoryEngine engine_;
  std::unique_ptr<Store> store_;
  Time now_{1'700'000'000'000'000'000};
  size_t tasks_made_ = 0;
  std::map<std::pair<model::ServiceId, model::Version>, model::Ref<model::Annotations>>
      annotations_;
};

class Swarm::ServiceBuilder {
 public:
  ServiceBuilder(Swarm& swarm, std::string_view name) : swarm_(swarm), id_(name) {}

  operator model::Service() const { return *get(); }
  model::Ref<model::Service> get() const { return swarm_.service_ref(id_); }

  // Changes of the spec count as a new spec version.
  template <class Edit>
  ServiceBuilder& spec(Edit edit) {
    swarm_.edit_service(id_, [&](model::Service& service) {
      edit(service.spec);
      service.spec_version = swarm_.store().newest_version() + 1;
    });
    return *this;
  }
  template <class Edit>
  ServiceBuilder& task_spec(Edit edit) {
    return spec([&](model::ServiceSpec& spec) {
      auto task = std::make_shared<model::TaskSpec>(*spec.task);
      edit(*task);
      spec.task = std::move(task);
    });
  }
  ServiceBuilder& replicas(uint64_t count) {
    return spec([&](model::ServiceSpec& spec) { spec.mode = model::ReplicatedMode{count}; });
  }
  ServiceBuilder& global() {
    return spec([&](model::ServiceSpec& spec) { spec.mode = model::GlobalMode{}; });
  }
  // One running task a name, in slots 1, 2, 3 …; a node that does not exist yet is made.
  ServiceBuilder& running_on(std::initializer_list<std::string_view> nodes) {
    for (const std::string_view node : nodes) {
      if (!swarm_.read().nodes().get(model::NodeId::of(node))) swarm_.node(node);
      swarm_.task(id_, ++last_slot_, model::TaskState::Running, node);
    }
    return *this;
  }

 private:
  Swarm& swarm_;
  std::string id_;
  uint64_t last_slot_ = 0;
};

inline Swarm::ServiceBuilder Swarm::service(std::string_view name) {
  model::Service service;
  service.id = model::ServiceId::of(name);
  service.spec.annotations.name = std::string(name);
  service.spec_version = store_->newest_version() + 1;
  create(std::move(service));
  return {*this, name};
}

}  // namespace shoal::store
