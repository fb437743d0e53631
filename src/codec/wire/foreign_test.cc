// What other programs send, and what no program should.
#include <gmock/gmock.h>

#include "base/rng.h"
#include "codec/wire/ca.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/log_broker.h"
#include "codec/wire/networks.h"
#include "codec/wire/reach.h"
#include "codec/wire/support_test.h"
#include "model/testing.h"
#include "model/testing_networks.h"

namespace shoal::wire {
namespace {

using testing::HasSubstr;

// An assignment of one task with id "t1" and these fields.
template <class... Fields>
std::string task_message(const Fields&... fields) {
  return part(4, part(1, part(1, text(1, "t1"), fields...)));
}
template <class... Fields>
model::Task task_of(const Fields&... fields) {
  const auto read = decode_assignments(task_message(fields...));
  EXPECT_TRUE(read) << read.error().message;
  return read ? *read->changes.at(0).task : model::Task();
}
template <class... Fields>
model::ContainerSpec container_of(const Fields&... fields) {
  return task_of(part(3, part(1, fields...))).spec->container;
}

TEST(Foreign, FieldsThatNobodyKnowsArePassedOver) {
  const std::string unknown = number(500, 7) + text(501, "x") + part(900, number(1, 1)) +
                              raw_varint(502 * 8 + 1) + "12345678" + raw_varint(503 * 8 + 5) +
                              "1234";
  const auto read = decode_assignments(
      unknown + part(4, unknown, part(1, unknown, part(1, text(1, "t1"), unknown))));
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->changes.at(0).task_id, model::TaskId::of("t1"));
  EXPECT_TRUE(decode_heartbeat_request(text(1, "s1") + unknown));
}

TEST(Foreign, KindsOfChangesThatWeCannotUseArePassedOver) {
  const std::string secret = part(4, part(1, part(2, text(1, "s1"))));
  const std::string config = part(4, part(1, part(3, text(1, "c1"))), number(2, 1));
  const auto read = decode_assignments(secret + task_message() + config);
  ASSERT_TRUE(read);
  EXPECT_EQ(read->changes.size(), 1u);
}

// Docker's managers say it beside the spec, after they looked up the swarm's default.
TEST(Foreign, TheLogDriverBesideTheSpecAppliesWhenTheSpecHasNone) {
  const std::string outer = part(13, text(1, "journald"));
  EXPECT_EQ(task_of(outer).spec->log_driver->name, "journald");
  EXPECT_EQ(task_of(part(3, part(6, text(1, "none"))), outer).spec->log_driver->name, "none");
  // Two tasks of one spec with different drivers do not share it.
  const auto read = decode_assignments(task_message() + task_message(outer));
  EXPECT_FALSE(read->changes[0].task->spec->log_driver);
  EXPECT_TRUE(read->changes[1].task->spec->log_driver);
}

TEST(Foreign, ALimitOfProcessesAloneMakesRequirements) {
  const model::Task task = task_of(part(3, part(1, number(25, 100))));
  ASSERT_TRUE(task.spec->resources);
  EXPECT_EQ(task.spec->resources->limits.pids, 100);
  EXPECT_FALSE(task_of(part(3)).spec->resources);
}

TEST(Foreign, OtherRuntimesAreNamed) {
  const auto attachment = task_of(part(3, part(8, text(1, "id")))).spec;
  EXPECT_EQ(attachment->runtime, "attachment");
  EXPECT_EQ(attachment->attachment.value().container_id, "id");
  EXPECT_EQ(attachment->container, model::ContainerSpec());
  EXPECT_EQ(task_of(part(3, part(10, text(1, "plugin")))).spec->runtime, "plugin");
  EXPECT_EQ(task_of(part(3, part(10))).spec->runtime, "generic");
  EXPECT_EQ(task_of(part(3, part(1))).spec->runtime, "container");
}

TEST(Foreign, PrivilegesBecomeDockersJson) {
  const auto privileges =
      container_of(part(22, part(1, text(1, "a\"b")), part(2, number(1, 1), text(5, "s0"))))
          .privileges;
  EXPECT_EQ(privileges->credential_spec_json, R"({"File":"a\"b"})");
  EXPECT_EQ(privileges->selinux_json, R"({"Disable":true,"Level":"s0"})");
}

TEST(Foreign, EmptyTmpfsOptionsMayBeWrittenAsNull) {
  EXPECT_TRUE(container_of(part(8, part(7, text(3, "null")))).mounts[0].tmpfs_options.empty());
}

TEST(Foreign, ARuntimeConfigHasNoFile) {
  const auto configs = container_of(part(21, text(1, "c1"), part(4))).configs;
  ASSERT_EQ(configs.size(), 1u);
  EXPECT_EQ(configs[0].object_id, "c1");
  EXPECT_TRUE(configs[0].runtime);
}

