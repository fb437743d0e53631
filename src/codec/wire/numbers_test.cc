// Each message against its bytes written by hand with the public protocol's numbers, so that a
// wrong number shows although both directions agree on it.
#include <gmock/gmock.h>

#include "codec/wire/attachments.h"
#include "codec/wire/ca.h"
#include "codec/wire/dispatcher.h"
#include "codec/wire/log_broker.h"
#include "codec/wire/reach.h"
#include "codec/wire/support_test.h"
#include "model/testing.h"

namespace shoal::wire {
namespace {

// A list of numbered fields, for messages that are compared one field after the other.
std::string driver(uint32_t field, std::string_view name) {
  return part(field, text(1, name), entry(2, "max-size", "10m"), entry(2, "tag", "x"));
}
std::string generic(uint32_t field) {
  return part(field, part(2, text(1, "gpu"), number(2, 2))) +
         part(field, part(1, text(1, "gpu"), text(2, "U-1")));
}
std::string port(uint32_t field) {
  return part(field, text(1, "http"), number(2, 2), number(3, 80), number(4, 8081), number(5, 1));
}
std::string time(uint32_t field, int64_t seconds, int64_t nanos) {
  return part(field, number(1, seconds), number(2, nanos));
}
const std::string kAnnotations = entry(2, "com.example.team", "a") + entry(2, "zone", "");
const std::string kMeta =
    part(2, part(1, number(1, 77)), time(2, 1'700'000'000, 123'456'789), time(3, 1'700'000'001, 1));

std::string full_mount() {
  return part(8, number(1, 2), text(2, "data"), text(3, "/data"), number(4, 1),
              part(5, number(1, 4), number(2, 1), number(3, 1), number(4, 1), number(5, 1)),
              part(6, number(1, 1), entry(2, "a", "b"), driver(3, "local"), text(4, "sub/path")),
              part(7, number(1, 1 << 20), number(2, 0750), text(3, R"([["uid","5"],["noexec"]])")),
              number(8, 2));
}

std::string full_privileges() {
  return part(22, part(1, text(3, "c")), part(2, number(1, 1)),
              part(3, number(1, 2), text(2, "{}")), part(4, number(1, 1)), number(5, 1));
}

std::string file(uint32_t field, const std::string& kind) {
  return part(field, text(1, kind + "1"), text(2, kind + " name"),
              part(3, text(1, "/run/" + kind), text(2, "0"), text(3, "12"), number(4, 0400)),
              part(4));
}

std::string full_container() {
  return part(
      1, text(1, "registry.example/web:2"), entry(2, "l", "v"), text(3, "/entry"), text(3, ""),
      text(4, "-a"), text(4, "b c"), text(5, "A=1"), text(5, "PATH"), text(6, "/srv"),
      text(7, "1000:1000"), full_mount(), part(8, text(2, "/a"), text(3, "/b")), part(9),
      part(10, text(64, "e30=")), text(11, "audio"), file(12, "secret"), number(13, 1),
      text(14, "{{.Task.Name}}"),
      part(15, text(1, "10.0.0.53"), text(2, "example.com"), text(3, "ndots:2")),
      part(16, text(1, "CMD"), text(1, "true"), part(2, number(1, 1)), part(3, number(1, 2)),
           number(4, 5), part(5, number(1, 3)), part(6, number(1, 4))),
      text(17, "10.0.0.1 db"), number(18, 1), number(19, 1), text(20, "SIGQUIT"),
      file(21, "config"), full_privileges(), part(23), number(25, 101),
      entry(26, "net.core.somaxconn", "1024"), text(27, "CAP_NET_ADMIN"), text(28, "ALL"),
      part(29, text(1, "nofile"), number(2, -1), number(3, 2048)), number(30, -500));
}

std::string resources(uint32_t field, int64_t seed) {
  return part(field, number(1, 1'500'000'000 + seed), number(2, (int64_t(1) << 40) + seed),
              generic(3));
}

std::string full_spec() {
  return part(
      3, full_container(),
      part(2, resources(1, 1),
           part(2, number(1, 1'500'000'002), number(2, (int64_t(1) << 40) + 2), generic(3),
                number(1000, 102))),
      part(4, number(1, 1), part(2), number(3, 3), part(4, number(1, 60))),
      part(5, text(1, "node.role==worker"), part(2, part(1, text(1, "node.labels.zone"))),
           part(3, text(1, "amd64"), text(2, "linux")), number(4, 2)),
      driver(6, "json-file"),
      part(7, text(1, "front"), text(2, "www"), text(3, "10.0.1.9"), entry(4, "mtu", "1400")),
      part(8, text(1, "c0ffee")), number(9, 4), text(1000, "container"));
}

std::string full_status(uint32_t field) {
  return part(field, part(1, number(2, 99)), number(2, 704), text(3, "started"),
              text(4, "task: non-zero exit (1)"),
              part(5, text(1, "abc"), number(2, 4242), number(3, -1)), part(6, port(1)));
}

std::string full_endpoint() {
  return part(12, part(1, number(1, 1), port(2)), port(2), part(2, number(3, 53)),
              part(3, text(1, "net1"), text(2, "10.0.1.2/24")));
}

TEST(Numbers, OfATask) {
  const model::Task task = model::full_task();
  const std::string own = text(1, "task1") + kMeta + text(4, "service1") + number(5, 12) +
                          text(6, "node1") + full_status(9) + number(10, 800) +
                          part(11, part(1, text(1, "net1"), part(4), part(5, part(1))),
                               text(2, "10.0.1.9/24"), text(3, "w")) +
                          part(14, number(1, 70)) + generic(15) + part(16);
  const std::string shared = full_spec() + part(8, text(1, "web"), kAnnotations) + full_endpoint() +
                             driver(13, "json-file");
  const model::AssignmentsMessage message{
      .type = model::AssignmentsType::Incremental,
      .applies_to = "a",
      .results_in = "b",
      .changes = {{model::AssignmentAction::Update, task.id, std::make_shared<model::Task>(task)},
                  {model::AssignmentAction::Remove, task.id, nullptr}}};
  EXPECT_EQ(encode(message), number(1, 1) + text(2, "a") + text(3, "b") +
                                 part(4, part(1, part(1, own, shared))) +
                                 part(4, part(1, part(1, text(1, "task1"))), number(2, 1)));
}

std::string full_description(uint32_t field) {
  return part(field, text(1, "host1"), part(2, text(1, "amd64"), text(2, "linux")),
              part(3, number(1, 1'500'000'003), number(2, (int64_t(1) << 40) + 3), generic(3),
                   number(1000, 103)),
              part(4, text(1, "1.2.3"), entry(2, "disk", "ssd"),
                   part(3, text(1, "Network"), text(2, "overlay")),
                   part(3, text(1, "Log"), text(2, "json-file"))),
              part(5, text(1, "-----BEGIN CERTIFICATE-----"),
                   text(2, std::string_view("0\x13\x00\xff", 4)), text(3, "0Y")),
              number(1000, 9), text(1001, "192.168.7.1"));
}

TEST(Numbers, OfASession) {
  EXPECT_EQ(encode(model::full_session_request()), full_description(1) + text(2, "session1"));
  const std::string node = part(
      2, text(1, "node1"), kMeta,
      part(3, part(1, text(1, "first"), kAnnotations), number(2, 1), number(3, 1), number(4, 2)),
      full_description(4), part(5, number(1, 3), text(2, "heartbeat failure"), text(3, "10.0.0.7")),
      part(6, text(2, "10.0.0.7:2377")), part(8, part(3, number(1, 5))), number(9, 1),
      part(10, part(1, text(1, "net1"), part(4), part(5, part(1))), text(2, "10.0.0.2/24")));
  EXPECT_EQ(encode(model::full_session_message()),
            text(1, "session2") + node +
                part(3, part(1, text(1, "node1"), text(2, "10.0.0.7:2377")), number(2, -512)) +
                part(4, text(1, "networking:gossip"), text(3, "0123456789abcdef"), number(4, 5)) +
                text(5, "-----BEGIN CERTIFICATE-----"));
}

TEST(Numbers, OfHeartbeatsAndReports) {
  const model::SessionId session = model::SessionId::of("s1");
  EXPECT_EQ(encode_heartbeat_request(session), text(1, "s1"));
  EXPECT_EQ(encode_assignments_request(session), text(1, "s1"));
  EXPECT_EQ(encode_heartbeat_response(5500ms), part(1, number(1, 5), number(2, 500'000'000)));
  EXPECT_EQ(encode(model::full_status_report()), text(1, "session1") +
                                                     part(3, text(1, "task1"), full_status(2)) +
                                                     part(3, text(1, "task2"), part(2)));
}

TEST(Numbers, OfTheCa) {
  const std::string csr = "-----BEGIN CERTIFICATE REQUEST-----";
  const std::string certificate = "-----BEGIN CERTIFICATE-----";
  EXPECT_EQ(encode_root_response(certificate), text(1, certificate));
  EXPECT_EQ(encode(model::full_issue_request()),
            text(2, csr) + text(3, "SWMTKN-1-a-b") + number(4, 2));
  EXPECT_EQ(encode_issue_response(model::NodeId::of("n1")), text(1, "n1") + number(2, 1));
  EXPECT_EQ(encode_status_request(model::NodeId::of("n1")), text(1, "n1"));
  EXPECT_EQ(encode(model::full_issued_certificate()),
            part(1, number(1, 3), text(2, "none")) + part(2, number(1, 1), text(2, csr),
                                                          part(3, number(1, 3), text(2, "none")),
                                                          text(4, certificate), text(5, "node1")));
}

TEST(Numbers, OfTheLogBroker) {
  EXPECT_EQ(
      encode(model::full_log_subscription()),
      text(1, "sub1") +
          part(2, text(1, "service1"), text(1, "service2"), text(2, "node1"), text(3, "task1")) +
          part(3, number(1, 2), number(2, 1), number(3, -11), time(4, 1'700'000'000, 1)) +
          number(4, 1));
  EXPECT_EQ(encode(model::full_log_publication()),
            text(1, "sub1") +
                part(2, part(1, text(1, "service1"), text(2, "node1"), text(3, "task1")),
                     time(2, 1'700'000'000, 1), number(3, 2),
                     text(4, std::string_view("a\0\xff\n", 4)), entry(5, "tag", "x")) +
                part(2, part(1)) + number(3, 1));
}

TEST(Numbers, OfTheResourceAllocator) {
  EXPECT_EQ(
      encode(model::full_attach_request()),
      part(1, text(1, "front"), text(2, "www"), text(3, "10.0.1.9"), entry(4, "mtu", "1400")) +
          text(2, "c0ffee"));
  EXPECT_EQ(encode_attachment(model::TaskId::of("task1")), text(1, "task1"));
}

TEST(Numbers, OfReach) {
  EXPECT_EQ(encode_reach_call(model::ReachId::of("reach1")), text(1, "reach1"));
  EXPECT_EQ(encode(model::full_reach_input()),
            part(1, text(1, "POST"), text(2, "/containers/c1/exec"), entry(3, "tail", "5"),
                 entry(3, "tail", ""), part(3, text(2, "x")), number(4, 41),
                 text(5, "application/json"), text(6, std::string_view("{\0}", 3))) +
                text(2, std::string_view("a\0\xff", 3)) + number(3, 1));
  EXPECT_EQ(encode(model::full_reach_output()),
            text(1, "reach1") + part(2, number(1, 2), number(2, 404), text(3, "application/json")) +
                text(3, std::string_view("a\0\xff", 3)) + number(4, 1));
}

}  // namespace
}  // namespace shoal::wire
