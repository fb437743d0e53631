#include "codec/disk.h"

#include <gmock/gmock.h>

#include "base/rng.h"
#include "codec/disk_frame.h"
#include "model/testing.h"

namespace shoal::codec {
namespace {

using testing::HasSubstr;

Result<model::Task> read_task(std::string_view bytes, const SharedSpec& shared) {
  TaskReader reader;
  reader.add(shared, nullptr);
  return reader.read(bytes);
}

template <class T>
T with_id() {
  T object;
  object.id = decltype(object.id)::of("id1");
  return object;
}

TEST(Disk, EveryFieldOfEveryObjectComesBack) {
  EXPECT_EQ(cluster_from_disk(to_disk(model::full_cluster())), model::full_cluster());
  EXPECT_EQ(node_from_disk(to_disk(model::full_node())), model::full_node());
  EXPECT_EQ(service_from_disk(to_disk(model::full_service())), model::full_service());
  EXPECT_EQ(network_from_disk(to_disk(model::full_network())), model::full_network());
  const model::Task task = model::full_task();
  EXPECT_EQ(read_task(to_disk(task, SharedSpec::of(task)), SharedSpec::of(task)), task);
}

TEST(Disk, ObjectsOfDefaultsComeBack) {
  const auto cluster = with_id<model::Cluster>();
  EXPECT_EQ(cluster_from_disk(to_disk(cluster)), cluster);
  const auto node = with_id<model::Node>();
  EXPECT_EQ(node_from_disk(to_disk(node)), node);
  const auto service = with_id<model::Service>();
  EXPECT_EQ(service_from_disk(to_disk(service)), service);
  const auto network = with_id<model::Network>();
  EXPECT_EQ(network_from_disk(to_disk(network)), network);
  const auto task = with_id<model::Task>();
  EXPECT_EQ(read_task(to_disk(task, {}), {}), task);
}

TEST(Disk, EveryServiceModeComesBack) {
  model::Service service = model::full_service();
  const model::ServiceMode modes[] = {model::ReplicatedMode{0}, model::ReplicatedMode{1'000'000},
                                      model::GlobalMode{}, model::ReplicatedJobMode{0, 5},
                                      model::GlobalJobMode{}};
  for (const auto& mode : modes) {
    service.spec.mode = mode;
    EXPECT_EQ(service_from_disk(to_disk(service)), service);
  }
}

TEST(Disk, TextThatIsNotUtf8ComesBack) {
  auto task = with_id<model::Task>();
  task.status.error = std::string("exec \xff\xfe\0 failed", 14);
  EXPECT_EQ(read_task(to_disk(task, {}), {}), task);
}

TEST(Disk, ATaskDoesNotRepeatItsSharedSpec) {
  const model::Task task = model::full_task();
  const SharedSpec shared = SharedSpec::of(task);
  EXPECT_LT(to_disk(task, shared).size(), 400u);
  EXPECT_GT(to_disk(shared).size(), 800u);
  const auto read = shared_spec_from_disk(to_disk(shared));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->service_id, shared.service_id);
  EXPECT_EQ(read->spec_version, shared.spec_version);
  EXPECT_EQ(*read->spec, *shared.spec);
  EXPECT_EQ(*read->service_annotations, *shared.service_annotations);
}

TEST(Disk, PartsThatDifferFromTheSharedOnesAreStoredInTheTask) {
  model::Task task = model::full_task();
  const SharedSpec shared = SharedSpec::of(task);
  auto spec = std::make_shared<model::TaskSpec>(*task.spec);
  spec->force_update = 99;
  task.spec = spec;
  task.service_annotations = std::make_shared<model::Annotations>();
  EXPECT_EQ(read_task(to_disk(task, shared), shared), task);

  task.spec = nullptr;
  task.service_annotations = nullptr;
  EXPECT_EQ(read_task(to_disk(task, shared), shared), task);
}

TEST(Disk, TasksReadTogetherShareTheirEqualParts) {
  const model::Service service = model::full_service();
  const model::Task task = model::full_task();
  const SharedSpec shared = SharedSpec::of(task);
  TaskReader reader;
  reader.add(*shared_spec_from_disk(to_disk(shared)), &service);
  const auto first = reader.read(to_disk(task, shared));
  const auto second = reader.read(to_disk(task, shared));
  ASSERT_TRUE(first && second);
  EXPECT_EQ(first->spec, service.spec.task);
  EXPECT_EQ(first->spec, second->spec);
  EXPECT_EQ(first->service_annotations, second->service_annotations);
  EXPECT_EQ(first->endpoint, second->endpoint);
}

TEST(Disk, ATaskWithoutItsSharedSpecIsAnError) {
  const model::Task task = model::full_task();
  const auto read = TaskReader().read(to_disk(task, SharedSpec::of(task)));
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().message, "damaged: its spec is missing");
}

