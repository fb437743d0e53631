#include <gmock/gmock.h>

#include <functional>
#include <limits>

#include "codec/wire/attachments.h"
#include "codec/wire/ca.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/log_broker.h"
#include "codec/wire/networks.h"
#include "codec/wire/reach.h"
#include "model/testing.h"
#include "model/testing_networks.h"

namespace shoal::wire {
namespace {

using model::AssignmentAction;
using model::AssignmentsMessage;
using model::AssignmentsType;
using model::Ref;
using model::Task;

AssignmentsMessage assignment_of(std::initializer_list<Task> tasks) {
  AssignmentsMessage message{
      .type = AssignmentsType::Incremental, .applies_to = "1", .results_in = "2"};
  for (const Task& task : tasks) {
    message.changes.push_back(
        {AssignmentAction::Update, task.id, std::make_shared<const Task>(task)});
  }
  return message;
}

Task through_the_wire(const Task& task) {
  const auto read = decode_assignments(encode(assignment_of({task})));
  EXPECT_TRUE(read) << read.error().message;
  if (!read || read->changes.size() != 1 || !read->changes[0].task) return {};
  return *read->changes[0].task;
}

// What is never null on the wire: a task of defaults as it arrives.
Task plain_task() {
  Task task;
  task.id = model::TaskId::of("t1");
  task.spec = std::make_shared<const model::TaskSpec>();
  task.service_annotations = std::make_shared<const model::Annotations>();
  return task;
}

Task with_spec(const std::function<void(model::TaskSpec&)>& change) {
  Task task = plain_task();
  model::TaskSpec spec;
  change(spec);
  task.spec = std::make_shared<const model::TaskSpec>(spec);
  return task;
}

TEST(RoundTrip, EveryFieldOfATaskComesBack) {
  Task task = model::full_task();
  EXPECT_NE(through_the_wire(task), task);  // The test has an empty owner, which arrives as "0".
  model::TaskSpec spec = *task.spec;
  spec.container.secrets[0].uid = spec.container.configs[0].uid = "0";
  task.spec = std::make_shared<const model::TaskSpec>(spec);
  EXPECT_EQ(through_the_wire(task), task);
}

TEST(RoundTrip, ATaskOfDefaultsComesBack) {
  EXPECT_EQ(through_the_wire(plain_task()), plain_task());
  Task without_parts;
  without_parts.id = model::TaskId::of("t1");
  // Parts that are absent on the wire are those of a container without any settings.
  EXPECT_EQ(through_the_wire(without_parts), with_spec([](model::TaskSpec& spec) {
              spec.runtime = "container";
              spec.container.isolation = "default";
            }));
}

TEST(RoundTrip, AssignmentsComeBackInTheirOrder) {
  AssignmentsMessage message = assignment_of({model::full_task(), plain_task()});
  message.changes.insert(message.changes.begin() + 1,
                         {AssignmentAction::Remove, model::TaskId::of("gone"), nullptr});
  const auto read = decode_assignments(encode(message));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->type, AssignmentsType::Incremental);
  EXPECT_EQ(read->applies_to, "1");
  EXPECT_EQ(read->results_in, "2");
  ASSERT_EQ(read->changes.size(), 3u);
  EXPECT_EQ(read->changes[1].action, AssignmentAction::Remove);
  EXPECT_EQ(read->changes[1].task_id, model::TaskId::of("gone"));
  EXPECT_EQ(read->changes[1].task, nullptr);
  EXPECT_EQ(read->changes[2].task_id, model::TaskId::of("t1"));

