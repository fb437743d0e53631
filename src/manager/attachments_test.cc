#include "manager/attachments.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "store/testing.h"

namespace shoal::manager {
namespace {

using model::NodeId;
using model::TaskId;
using model::TaskState;
using testing::ElementsAre;

struct AttachmentsTest : testing::Test {
  AttachmentsTest() {
    for (const char* id : {"n1", "n2"}) {
      swarm.node(id, [](model::Node& n) { n.description.shoal_version = model::kShoalVersion; });
    }
    swarm.node("docker");
    network("front", [](model::Network& n) { n.spec.attachable = true; });
    request.network.target = "front";
    request.container_id = std::string(64, 'a');
  }
  // Its id is its name with "-id" behind it.
  template <class Edit>
  void network(std::string name, Edit edit) {
    model::Network one;
    one.id = model::NetworkId::of(name + "-id");
    one.spec.annotations.name = name;
    one.allocation.emplace().vni = 4097;
    edit(one);
    swarm.create(std::move(one));
  }
  Result<TaskId> attach(const char* node = "n1") {
    Result<TaskId> id = internal_error("not asked");
    (void)swarm.store().update(swarm.now(), [&](store::WriteTx& tx) -> Result<void> {
      id = attach_container(tx, NodeId::of(node), request, rng);
      return id ? Result<void>{} : std::unexpected(id.error());
    });
    return id;
  }
  Error refusal(const char* node = "n1") {
    const auto id = attach(node);
    return id ? Error{ErrorCode::Internal, "it was attached"} : id.error();
  }
  Result<void> detach(const char* node, const TaskId& id) {
    Result<void> done;
    (void)swarm.store().update(swarm.now(), [&](store::WriteTx& tx) {
      done = detach_container(tx, NodeId::of(node), id);
      return done;
    });
    return done;
  }
  static Error invalid(std::string text) { return {ErrorCode::InvalidArgument, std::move(text)}; }

