// For tests: the networks of a node and of its swarm, behind the router.
#pragma once

#include <gmock/gmock.h>

#include "api/networks/networks.h"
#include "api/testing_swarm.h"
#include "netdriver/testing.h"

namespace shoal::api {

class NetworksFixture : public SwarmFixture {
 protected:
  NetworksFixture() {
    auto bridges = on_loop(node_.open());
    EXPECT_TRUE(bridges);
    EXPECT_TRUE(on_loop(network_.start({.bridges = std::move(*bridges)})));
    node_.on_started();
    node_.on_event([this](const containers::NetworkEvent& event) {
      events_.push_back(fmt::format("{} {} {}", event.action, event.name, event.driver));
    });
    networks_.add_routes(router_);
  }

  template <class T>
  T on_loop(os::Co<T> co) {
    std::optional<T> value;
    auto body = [](os::Loop& loop, os::Co<T> inner, std::optional<T>& out) -> os::Co<> {
      out.emplace(co_await inner);
      loop.stop();
    };
    loop_.post([&] { os::spawn(body(loop_, std::move(co), value)); });
    loop_.run();
    return std::move(*value);
  }

  template <class Edit>
  void add(std::string_view name, Edit edit) {
    model::Network network;
    network.id = model::NetworkId::of(fmt::format("{}-id", name));
    network.spec.annotations.name = name;
    network.spec.driver.name = "overlay";
    network.allocation.emplace();
    network.allocation->ipam = {
        {.subnet = "10.0.7.0/24", .range = "", .gateway = "10.0.7.1", .auxiliary = {}}};
    network.allocation->vni = 4099;
    edit(network);
    write([&](store::WriteTx& tx) { return tx.create(network); });
  }
  void add(std::string_view name) {
    add(name, [](model::Network&) {});
  }
  // A service on the network "<network>-id" with one running task on each node.
  void add_service(std::string_view name, std::string_view network) {
    write([&](store::WriteTx& tx) -> Result<void> {
      const auto id = model::NetworkId::of(fmt::format("{}-id", network));
      model::Service service;
      service.id = model::ServiceId::of(fmt::format("{}-id", name));
      service.spec.annotations.name = name;
      model::TaskSpec spec;
      spec.networks = {{.target = id.str(), .aliases = {}, .driver_options = {}}};
      service.spec.task = std::make_shared<const model::TaskSpec>(spec);
      model::Endpoint endpoint;
      endpoint.virtual_ips = {{.network = id, .address = "10.0.7.2/24"}};
      service.endpoint = std::make_shared<const model::Endpoint>(endpoint);
      RETURN_IF_ERROR(tx.create(service));
      for (uint64_t slot : {1, 2}) {
        model::Task task;
        task.id = model::TaskId::of(fmt::format("{}-t{}", name, slot));
        task.service_id = service.id;
        task.slot = slot;
        task.node_id = model::NodeId::of(slot == 1 ? "n1" : "n2");
        task.service_annotations =
            std::make_shared<const model::Annotations>(service.spec.annotations);
        task.status.state = model::TaskState::Running;
        task.networks = {
            {.network = id, .addresses = {fmt::format("10.0.7.{}/24", 2 + slot)}, .aliases = {}}};
        RETURN_IF_ERROR(tx.create(task));
      }
      return {};
    });
  }
  void publish(std::string_view service) {
    write([&](store::WriteTx& tx) -> Result<void> {
      model::Service changed = *tx.read().services().by_name(service);
      model::Endpoint endpoint = *changed.endpoint;
      endpoint.ports = {{.name = "", .target_port = 80, .published_port = 8090},
                        {.name = "",
                         .target_port = 81,
                         .published_port = 8091,
                         .mode = model::PublishMode::Host}};
      endpoint.virtual_ips.push_back(
          {.network = model::NetworkId::of("ingress-id"), .address = "10.0.0.9/24"});
      changed.spec.endpoint.emplace().ports = endpoint.ports;
      changed.endpoint = std::make_shared<const model::Endpoint>(endpoint);
      return tx.update(changed);
    });
  }

  Answer create(std::string_view rest) {
    return post("/networks/create", fmt::format(R"({{"Driver":"overlay",{}}})", rest));
  }
  model::Ref<model::Network> stored(std::string_view name) {
    return store_.read().networks().by_name(name);
  }
  static std::vector<std::string> names(const Answer& answer) {
    std::vector<std::string> found;
    const nlohmann::json body = nlohmann::json::parse(answer.body);
    if (!body.is_array()) return {message(answer)};
    for (const auto& network : body) found.push_back(network["Name"]);
    return found;
  }
  std::vector<std::string> listed(std::string_view filters) {
    return names(filtered("/networks", filters));
  }
  nlohmann::json shown(std::string_view ref) {
    return nlohmann::json::parse(get(fmt::format("/networks/{}", ref)).body);
  }
  std::string id_of(std::string_view name) { return shown(name)["Id"]; }
  void become_worker() { backend_.store_now = nullptr; }

  netdriver::testing::Host host_;
  Rng node_rng_{1};
  netdriver::NodeNetwork network_{
      loop_, log_, node_rng_, {.run_dir = host_.folder(), .ready_namespaces = 1}};
  std::vector<KnownNetwork> known_;
  containers::Networks node_{{loop_, log_, node_rng_, network_, nullptr, host_.folder() + "/data"}};
  std::vector<std::string> events_;
  std::map<std::string, codec::NetworkContainer> members_;  // of the bridge
  std::vector<std::string> told_;                           // to connect and disconnect
  NetworksApi networks_{
      context_,
      {.networks = node_,
       .members =
           [this](const std::string& id) {
             const bool bridge = (*node_.find(id))->name() == "bridge";
             return bridge ? members_ : std::map<std::string, codec::NetworkContainer>();
           },
       .find_container = [](const std::string& ref) -> Result<std::string> {
         if (ref == "c1") return std::string("c1-id");
         return not_found("No such container: {}", ref);
       },
       .connect = [this](std::string container,
                         model::NetworkConnection wish) -> os::Co<Result<void>> {
         const auto found = node_.find(wish.name);  // Else the swarm's.
         const std::string name = found ? (*found)->name() : wish.name;
         told_.push_back(fmt::format("{} joins {} as {} at {}", container, name,
                                     wish.aliases.size(), wish.address));
         co_return Result<void>{};
       },
       .disconnect = [this](std::string container, std::string network) -> os::Co<Result<void>> {
         const auto found = node_.find(network);
         told_.push_back(
             fmt::format("{} leaves {}", container, found ? (*found)->name() : network));
         co_return Result<void>{};
       },
       .known = [this] { return known_; }}};
};

}  // namespace shoal::api
