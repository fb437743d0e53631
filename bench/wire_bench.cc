// The wire codec: what an assignment of many tasks of one service costs, both ways.
#include "codec/wire/dispatcher.h"
#include "support.h"

namespace shoal::bench {
namespace {

model::AssignmentsMessage assignment_of(size_t count) {
  Rng rng(1);
  const model::Service service = realistic_service(rng, count);
  const auto annotations = std::make_shared<const model::Annotations>(service.spec.annotations);
  model::AssignmentsMessage message{.results_in = "1"};
  for (size_t i = 0; i < count; ++i) {
    model::Task task;
    task.id = model::TaskId::random(rng);
    task.meta = {.version = i, .created_at = Time{int64_t(i + 1)}, .updated_at = Time{1}};
    task.service_id = service.id;
    task.slot = i + 1;
    task.node_id = model::NodeId::random(rng);
    task.spec = service.spec.task;
    task.service_annotations = annotations;
    task.endpoint = service.endpoint;
    task.status = {
        .timestamp = Time{1}, .state = model::TaskState::Assigned, .message = "assigned"};
    task.networks = {{.network = model::NetworkId::random(rng), .addresses = {"10.0.1.5/24"}}};
    message.changes.push_back(
        {model::AssignmentAction::Update, task.id, std::make_shared<const model::Task>(task)});
  }
  return message;
}

void run(size_t count) {
  const model::AssignmentsMessage message = assignment_of(count);
  constexpr int kRounds = 5;
  double encode_seconds = 1e9, decode_seconds = 1e9;
  size_t wire_bytes = 0, heap_bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    auto start = Clock::now();
    const std::string bytes = wire::encode(message);
    encode_seconds = std::min(encode_seconds, seconds_since(start));
    wire_bytes = bytes.size();
    const size_t before = Memory().heap_bytes;
    start = Clock::now();
    const auto read = must(wire::decode_assignments(bytes));
    decode_seconds = std::min(decode_seconds, seconds_since(start));
    heap_bytes = Memory().heap_bytes - before;
    CHECK(read.changes.size() == count);
  }
  const double tasks = double(count);
  figure(
      "assignment of {} tasks: encode {:.0f} ns, decode {:.0f} ns, {:.0f} bytes a task; "
      "{:.0f} bytes in memory",
      count, encode_seconds / tasks * 1e9, decode_seconds / tasks * 1e9, double(wire_bytes) / tasks,
      double(heap_bytes) / tasks);
}

}  // namespace
}  // namespace shoal::bench

int main() {
  shoal::bench::run(10'000);
  shoal::bench::run(100'000);
}