TEST(Disk, ARecordOfANewerFormatIsRefused) {
  std::string bytes = to_disk(model::full_node());
  bytes[0] = char(kDiskFormat + 1);
  const auto read = node_from_disk(bytes);
  ASSERT_FALSE(read);
  EXPECT_EQ(read.error().code, ErrorCode::Unimplemented);
  EXPECT_THAT(read.error().message, HasSubstr("newer version (format 2; this one reads up to 1)"));
}

TEST(Disk, AnyChangedOrMissingByteIsNoticed) {
  const std::string bytes = to_disk(model::full_service());
  for (size_t at = 0; at < bytes.size(); ++at) {
    std::string damaged = bytes;
    damaged[at] = char(damaged[at] ^ 0x10);
    EXPECT_FALSE(service_from_disk(damaged)) << "byte " << at;
    EXPECT_FALSE(service_from_disk(bytes.substr(0, at))) << "length " << at;
  }
}

// Reads `payload` in every way there is; only the absence of a crash counts.
void read_all(std::string_view payload) {
  const std::string bytes = frame(payload);
  (void)cluster_from_disk(bytes);
  (void)node_from_disk(bytes);
  (void)service_from_disk(bytes);
  (void)network_from_disk(bytes);
  (void)shared_spec_from_disk(bytes);
  (void)TaskReader().read(bytes);
}

TEST(Disk, GarbageWithAValidChecksumNeverCrashes) {
  Rng rng(3);
  for (int round = 0; round < 2000; ++round) {
    std::string garbage;
    for (uint64_t i = rng.below(200); i > 0; --i) garbage.push_back(char(rng.next()));
    read_all(garbage);
  }
  const model::Task task = model::full_task();
  for (const std::string& bytes : {to_disk(model::full_service()), to_disk(model::full_cluster()),
                                   to_disk(task, SharedSpec::of(task))}) {
    const std::string payload = std::string(*unframe(bytes));
    for (int round = 0; round < 2000; ++round) {
      std::string damaged = payload;
      damaged[rng.below(damaged.size())] = char(rng.next());
      read_all(damaged);
    }
  }
}

// Numbers of enums that this program does not know, by their place in the model.
TEST(Disk, UnknownNumbersAreRefusedByName) {
  model::Node node = model::full_node();
  node.status.state = model::NodeState(9);
  EXPECT_EQ(node_from_disk(to_disk(node)).error().message, "damaged: unknown node state 9");
  node = model::full_node();
  node.spec.role = model::NodeRole(2);
  EXPECT_EQ(node_from_disk(to_disk(node)).error().message, "damaged: unknown node role 2");

  auto task = with_id<model::Task>();
  task.status.state = model::TaskState(65);
  EXPECT_EQ(read_task(to_disk(task, {}), {}).error().message, "damaged: unknown task state 65");

  model::Service service = model::full_service();
  service.spec.update->order = model::UpdateOrder(7);
  EXPECT_EQ(service_from_disk(to_disk(service)).error().message, "damaged: unknown update order 7");
  service = model::full_service();
  service.rebalance->state = model::RebalanceState(3);
  EXPECT_EQ(service_from_disk(to_disk(service)).error().message,
            "damaged: unknown rebalance state 3");
}

TEST(Disk, AnObjectWithoutAnIdIsRefused) {
  EXPECT_EQ(node_from_disk(to_disk(model::Node{})).error().message, "damaged: invalid id \"\"");
}

