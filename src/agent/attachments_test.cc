// A user's container and the network of the swarm that it is attached to, beside a manager that is
// this test.
#include "agent/attachments.h"

#include "agent/node_networks_fixture.h"

namespace shoal::agent {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

const model::TaskId kTask = model::TaskId::of("attachment1");
const std::string kContainer(64, 'a');

class AttachmentsTest : public NodeNetworksTest {
 protected:
  AttachmentsTest() {
    EXPECT_TRUE(tell({net()}, true));
    fabric_.control.call([this] {
      attachments_.emplace(fabric_.control.loop, fabric_.control.log, *networks_);
      attachments_->on_outcome([this](const Outcome& outcome) { outcomes_.push_back(outcome); });
      meet_manager();
    });
  }
  ~AttachmentsTest() override {
    fabric_.control.call([this] { attachments_.reset(); });
  }

  void meet_manager() {
    attachments_->ask({.attach = [this](model::AttachRequest r) { return answer(std::move(r)); },
                       .detach = [this](model::TaskId id) { return release(std::move(id)); }});
  }
  // The manager: refuses as often as it is told to, then assigns the task.
  os::Co<Result<model::TaskId>> answer(model::AttachRequest request) {
    requests_.push_back(std::move(request));
    if (refusals_ > 0) {
      --refusals_;
      co_return std::unexpected(refusal_);
    }
    fabric_.control.loop.post([this] { prepared_ = perform(OperationKind::Prepare); });
    co_return kTask;
  }
  os::Co<Result<void>> release(model::TaskId id) {
    released_.push_back(id.str());
    co_return Result<void>{};
  }
  static model::Ref<model::Task> task() {
    model::Task task{.id = kTask};
    model::TaskSpec spec;
    spec.attachment = model::NetworkAttachmentSpec{.container_id = kContainer};
    task.spec = std::make_shared<const model::TaskSpec>(std::move(spec));
    task.networks.push_back({.network = kNet, .addresses = {"10.0.1.7/24"}, .aliases = {}});
    return std::make_shared<const model::Task>(std::move(task));
  }
  Result<Outcome> perform(OperationKind kind) {
    return attachments_->perform({.kind = kind, .task_id = kTask, .task = task()});
  }

  Result<model::NetworkConnection> attach(os::StopToken stop = {}) {
    model::NetworkConnection asked{.driver = model::NetworkDriver::Overlay, .name = "blue"};
    asked.address = "10.0.1.7";
    return fabric_.control.run(
        attachments_->attach(kContainer, {"db", "database"}, std::move(asked), stop));
  }

  std::optional<Attachments> attachments_;
  std::vector<model::AttachRequest> requests_;
  int refusals_ = 0;
  Error refusal_;
  std::optional<Result<Outcome>> prepared_;
  std::vector<Outcome> outcomes_;
  std::vector<std::string> released_;
};

TEST_F(AttachmentsTest, AContainerIsGivenWhatTheManagerSays) {
  const auto attached = attach();
  ASSERT_TRUE(attached) << attached.error().message;
  EXPECT_EQ(attached->network, kNet.str());
  EXPECT_EQ(attached->name, "blue");
  EXPECT_THAT(attached->addresses, ElementsAre("10.0.1.7/24"));
  EXPECT_EQ(attached->attachment, kTask.str());
  EXPECT_TRUE(attached->attachable);
  ASSERT_EQ(requests_.size(), 1u);
  EXPECT_EQ(requests_[0].container_id, kContainer);
  EXPECT_EQ(requests_[0].network.target, "blue");
  EXPECT_THAT(requests_[0].network.aliases, ElementsAre("db", "database"));
  EXPECT_THAT(requests_[0].network.addresses, ElementsAre("10.0.1.7"));
  fabric_.control.call([this] {
    EXPECT_TRUE(*prepared_);
    EXPECT_TRUE(perform(OperationKind::Start));
  });
}

TEST_F(AttachmentsTest, ItsTaskEndsWithIt) {
  ASSERT_TRUE(attach());
  fabric_.control.call([this] { attachments_->detach(kTask.str()); });
  fabric_.control.call([] {});  // The outcome is told in a later turn than that of the call.
  fabric_.control.call([this] {
    ASSERT_EQ(outcomes_.size(), 1u);
    EXPECT_TRUE(std::holds_alternative<Exited>(outcomes_[0].result));
    EXPECT_THAT(released_, ElementsAre(kTask.str()));
    attachments_->detach(kTask.str());  // Nothing more comes of it.
    EXPECT_EQ(released_.size(), 1u);
  });
}

TEST_F(AttachmentsTest, AManagerThatDoesNotAnswerIsAskedAgain) {
  refusals_ = 2;
  refusal_ = Error{ErrorCode::Unavailable, "no manager"};
  ASSERT_TRUE(attach());
  EXPECT_EQ(requests_.size(), 3u);
}

TEST_F(AttachmentsTest, ADaemonThatStartsWaitsUntilItKnowsItsSwarm) {
  fabric_.control.call([this] {
    attachments_.emplace(fabric_.control.loop, fabric_.control.log, *networks_);
    fabric_.control.loop.post([this] { meet_manager(); });
  });
  EXPECT_TRUE(attach());
}

TEST_F(AttachmentsTest, ARefusalIsTheContainersError) {
  refusals_ = 1;
  refusal_ = Error{ErrorCode::PermissionDenied, "network blue not manually attachable"};
  const auto attached = attach();
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().message, "network blue not manually attachable");
  EXPECT_EQ(requests_.size(), 1u);
}

TEST_F(AttachmentsTest, AContainerThatIsGivenUpGivesBackWhatItGot) {
  os::StopSource over;
  over.stop();
  const auto attached = attach(over.token());
  ASSERT_FALSE(attached);
  EXPECT_THAT(released_, ElementsAre(kTask.str()));
}

TEST_F(AttachmentsTest, OutsideASwarmThereIsNoSuchNetwork) {
  fabric_.control.call([this] { attachments_->ask({}); });
  const auto attached = attach();
  ASSERT_FALSE(attached);
  EXPECT_EQ(attached.error().code, ErrorCode::NotFound);
  EXPECT_EQ(attached.error().message, "network blue not found");
}

TEST_F(AttachmentsTest, ATaskWhoseContainerIsGoneDoesNotStart) {
  fabric_.control.call([this] {
    const auto refused = perform(OperationKind::Prepare);
    ASSERT_FALSE(refused);
    EXPECT_THAT(refused.error().message, HasSubstr("not attached to the network any more"));
    EXPECT_TRUE(perform(OperationKind::Stop));
    EXPECT_TRUE(perform(OperationKind::Remove));
  });
}

}  // namespace
}  // namespace shoal::agent