TEST(Foreign, GosZeroTimeIsNoTime) {
  const int64_t year_one = -62'135'596'800;
  EXPECT_EQ(task_of(part(9, part(1, number(1, year_one)))).status.timestamp, Time());
}

TEST(Foreign, LogStreamsMayBePackedAndNoneMeansBoth) {
  const auto packed = decode_log_subscription(text(1, "s") + part(3, text(1, "\x02")));
  ASSERT_TRUE(packed);
  EXPECT_FALSE(packed->options.stdout_wanted);
  EXPECT_TRUE(packed->options.stderr_wanted);
  const auto none = decode_log_subscription(text(1, "s"));
  ASSERT_TRUE(none);
  EXPECT_TRUE(none->options.stdout_wanted && none->options.stderr_wanted);
}

TEST(Foreign, ALongErrorIsCut) {
  EXPECT_EQ(task_of(part(9, text(4, std::string(1 << 20, 'x')))).status.error.size(), 65536u);
}

// --- bad input: bytes, and what the error says ---

struct Bad {
  std::string bytes;
  std::string error;
};

const std::string kTooLong(26, 'a');

std::string many(std::string_view item, size_t count) {
  std::string bytes;
  for (size_t i = 0; i < count; ++i) bytes += item;
  return bytes;
}