  store::Swarm swarm;
  Rng rng{1};
  model::AttachRequest request;
};

TEST_F(AttachmentsTest, AContainerGetsATaskOfItsNodeWithoutAService) {
  request.network.aliases = {"db"};
  request.network.addresses = {"10.0.1.9", "fd00::9"};
  const auto id = attach();
  ASSERT_TRUE(id) << id.error().message;
  const auto task = swarm.read().tasks().get(*id);
  EXPECT_TRUE(model::is_attachment(*task));
  EXPECT_EQ(task->node_id, NodeId::of("n1"));
  EXPECT_TRUE(task->service_id.empty());
  EXPECT_EQ(task->status.state, TaskState::New);
  EXPECT_EQ(task->desired_state, TaskState::Running);
  EXPECT_EQ(task->spec->attachment->container_id, request.container_id);
  EXPECT_EQ(task->spec->runtime, "attachment");
  EXPECT_EQ(task->spec->networks.at(0).target, "front-id");
  EXPECT_THAT(task->spec->networks[0].aliases, ElementsAre("db"));
  EXPECT_THAT(task->spec->networks[0].addresses, ElementsAre("10.0.1.9", "fd00::9"));
}

TEST_F(AttachmentsTest, WhoAsksAgainHasTheSameOneWhileItLives) {
  network("back", [](model::Network& n) { n.spec.attachable = true; });
  const auto id = attach();
  request.network.target = "front-id";
  EXPECT_EQ(attach(), id);
  EXPECT_NE(attach("n2"), id) << "another node";
  request.network.target = "back";
  EXPECT_NE(attach(), id) << "another network";
  request.network.target = "front";
  request.container_id = std::string(64, 'b');
  EXPECT_NE(attach(), id) << "another container";
  request.container_id = std::string(64, 'a');
  swarm.edit_task(id->view(), [](model::Task& t) { t.status.state = TaskState::Failed; });
  EXPECT_NE(attach(), id) << "it has ended";
}

TEST_F(AttachmentsTest, OnlyAttachableNetworksOfTheSwarmAreTaken) {
  network("closed", [](model::Network&) {});
  network("new", [](model::Network& n) {
    n.spec.attachable = true;
    n.allocation.reset();
  });
  network("broken", [](model::Network& n) {
    n.spec.attachable = true;
    n.allocation.reset();
    n.error = "pools are used up";
  });
  const std::pair<const char*, Error> cases[] = {
      {"nope", {ErrorCode::NotFound, "network nope not found"}},
      {"closed", {ErrorCode::PermissionDenied, "network closed not manually attachable"}},
      {"new", {ErrorCode::Unavailable, "network new has no addresses yet"}},
      {"broken", {ErrorCode::FailedPrecondition, "network broken: pools are used up"}},
      {"", invalid("a network is attached without its name")},
  };
  for (const auto& [target, expected] : cases) {
    request.network.target = target;
    EXPECT_EQ(refusal(), expected);
  }
  EXPECT_EQ(swarm.read().tasks().size(), 0u);
}

TEST_F(AttachmentsTest, OnlyShoalNodesCarryTheSwarmsNetworks) {
  EXPECT_EQ(refusal("docker"),
            (Error{ErrorCode::FailedPrecondition,
                   "network front is on Shoal nodes only, and node docker is none"}));
  EXPECT_EQ(refusal("gone"), (Error{ErrorCode::NotFound, "node gone not found"}));
}

TEST_F(AttachmentsTest, WhatMeansNothingIsRefused) {
  const std::pair<std::vector<std::string>, const char*> addresses[] = {
      {{"10.0.1"}, "invalid address \"10.0.1\""},
      {{"10.0.1.9/24"}, "invalid address \"10.0.1.9/24\""},
      {{"10.0.1.9", "10.0.1.8"}, "more than one address of a family"},
      {{"fd00::1", "fd00::2"}, "more than one address of a family"},
      {{"10.0.1.9", "fd00::1", "fd00::2"}, "more than one address of a family"},
  };
  for (const auto& [wanted, expected] : addresses) {
    request.network.addresses = wanted;
    EXPECT_EQ(refusal(), invalid(expected));
  }
  request.network.addresses.clear();
  request.network.aliases = {"no name"};
  EXPECT_EQ(refusal(), invalid("network front: alias \"no name\" is no valid host name"));
  request.network.aliases.clear();
  for (const std::string& id : {std::string(), std::string(63, 'a'), std::string(64, 'A')}) {
    request.container_id = id;
    EXPECT_EQ(refusal(), invalid("invalid container id \"" + id + "\""));
  }
}

TEST_F(AttachmentsTest, ANodeHasABoundedNumber) {
  for (size_t i = 0; i < kAttachmentsMax; ++i) {
    request.container_id = fmt::format("{:064x}", i);
    ASSERT_TRUE(attach());
  }
  EXPECT_TRUE(attach()) << "the last one is there";
  request.container_id = std::string(64, 'f');
  EXPECT_EQ(refusal().code, ErrorCode::FailedPrecondition);
  EXPECT_TRUE(attach("n2"));
}

TEST_F(AttachmentsTest, ItsNodeAloneDetachesIt) {
  const TaskId id = *attach();
  EXPECT_EQ(detach("n2", id).error(),
            (Error{ErrorCode::PermissionDenied,
                   "attachment " + id.str() + " doesn't belong to this node"}));
  EXPECT_TRUE(detach("n1", id));
  EXPECT_EQ(swarm.read().tasks().get(id), nullptr);
  EXPECT_EQ(detach("n1", id).error(),
            (Error{ErrorCode::NotFound, "attachment " + id.str() + " not found"}));
}

TEST_F(AttachmentsTest, ATaskOfAServiceIsNoAttachment) {
  swarm.service("web").running_on({"n1"});
  const TaskId id = swarm.read().tasks().all().begin()->first;
  EXPECT_EQ(detach("n1", id).error().code, ErrorCode::NotFound);
  EXPECT_NE(swarm.read().tasks().get(id), nullptr);
}

}  // namespace
}  // namespace shoal::manager
