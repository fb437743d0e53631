// The model as JSON of Docker's Engine API, and back.
//
// Encoding writes what the docker command line reads (API 1.50): empty fields are left out where
// Docker leaves them out. Decoding is as strict as Docker's own (codec/json_reader.h) and checks
// words ("invalid MountType: \"x\""); what the values mean together is model/validate.h's business.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "codec/json_reader.h"
#include "codec/json_writer.h"
#include "model/cluster.h"
#include "model/node.h"
#include "model/service.h"
#include "model/task.h"

namespace shoal::codec {

// --- services ---

// `api_minor` is the client's version, 1.24 to 1.50: what that version did not have is dropped, as
// Docker does, because such a client cannot have meant it.
Result<model::ServiceSpec> decode_service_spec(std::string_view json, int api_minor);

// Docker's ServiceStatus, for `GET /services?status=true`.
struct ServiceCounts {
  uint64_t running = 0;
  uint64_t desired = 0;
  uint64_t completed = 0;
};
void encode_service(JsonWriter& json, const model::Service& service,
                    const std::optional<ServiceCounts>& counts = {});
void encode_service_spec(JsonWriter& json, const model::ServiceSpec& spec);
// `insertDefaults=true`: the spec with every default that the swarm would use written out.
model::ServiceSpec with_defaults(model::ServiceSpec spec);

// --- tasks ---

// Writes tasks one after the other; the text of a spec or a network that many tasks share is made
// once.
class TaskEncoder {
 public:
  using Networks = std::map<model::NetworkId, model::Ref<model::Network>>;
  // Of an attachment whose network is not among them only the network's id is written.
  explicit TaskEncoder(Networks networks = {}) : networks_(std::move(networks)) {}
  void encode(JsonWriter& json, const model::Task& task);

 private:
  void encode_attachments(JsonWriter& json, const model::Task& task);
  const std::string& text_of(const model::NetworkId& network);

  Networks networks_;
  std::map<model::NetworkId, std::string> network_texts_;
  std::map<const model::TaskSpec*, std::string> specs_;  // Only looked up in.
};

// --- nodes ---

Result<model::NodeSpec> decode_node_spec(std::string_view json);
void encode_node(JsonWriter& json, const model::Node& node, const model::NodeId& leader);

// --- the swarm ---

// What the client left out or sent as zero stays as it is in `base`, as Docker merges it.
Result<model::ClusterSpec> decode_cluster_spec(std::string_view json, model::ClusterSpec base);
// For /swarm/init, whose body holds the spec under "Spec".
Result<model::ClusterSpec> decode_cluster_spec(JsonReader& spec, model::ClusterSpec base);
// `heartbeat` is the period in force. `with_tokens` for GET /swarm, not for /info.
void encode_cluster(JsonWriter& json, const model::Cluster& cluster, Duration heartbeat,
                    bool with_tokens);

// --- Docker's words, for events ---
std::string_view word(model::NodeState state);
std::string_view word(model::NodeRole role);
std::string_view word(model::Availability availability);
std::string_view word(model::UpdateState state);  // empty for Unknown

// --- parts that several objects have ---

void encode_meta(JsonWriter& json, const model::Meta& meta);
Result<void> decode_container_spec(JsonReader& reader, model::ContainerSpec& spec);
void encode_container_spec(JsonWriter& json, const model::ContainerSpec& spec);
void encode_task_spec(JsonWriter& json, const model::TaskSpec& spec, bool with_runtime);
void encode_generic(JsonWriter& json, const std::vector<model::GenericResource>& resources);
void encode_port(JsonWriter& json, const model::PortConfig& port);
void encode_tls(JsonWriter& json, const model::TlsInfo& tls);

}  // namespace shoal::codec