TEST(BadInput, OfAssignments) {
  const std::string task_prefix = "assignments: ";
  const Bad table[] = {
      {"\x0a", "not such a message"},
      {std::string(1, '\0'), "not such a message"},
      {number(1, 2), "unknown type 2"},
      {part(4, number(2, 9)), "unknown action 9"},
      {part(4, "\x0a"), "changes: not such a message"},
      {part(4, part(1, "\x0b")), "changes: not such a message"},
      {part(4, part(1, part(1, "\x0a"))), "task: not such a message"},
      {part(4, part(1, part(1))), "task.id: invalid id \"\""},
      {part(4, part(1, part(1)), number(2, 1)), "task.id: invalid id \"\""},
      {part(4, part(1, part(1, text(1, "../x")))), "task.id: invalid id \"../x\""},
      {part(4, part(1, part(1, text(1, kTooLong)))), "task.id: invalid id"},
      {task_message(text(4, "A")), "task.service_id: invalid id \"A\""},
      {task_message(text(6, "A")), "task.node_id: invalid id \"A\""},
      {task_message(part(11, part(1, text(1, "A")))), "networks.network.id: invalid id"},
      {task_message(number(10, 65)), "task.desired_state: unknown task state 65"},
      {task_message(number(10, -1)), "task.desired_state: unknown task state"},
      {task_message(part(9, number(2, 513))), "status.state: unknown task state 513"},
      {task_message(part(9, part(1, number(1, INT64_MAX)))), "status.timestamp: out of range"},
      {task_message(part(9, part(1, number(2, -1)))), "status.timestamp: out of range"},
      {task_message(part(9, part(1, number(2, 1'000'000'000)))), "status.timestamp: out of range"},
      {task_message(part(9, part(6, part(1, number(3, 65536))))), "port 65536: not a port"},
      {task_message(part(12, part(1, number(1, 2)))), "task.endpoint: unknown resolution mode 2"},
      {task_message(part(12, part(3, text(1, "A")))),
       "task.endpoint: virtual_ips.network_id: invalid id"},
      {task_message(part(15)), "a generic resource that is neither counted nor named"},
      {task_message(text(3, "\x0a")), "task.spec: not such a message"},
      {task_message(text(8, "\x0a")), "task.service_annotations: not such a message"},
      {task_message(part(3, part(4, number(1, 3)))), "task.spec: unknown restart condition 3"},
      {task_message(part(3, part(4, part(2, number(1, 1), number(2, -1))))),
       "task.spec: restart delay: out of range"},
      {task_message(part(3, part(1, number(24, 3)))), "task.spec: unknown isolation 3"},
      {task_message(part(3, part(1, part(8, number(1, 5))))), "task.spec: unknown mount type 5"},
      {task_message(part(3, part(1, part(8, part(5, number(1, 6)))))),
       "task.spec: unknown mount propagation 6"},
      {task_message(part(3, part(1, part(8, part(7, text(3, "[1]")))))),
       "task.spec: tmpfs options: not a list of lists of strings"},
      {task_message(part(3, part(1, part(8, part(7, text(3, "[[\"a\"")))))),
       "task.spec: tmpfs options: not a list of lists of strings"},
      {task_message(part(3, part(1, part(22, part(2, text(1000, "{")))))),
       "task.spec: selinux context: not JSON"},
      {task_message(part(3, part(1, many(text(5, ""), 10'001)))),
       "task.spec: env: more than 10000"},
      {task_message(part(3, part(1, many(part(8), 10'001)))), "task.spec: mounts: more than 10000"},
      {many(task_message(), kAssignmentChangesMax + 1), "changes: more than 1000000"},
  };
  for (const Bad& bad : table) {
    const auto read = decode_assignments(bad.bytes);
    ASSERT_FALSE(read) << bad.error;
    EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(task_prefix + bad.error));
  }
}

// Each decoder with the bytes it is to refuse.
template <class Decode>
void refuses(Decode decode, std::initializer_list<Bad> table) {
  for (const Bad& bad : table) {
    const auto read = decode(bad.bytes);
    ASSERT_FALSE(read) << bad.error;
    EXPECT_EQ(read.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(read.error().message, HasSubstr(bad.error));
  }
}

TEST(BadInput, OfAgents) {
  const std::string plugins = part(1, part(4, many(part(3), 10'001)));
  const std::string updates = text(1, "s1") + many(part(3, text(1, "t1")), 10'001);
  refuses(decode_session_request,
          {{"\x0a", "session request: not such a message"},
           {text(2, "A"), "session request: session_id: invalid id \"A\""},
           {plugins, "session request: plugins: more than 10000"},
           {std::string(kSessionRequestBytesMax + 1, 'x'), "at most 1048576 are taken"}});
  refuses(decode_heartbeat_request, {{"", "heartbeat: session_id: invalid id \"\""},
                                     {text(1, std::string(5000, 'a')), "at most 4096 are taken"}});
  refuses(decode_assignments_request, {{"", "assignments request: session_id: invalid id"}});
  refuses(decode_status_report,
          {{"", "status report: session_id: invalid id"},
           {text(1, "s1") + part(3), "updates.task_id: invalid id \"\""},
           {text(1, "s1") + part(3, text(1, "t1"), part(2, number(2, 1))), "unknown task state 1"},
           {updates, "updates: more than 10000"},
           {std::string(kStatusReportBytesMax + 1, 'x'), "at most 4194304 are taken"}});
  refuses(decode_issue_request, {{number(4, 3), "unknown availability 3"},
                                 {std::string(70'000, 'x'), "at most 65536 are taken"}});
  refuses(decode_status_request, {{text(1, "?"), "node_id: invalid id \"?\""}});
  refuses(decode_log_publication,
          {{"", "subscription_id: invalid id"},
           {text(1, "s") + part(2, number(3, 3)), "unknown log stream 3"},
           {text(1, "s") + part(2, part(1, text(3, "A"))), "messages.context.task_id: invalid id"},
           {text(1, "s") + many(part(2), 10'001), "messages: more than 10000"},
           {std::string(kLogPublicationBytesMax + 1, 'x'), "at most 4194304 are taken"}});
  refuses(decode_reach_output,
          {{text(1, "A"), "reach output: id: invalid id \"A\""},
           {part(2, number(1, 3), number(2, 200)), "unknown head.form 3"},
           {part(2, number(2, 99)), "head.status: 99 is no status"},
           {part(2, number(2, 600)), "head.status: 600 is no status"},
           {text(3, std::string(model::kReachPieceMax + 1, 'x')), "data: 65537 bytes"},
           {std::string(kReachOutputBytesMax + 1, 'x'), "at most 66560 are taken"}});
}

TEST(BadInput, OfManagers) {
  refuses(decode_session_message,
          {{"", "session_id: invalid id"},
           {text(1, "s") + part(2), "node.id: invalid id \"\""},
           {text(1, "s") + part(2, text(1, "n"), part(3, number(4, 3))), "unknown availability 3"},
           {text(1, "s") + part(2, text(1, "n"), part(5, number(1, 4))), "unknown node state 4"},
           {text(1, "s") + part(3, part(1, text(1, "A"))), "managers.peer.node_id: invalid id"},
           {text(1, "s") + part(4, number(2, 1)), "unknown algorithm 1 of a network key"}});
  refuses(decode_heartbeat_response,
          {{part(1, number(1, int64_t(1) << 60)), "period: out of range"}});
  refuses(decode_issue_response, {{"", "node_id: invalid id"}});
  refuses(decode_issued_certificate, {{part(1, number(1, 6)), "unknown issuance state 6"},
                                      {part(2, number(1, 2)), "unknown role 2"}});
  refuses(decode_root_response, {{"\x0a\x05x", "root certificate: not such a message"}});
  refuses(decode_log_subscription,
          {{text(1, "s") + part(2, text(3, "")), "selector.task_ids: invalid id"},
           {text(1, "s") + part(3, number(3, 5)), "lines are counted from the end only"},
           {text(1, "s") + part(3, number(1, 7)), "unknown log stream 7"}});
  refuses(decode_reach_call, {{"", "reach call: id: invalid id \"\""},
                              {text(1, std::string(300, 'a')), "at most 256 are taken"}});
  refuses(decode_reach_input,
          {{"\x0a", "reach input: not such a message"},
           {part(1, many(part(3), 65)), "query: more than 64"},
           {part(1, text(6, std::string(model::kReachBodyMax + 1, 'x'))), "body: 2097153 bytes"},
           {text(2, std::string(model::kReachPieceMax + 1, 'x')), "data: 65537 bytes"},
           {std::string(kReachInputBytesMax + 1, 'x'), "at most 2162688 are taken"}});
}

TEST(BadInput, OfNetworks) {
  const std::string too_many = many(part(3, part(5, text(1, "n"))), kNetworkChangesMax + 1);
  refuses(
      decode_networks,
      {{"\x0a", "networks: not such a message"},
       {part(3), "networks: changes: a kind of change that is not known"},
       {part(3, part(9, text(1, "n"))), "changes: a kind of change that is not known"},
       {part(3, part(1)), "changes.network_id: invalid id \"\""},
       {part(3, part(1, text(1, "n"), number(3, 1 << 24))), "changes.vni 16777216: more than"},
       {part(3, part(1, text(1, "n"), many(part(4), 10'001))), "changes.ipam: more than 10000"},
       {part(3, part(2, text(1, "n"), text(6, "n1"))), "changes.task_id: invalid id \"\""},
       {part(3, part(2, text(1, "n"), text(2, "t"))), "changes.node_id: invalid id \"\""},
       {part(3, part(2, text(1, "n"), text(2, "t"), text(3, "A"), text(6, "n1"))),
        "changes.service_id: invalid id \"A\""},
       {part(3, part(2, text(1, "n"), text(2, "t"), text(6, "n1"), many(text(4, ""), 10'001))),
        "changes.names: more than 10000"},
       {part(3, part(3, text(1, "n"), text(2, "s"), number(5, 2))), "unknown resolution mode 2"},
       {part(3, part(3, text(1, "n"), text(2, "s"), part(7, number(4, 65536)))),
        "port 65536: not a port"},
       {part(3, part(4, text(1, "n"))), "changes.node_id: invalid id \"\""},
       {part(3, part(6, text(1, "n"))), "changes.task_id: invalid id \"\""},
       {part(3, part(7, text(1, "n"))), "changes.service_id: invalid id \"\""},
       {part(3, part(8, text(2, "n1"))), "changes.network_id: invalid id \"\""},
       {too_many, "changes: more than 1000000"},
       {std::string(kNetworksBytesMax + 1, 'x'), "at most 67108864 are taken"}});
  refuses(decode_networks_ack,
          {{number(2, 1), "acknowledgement: session_id: invalid id \"\""},
           {text(1, std::string(5000, 'a')), "acknowledgement: 5003 bytes; at most 4096"}});
  refuses(decode_watch_request, {{"", "watch request: session_id: invalid id \"\""}});
}

// Reads bytes in every way there is; only the absence of a crash counts.
void read_all(std::string_view bytes) {
  (void)decode_session_request(bytes);
  (void)decode_session_message(bytes);
  (void)decode_heartbeat_request(bytes);
  (void)decode_heartbeat_response(bytes);
  (void)decode_assignments_request(bytes);
  (void)decode_assignments(bytes);
  (void)decode_status_report(bytes);
  (void)decode_root_response(bytes);
  (void)decode_issue_request(bytes);
  (void)decode_issue_response(bytes);
  (void)decode_status_request(bytes);
  (void)decode_issued_certificate(bytes);
  (void)decode_log_subscription(bytes);
  (void)decode_log_publication(bytes);
  (void)decode_networks(bytes);
  (void)decode_networks_ack(bytes);
  (void)decode_reach_call(bytes);
  (void)decode_reach_input(bytes);
  (void)decode_reach_output(bytes);
}

TEST(BadInput, DamagedMessagesNeverCrash) {
  Rng rng(11);
  const model::Task task = model::full_task();
  const model::AssignmentsMessage assignments{
      .changes = {{model::AssignmentAction::Update, task.id, std::make_shared<model::Task>(task)}}};
  for (const std::string& bytes :
       {encode(assignments), encode(model::full_session_message()),
        encode(model::full_status_report()), encode(model::full_log_publication()),
        encode(model::full_networks_message())}) {
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = bytes;
      damaged[rng.below(damaged.size())] = char(rng.next());
      read_all(damaged);
    }
    for (size_t length = 0; length < bytes.size(); ++length) read_all(bytes.substr(0, length));
  }
}

}  // namespace
}  // namespace shoal::wire
