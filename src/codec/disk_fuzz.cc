// Records of the disk, each kind read from the same payload in a valid frame: what reads, writes to
// a record that reads the same.
#include "base/check.h"
#include "codec/disk.h"
#include "codec/disk_frame.h"
#include "fuzz/fuzz.h"
#include "model/testing.h"

namespace shoal::fuzz {
namespace {

template <class Read>
void round_trip(const std::string& record, Read read) {
  const auto object = read(record);
  if (!object) return;
  const auto again = read(codec::to_disk(*object));
  CHECK(again, "{}", again.error().message);
  // A ratio that is no number is equal to nothing, itself included.
  if (*object == *object) CHECK(*again == *object);
}

void tasks(const std::string& record) {
  const auto shared = codec::shared_spec_from_disk(record);
  codec::TaskReader reader;
  if (shared) reader.add(*shared, nullptr);
  const auto task = reader.read(record);
  if (!task) return;
  codec::TaskReader other;
  other.add(codec::SharedSpec::of(*task), nullptr);
  const auto again = other.read(codec::to_disk(*task, codec::SharedSpec::of(*task)));
  CHECK(again && *again == *task);
}

}  // namespace

void run(std::string_view input) {
  (void)codec::unframe(input);
  const std::string record = codec::frame(input);
  round_trip(record, codec::cluster_from_disk);
  round_trip(record, codec::node_from_disk);
  round_trip(record, codec::service_from_disk);
  round_trip(record, codec::network_from_disk);
  tasks(record);
}

// Without their frames, which run() puts around them.
std::vector<std::string> seeds() {
  const model::Task task = model::full_task();
  const codec::SharedSpec shared = codec::SharedSpec::of(task);
  std::vector<std::string> payloads;
  for (const std::string& record :
       {codec::to_disk(model::full_cluster()), codec::to_disk(model::full_node()),
        codec::to_disk(model::full_service()), codec::to_disk(model::full_network()),
        codec::to_disk(shared), codec::to_disk(task, shared), codec::to_disk(task, {})}) {
    payloads.emplace_back(*codec::unframe(record));
  }
  return payloads;
}

}  // namespace shoal::fuzz
