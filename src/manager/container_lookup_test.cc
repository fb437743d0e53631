#include "manager/container_lookup.h"

#include <gtest/gtest.h>

#include "store/testing.h"
#include "store/testing_attachments.h"

namespace shoal::manager {
namespace {

const std::string kOne(64, 'a');
const std::string kOther = "aaaab" + std::string(59, '0');

struct ContainerLookupTest : testing::Test {
  ContainerLookupTest() {
    swarm.node("n1");
    swarm.node("n2");
    swarm.service("web");
    swarm.service("beef");
    one = running(1, "n1", "web1aaaaaaaaaaaaaaaaaaaaa", kOne);
    other = running(2, "n2", "web2aaaaaaaaaaaaaaaaaaaaa", kOther);
    index.load(swarm.read());
  }
  // A task with an id as long as real ones.
  model::TaskId running(uint64_t slot, const char* node, const char* id,
                        const std::string& container) {
    model::Task task = *swarm.task("web", slot, model::TaskState::Running, node);
    swarm.remove(task.id);
    task.id = model::TaskId::of(id);
    task.status.container = model::ContainerStatus{.container_id = container};
    swarm.create(task);
    return task.id;
  }
  Result<ContainerPlace> locate(std::string_view ref, NamedBy by = NamedBy::AlsoTask) {
    return locate_container(swarm.read(), index, ref, by);
  }
  std::string found(std::string_view ref, NamedBy by = NamedBy::AlsoTask) {
    const auto place = locate(ref, by);
    if (!place) return place.error().message;
    return place->node.str() + " " + place->container_id;
  }
  static Error missing(std::string text) { return {ErrorCode::NotFound, std::move(text)}; }

  store::Swarm swarm;
  ContainerIndex index;
  model::TaskId one, other;
};

TEST_F(ContainerLookupTest, ByIdByItsStartAndByName) {
  EXPECT_EQ(found(kOne), "n1 " + kOne);
  EXPECT_EQ(found("aaaaa"), "n1 " + kOne);
  EXPECT_EQ(found("aaaab"), "n2 " + kOther);
  EXPECT_EQ(found("web.1." + one.str()), "n1 " + kOne);
  EXPECT_EQ(found("/web.2." + other.str()), "n2 " + kOther);
  EXPECT_EQ(found("web.2." + one.str()), "No such container: web.2." + one.str());
}

TEST_F(ContainerLookupTest, ByTheIdOfItsTaskUnlessAContainerMustBeNamed) {
  EXPECT_EQ(found(one.str()), "n1 " + kOne);
  EXPECT_EQ(found(other.str().substr(0, 12)), "n2 " + kOther);
  EXPECT_EQ(found(other.str().substr(0, 11)), "No such container: web2aaaaaaa");
  EXPECT_EQ(locate(one.str(), NamedBy::Container).error(),
            missing("No such container: " + one.str() +
                    ": it is a task, whose container is web.1." + one.str()));
}

TEST_F(ContainerLookupTest, AmbiguousOnesAreRefusedInDockersWords) {
  EXPECT_EQ(locate("aaaa").error(),
            (Error{ErrorCode::InvalidArgument, "Multiple IDs found with provided prefix: aaaa"}));
  running(3, "n1", "web1aaaaaaaaaaaabbbbbbbbb", std::string(64, 'c'));
  EXPECT_EQ(locate("web1aaaaaaaaaaaa").error().code, ErrorCode::InvalidArgument);
}

TEST_F(ContainerLookupTest, ShortWordsAndNamesOfOtherThingsFindNothingByChance) {
  running(3, "n1", "web3", "beef" + std::string(60, '1'));
  running(4, "n1", "web4", "db" + std::string(62, '1'));
  index.load(swarm.read());
  EXPECT_EQ(found("beef"), "No such container: beef");
  EXPECT_EQ(found("beef1"), "n1 beef" + std::string(60, '1'));
  EXPECT_EQ(found("db1"), "No such container: db1");
  EXPECT_EQ(found("db11"), "n1 db" + std::string(62, '1'));
  EXPECT_EQ(found(""), "No such container: ");
  EXPECT_EQ(found("."), "No such container: .");
  EXPECT_EQ(found(std::string(500, 'a')), "No such container: " + std::string(500, 'a'));
}

TEST_F(ContainerLookupTest, ATaskWithoutAContainerSaysWhy) {
  swarm.edit_task(one.view(), [](model::Task& task) {
    task.status.container.reset();
    task.status.state = model::TaskState::Preparing;
  });
  EXPECT_EQ(found("web.1." + one.str()), "No such container: web.1." + one.str() + ": task " +
                                             one.str() + " has none (it is preparing)");
}

TEST_F(ContainerLookupTest, SaysWhetherTheContainerHasATerminal) {
  EXPECT_FALSE(locate(kOne)->tty);
  model::TaskSpec spec = *swarm.task_ref(one.view())->spec;
  spec.container.tty = true;
  swarm.edit_task(one.view(), [&](model::Task& task) {
    task.spec = std::make_shared<const model::TaskSpec>(spec);
  });
  EXPECT_TRUE(locate(kOne)->tty);
}

TEST_F(ContainerLookupTest, TheContainerOfAUserIsHisNodesOwn) {
  model::Task task =
      store::attachment("attached1aaaaaaaaaaaaaaa", "n2", "net1", model::TaskState::Running);
  task.status.container = model::ContainerStatus{.container_id = std::string(64, 'c')};
  swarm.create(task);
  index.load(swarm.read());
  EXPECT_EQ(found("cccccc"), "No such container: cccccc");
  EXPECT_EQ(found("attached1aaaaaaaaaaaaaaa"),
            "No such container: attached1aaaaaaaaaaaaaaa: task attached1aaaaaaaaaaaaaaa stands for "
            "one that a user runs on node n2");
}

}  // namespace
}  // namespace shoal::manager