// The numbers below are on disks: an enum may only grow at its end.
TEST(Disk, TheNumbersOfTheEnumsStayAsTheyAre) {
  EXPECT_EQ(int(model::MountType::Cluster), 4);
  EXPECT_EQ(int(model::MountType::Volume), 1);
  EXPECT_EQ(int(model::RestartCondition::OnFailure), 1);
  EXPECT_EQ(int(model::UpdateFailureAction::Continue), 1);
  EXPECT_EQ(int(model::UpdateOrder::StartFirst), 1);
  EXPECT_EQ(int(model::PortProtocol::Udp), 1);
  EXPECT_EQ(int(model::PublishMode::Host), 1);
  EXPECT_EQ(int(model::ResolutionMode::Dnsrr), 1);
  EXPECT_EQ(int(model::UpdateState::RollbackCompleted), 6);
  EXPECT_EQ(int(model::UpdateState::Completed), 3);
  EXPECT_EQ(int(model::RebalanceState::Completed), 1);
  EXPECT_EQ(int(model::RebalanceState::Ended), 2);
  EXPECT_EQ(int(model::NodeRole::Manager), 1);
  EXPECT_EQ(int(model::Availability::Pause), 1);
  EXPECT_EQ(int(model::NodeState::Down), 1);
  EXPECT_EQ(int(model::NodeState::Ready), 2);
  EXPECT_EQ(int(model::TaskState::Running), 512);
}

std::string from_hex(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(char(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

// Bytes as the first version wrote them: they must mean the same for ever.
TEST(Disk, RecordsOfTheFirstVersionAreStillRead) {
  model::Node node;
  node.id = model::NodeId::of("n1");
  node.meta = {.version = 9, .created_at = Time{5}, .updated_at = Time{7}};
  node.spec.annotations = {.name = "first", .labels = {{"zone", "a"}}};
  node.spec.availability = model::Availability::Drain;
  node.role = model::NodeRole::Manager;
  node.description.hostname = "host";
  node.description.resources = {.nano_cpus = 4, .memory_bytes = 8};
  node.status = {.state = model::NodeState::Ready, .message = "m", .address = "10.0.0.1"};
  EXPECT_EQ(
      node_from_disk(from_hex(
          "01cfd5ef200a026e3112060809100518071a160a120a05666972737412090a047a6f6e65120161180220"
          "012a100a04686f737412001a04080410083a00320f080212016d1a0831302e302e302e31")),
      node);

  model::Task task;
  task.id = model::TaskId::of("t1");
  task.service_id = model::ServiceId::of("s1");
  task.slot = 3;
  task.node_id = node.id;
  task.spec_version = 8;
  task.spec = std::make_shared<model::TaskSpec>();
  task.status = {.timestamp = Time{6}, .state = model::TaskState::Failed, .message = "m"};
  task.status.container = model::ContainerStatus{.container_id = "c", .exit_code = 1};
  task.desired_state = model::TaskState::Shutdown;
  task.endpoint = std::make_shared<model::Endpoint>(
      model::Endpoint{.ports = {{.target_port = 80, .published_port = 8081}}});
  task.job_iteration = 0;
  EXPECT_EQ(
      read_task(
          from_hex(
              "013c73bd990a02743112001a02733120032a026e3130083a0f080610c0051a016d2a050a016318014080"
              "054a090a001205185020913f60006801880101"),
          SharedSpec::of(task)),
      task);
}

TEST(DiskFrame, TheChecksumIsCastagnolis) {
  EXPECT_EQ(crc32c("123456789"), 0xe3069283u);
  EXPECT_EQ(crc32c(""), 0u);
}

TEST(DiskFrame, HoldsAnyPayload) {
  EXPECT_EQ(unframe(frame("")), "");
  EXPECT_EQ(unframe(frame(std::string("\0\xff", 2))), std::string("\0\xff", 2));
  EXPECT_FALSE(unframe(""));
  EXPECT_FALSE(unframe(std::string(5, '\0')));
}

}  // namespace
}  // namespace shoal::codec
