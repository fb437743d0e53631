// Stored objects as bytes, for every engine, and back.
//
// A record is a frame (disk_frame.h: format number and checksum) around a message of disk.proto.
// Reading never crashes: what is damaged or not understood is an Internal error that says so, what
// a newer program wrote Unimplemented; the engine adds which record it was. Pure functions, any
// thread.
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/result.h"
#include "model/cluster.h"
#include "model/network.h"
#include "model/node.h"
#include "model/service.h"
#include "model/task.h"

namespace shoal::codec {

struct Fault;

std::string to_disk(const model::Cluster& cluster);
std::string to_disk(const model::Node& node);
std::string to_disk(const model::Service& service);
std::string to_disk(const model::Network& network);
Result<model::Cluster> cluster_from_disk(std::string_view bytes);
Result<model::Node> node_from_disk(std::string_view bytes);
Result<model::Service> service_from_disk(std::string_view bytes);
Result<model::Network> network_from_disk(std::string_view bytes);

// What the tasks of one service and spec version have in common: a record of its own, because with
// it in every task 100,000 tasks would take ten times the space.
struct SharedSpec {
  model::ServiceId service_id;
  model::Version spec_version = 0;
  model::Ref<model::TaskSpec> spec;
  model::Ref<model::Annotations> service_annotations;

  // The parts of this task. Either may be null.
  static SharedSpec of(const model::Task& task);
};
std::string to_disk(const SharedSpec& shared);
Result<SharedSpec> shared_spec_from_disk(std::string_view bytes);

// A part that is not equal to that of `shared` is stored in the task itself.
std::string to_disk(const model::Task& task, const SharedSpec& shared);

// Reads tasks, giving equal parts of them one place in memory. Lives while an engine loads.
class TaskReader {
 public:
  // Before the tasks that need it. Of a service's specs `service` may hold one already: it is used
  // in place of an equal one.
  void add(SharedSpec shared, const model::Service* service);
  // Internal when its shared spec was not added.
  Result<model::Task> read(std::string_view bytes);

 private:
  model::Ref<model::Endpoint> endpoint(const std::string& bytes, Fault& fault);

  std::map<std::pair<model::ServiceId, model::Version>, SharedSpec> shared_;
  std::map<std::string, model::Ref<model::Endpoint>, std::less<>> endpoints_;  // by their bytes
};

}  // namespace shoal::codec
