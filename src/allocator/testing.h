// A swarm with its ingress network and an allocator over it, for the tests of this room.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <concepts>

#include "allocator/allocator.h"
#include "store/testing.h"

namespace shoal::allocator {

class AllocatorFixture : public testing::Test {
 protected:
  AllocatorFixture() {
    model::Cluster cluster;
    cluster.id = model::ClusterId::of("c");
    swarm.create(cluster);
    network("ingress", [](model::NetworkSpec& spec) { spec.ingress = true; });
    allocator.reset(swarm.read());
    watch = swarm.store().watch([this](const store::Batch& batch) { allocator.on_batch(batch); });
  }

  // Its id is its name.
  template <std::invocable<model::NetworkSpec&> Edit>
  void network(std::string_view name, Edit edit) {
    model::Network one;
    one.id = model::NetworkId::of(name);
    one.spec.annotations.name = std::string(name);
    edit(one.spec);
    swarm.create(std::move(one));
  }
  void network(std::string_view name, std::string subnet = "") {
    network(name, [&](model::NetworkSpec& spec) {
      if (!subnet.empty()) spec.ipam.emplace_back().subnet = subnet;
    });
  }
  // A service in these networks.
  void attached(std::string_view name, std::vector<std::string> targets) {
    swarm.service(name).task_spec([&](model::TaskSpec& spec) {
      for (auto& target : targets) spec.networks.push_back({.target = target});
    });
  }
  void set_networks(std::string_view name, std::vector<std::string> targets) {
    swarm.edit_service(name, [&](model::Service& service) {
      auto spec = std::make_shared<model::TaskSpec>(*service.spec.task);
      spec->networks.clear();
      for (auto& target : targets) spec->networks.push_back({.target = target});
      service.spec.task = std::move(spec);
    });
  }

  void settle() {
    for (int round = 0; allocator.next_deadline(); ++round) {
      ASSERT_LT(round, 20) << "the allocator never comes to rest";
      auto plan = allocator.plan(swarm.read(), swarm.now());
      ASSERT_LE(plan.size(), store::kPlanChangesMax);
      swarm.apply(std::move(plan));
    }
  }

  model::Ref<model::Network> network_ref(std::string_view id) {
    return swarm.read().networks().get(model::NetworkId::of(id));
  }
  std::string subnet_of(std::string_view id) {
    const auto one = network_ref(id);
    return one && one->allocation ? one->allocation->ipam.front().subnet : "";
  }
  // "network address" of each.
  std::vector<std::string> vips(std::string_view service) {
    std::vector<std::string> texts;
    const auto endpoint = swarm.service_ref(service)->endpoint;
    if (!endpoint) return texts;
    for (const auto& vip : endpoint->virtual_ips) {
      texts.push_back(vip.network.str() + " " + vip.address);
    }
    return texts;
  }
  static std::vector<std::string> texts_of(
      const std::vector<model::NetworkAttachment>& attachments) {
    std::vector<std::string> texts;
    for (const auto& one : attachments) {
      for (const auto& address : one.addresses) texts.push_back(one.network.str() + " " + address);
    }
    return texts;
  }
  std::vector<std::string> addresses(std::string_view task) {
    return texts_of(swarm.task_ref(task)->networks);
  }
  void set_state(std::string_view task, model::TaskState state) {
    swarm.edit_task(task, [&](model::Task& one) { one.status.state = state; });
  }
  model::TaskState state_of(std::string_view task) { return swarm.task_ref(task)->status.state; }
  std::string error_of(std::string_view task) { return swarm.task_ref(task)->status.error; }

  store::Swarm swarm;
  Allocator allocator;
  std::unique_ptr<store::Store::Watch> watch;
};

}  // namespace shoal::allocator