  const auto empty = decode_assignments(encode(AssignmentsMessage{}));
  ASSERT_TRUE(empty);
  EXPECT_EQ(empty->type, AssignmentsType::Complete);
  EXPECT_TRUE(empty->changes.empty());
}

TEST(RoundTrip, TasksThatShareTheirPartsShareThemAgain) {
  Task first = model::full_task();
  Task second = first;
  second.id = model::TaskId::of("task2");
  Task third = second;  // Equal to the others, and another object in memory.
  third.spec = std::make_shared<const model::TaskSpec>(*first.spec);
  Task other = with_spec([](model::TaskSpec& spec) { spec.force_update = 1; });
  const auto read = decode_assignments(encode(assignment_of({first, second, third, other})));
  ASSERT_TRUE(read);
  const auto task = [&](int at) { return read->changes[size_t(at)].task; };
  EXPECT_EQ(task(0)->spec, task(1)->spec);
  EXPECT_EQ(task(0)->spec, task(2)->spec);
  EXPECT_EQ(task(0)->endpoint, task(1)->endpoint);
  EXPECT_EQ(task(0)->service_annotations, task(1)->service_annotations);
  EXPECT_NE(task(0)->spec, task(3)->spec);
  EXPECT_EQ(task(3)->endpoint, nullptr);
}

// What the public protocol has a number for, with words that it does not have.
TEST(RoundTrip, EveryWordComesBack) {
  for (const std::string word :
       {"", "rprivate", "private", "rshared", "shared", "rslave", "slave", "default", "consistent",
        "cached", "delegated", "unconfined", "custom", "disabled", "process", "hyperv", "container",
        "attachment", "some word"}) {
    const Task task = with_spec([&](model::TaskSpec& spec) {
      spec.runtime = word;
      spec.container.isolation = word;
      spec.container.mounts = {{.consistency = word, .propagation = word}};
      spec.container.privileges = {.seccomp_mode = word, .apparmor_mode = word};
    });
    EXPECT_EQ(through_the_wire(task), task) << word;
  }
  const Task task = with_spec(
      [](model::TaskSpec& spec) { spec.container.privileges = {.seccomp_profile = "{}"}; });
  EXPECT_EQ(through_the_wire(task), task);
}

TEST(RoundTrip, JsonComesBackByteForByte) {
  for (const std::string json :
       {"", "{}", "null", R"({"Config":"c"})", R"({"File":"f","Registry":"r"})",
        R"({ "Config": "c" })", R"({"Disable":true})", R"({"Disable":false,"Level":"s0"})",
        R"({"Level":"l","Role":"r","Type":"t","User":"u"})", R"({"Other":[1,2]})"}) {
    const Task task = with_spec([&](model::TaskSpec& spec) {
      spec.container.privileges = {.credential_spec_json = json, .selinux_json = json};
    });
    EXPECT_EQ(through_the_wire(task), task) << json;
  }
}

TEST(RoundTrip, EveryNumberOfEveryEnumComesBack) {
  for (int i = 0; i <= int(model::MountType::Cluster); ++i) {
    const Task task = with_spec(
        [&](model::TaskSpec& spec) { spec.container.mounts = {{.type = model::MountType(i)}}; });
    EXPECT_EQ(through_the_wire(task), task);
  }
  for (const auto state :
       {model::TaskState::New, model::TaskState::Pending, model::TaskState::Assigned,
        model::TaskState::Accepted, model::TaskState::Preparing, model::TaskState::Ready,
        model::TaskState::Starting, model::TaskState::Running, model::TaskState::Complete,
        model::TaskState::Shutdown, model::TaskState::Failed, model::TaskState::Rejected,
        model::TaskState::Remove, model::TaskState::Orphaned}) {
    Task task = plain_task();
    task.status.state = task.desired_state = state;
    EXPECT_EQ(through_the_wire(task), task);
  }
}

TEST(RoundTrip, NumbersAtTheirLimitsComeBack) {
  constexpr int64_t kMax = std::numeric_limits<int64_t>::max();
  for (const int64_t number : {int64_t(0), int64_t(1), int64_t(-1), int64_t(999'999'999),
                               int64_t(-1'000'000'001), kMax, -kMax, -kMax - 1}) {
    Task task = with_spec([&](model::TaskSpec& spec) {
      spec.container.stop_grace_period = Duration{number};
      spec.restart = {.delay = Duration{number}, .window = Duration{number}};
      spec.container.oom_score_adj = number;
      spec.container.ulimits = {{.name = "core", .soft = number, .hard = -1}};
      spec.resources = {.limits = {.pids = number}, .reservations = {.memory_bytes = number}};
    });
    task.status.timestamp = Time{number};
    task.status.container = model::ContainerStatus{.pid = number, .exit_code = number};
    task.meta.updated_at = Time{number};
    task.slot = uint64_t(number);
    task.job_iteration = uint64_t(number);
    EXPECT_EQ(through_the_wire(task), task) << number;
  }
}

TEST(RoundTrip, TextThatIsNotUtf8ComesBack) {
  Task task = with_spec([](model::TaskSpec& spec) {
    spec.container.env = {std::string("A=\xff\xfe\0z", 6)};
    spec.container.labels = {{"\xc3", "\x28"}};
  });
  task.status.error = std::string("exec \xff\xfe\0 failed", 14);
  EXPECT_EQ(through_the_wire(task), task);
}

TEST(RoundTrip, SessionsComeBack) {
  const model::SessionRequest request = model::full_session_request();
  const auto request_read = decode_session_request(encode(request));
  ASSERT_TRUE(request_read) << request_read.error().message;
  EXPECT_EQ(request_read->description, request.description);
  EXPECT_EQ(request_read->previous, request.previous);

  const model::SessionMessage message = model::full_session_message();
  const auto read = decode_session_message(encode(message));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->session, message.session);
  EXPECT_EQ(*read->node, *message.node);
  EXPECT_EQ(read->managers, message.managers);
  EXPECT_EQ(read->network_keys, message.network_keys);
  EXPECT_EQ(read->root_ca, message.root_ca);
  EXPECT_TRUE(read->renew_certificate);

  const auto bare =
      decode_session_message(encode(model::SessionMessage{.session = message.session}));
  ASSERT_TRUE(bare);
  EXPECT_EQ(bare->node, nullptr);
  EXPECT_FALSE(bare->renew_certificate);
}

TEST(RoundTrip, HeartbeatsAndReportsComeBack) {
  const auto session = model::SessionId::of("s1");
  EXPECT_EQ(decode_heartbeat_request(encode_heartbeat_request(session)), session);
  EXPECT_EQ(decode_heartbeat_response(encode_heartbeat_response(5500ms)), 5500ms);
  EXPECT_EQ(decode_assignments_request(encode_assignments_request(session)), session);
  EXPECT_EQ(decode_status_report(encode(model::full_status_report())), model::full_status_report());
}

TEST(RoundTrip, NetworksComeBackWithEveryKindOfChange) {
  const model::NetworksMessage message = model::full_networks_message();
  ASSERT_EQ(message.changes.size(), std::variant_size_v<model::NetworkChange>);
  EXPECT_EQ(decode_networks(encode(message)), message);
  EXPECT_EQ(decode_networks(encode(model::NetworksMessage{})), model::NetworksMessage{});
  // A container that nobody's service owns, before its node is known.
  model::NetworksMessage bare{.version = 7, .complete = false, .changes = {}};
  bare.changes = {share(model::EndpointView{.network = model::NetworkId::of("n"),
                                            .task = model::TaskId::of("t"),
                                            .node = model::NodeId::of("n1")})};
  EXPECT_EQ(decode_networks(encode(bare)), bare);
  EXPECT_NE(bare, message);

  EXPECT_EQ(decode_networks_ack(encode(model::full_networks_ack())), model::full_networks_ack());
  const auto session = model::SessionId::of("s1");
  EXPECT_EQ(decode_watch_request(encode_watch_request(session)), session);
}

TEST(RoundTrip, CertificateMessagesComeBack) {
  const std::string pem = "-----BEGIN CERTIFICATE-----";
  EXPECT_EQ(decode_root_response(encode_root_response(pem)), pem);
  EXPECT_EQ(decode_issue_request(encode(model::full_issue_request())), model::full_issue_request());
  const auto node = model::NodeId::of("n1");
  EXPECT_EQ(decode_issue_response(encode_issue_response(node)), node);
  EXPECT_EQ(decode_status_request(encode_status_request(node)), node);
  EXPECT_EQ(decode_issued_certificate(encode(model::full_issued_certificate())),
            model::full_issued_certificate());
}

TEST(RoundTrip, AnAttachmentIsNoContainer) {
  const Task task = with_spec([](model::TaskSpec& spec) {
    spec.runtime = model::kAttachmentRuntime;
    spec.attachment = model::NetworkAttachmentSpec{.container_id = "c0ffee"};
  });
  EXPECT_EQ(through_the_wire(task), task);
}

TEST(RoundTrip, WhatIsAskedForAContainerComesBack) {
  const model::AttachRequest request = model::full_attach_request();
  EXPECT_EQ(decode_attach_request(encode(request)), request);
  EXPECT_EQ(decode_attach_request(""), model::AttachRequest{});
  EXPECT_EQ(decode_attachment(encode_attachment(model::TaskId::of("t1"))), model::TaskId::of("t1"));
  EXPECT_EQ(decode_attachment("").error().message, "attachment: attachment_id: invalid id \"\"");
  EXPECT_FALSE(decode_attachment(std::string(5000, 'x')));
}

TEST(RoundTrip, ReachMessagesComeBack) {
  const auto id = model::ReachId::of("reach1");
  EXPECT_EQ(decode_reach_call(encode_reach_call(id)), id);
  EXPECT_EQ(decode_reach_input(encode(model::full_reach_input())), model::full_reach_input());
  EXPECT_EQ(decode_reach_input(encode(model::ReachInput{})), model::ReachInput{});
  EXPECT_EQ(decode_reach_output(encode(model::full_reach_output())), model::full_reach_output());
  EXPECT_EQ(decode_reach_output(encode(model::ReachOutput{})), model::ReachOutput{});
  const model::ReachOutput longest{.bytes = std::string(model::kReachPieceMax, 'x')};
  EXPECT_EQ(decode_reach_output(encode(longest)), longest);
}

TEST(RoundTrip, LogMessagesComeBack) {
  EXPECT_EQ(decode_log_publication(encode(model::full_log_publication())),
            model::full_log_publication());
  model::LogSubscription subscription = model::full_log_subscription();
  EXPECT_EQ(decode_log_subscription(encode(subscription)), subscription);
  for (const bool out : {true, false}) {
    for (const bool err : {true, false}) {
      subscription.options.stdout_wanted = out;
      subscription.options.stderr_wanted = err;
      EXPECT_EQ(decode_log_subscription(encode(subscription)), subscription);
    }
  }
  for (const std::optional<uint64_t> tail :
       {std::optional<uint64_t>(), std::optional<uint64_t>(0), std::optional<uint64_t>(1),
        std::optional<uint64_t>(std::numeric_limits<int64_t>::max())}) {
    subscription.options.tail = tail;
    EXPECT_EQ(decode_log_subscription(encode(subscription)), subscription);
  }
}

}  // namespace
}  // namespace shoal::wire
