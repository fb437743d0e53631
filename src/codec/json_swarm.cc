#include "codec/json_objects.h"

namespace shoal::codec {
namespace {

using model::Cluster;
using model::ClusterSpec;

// A field that keeps what it was when the client sent zero.
template <class T>
void read_unless_zero(JsonReader& reader, std::string_view key, T& out) {
  T value{};
  reader.read(key, value);
  if (value != T{}) out = value;
}

void encode_spec(JsonWriter& json, const ClusterSpec& spec, Duration heartbeat) {
  json.begin_object();
  json.field("Name", spec.annotations.name);
  json.field("Labels", spec.annotations.labels);
  json.key("Orchestration").begin_object();
  json.field("TaskHistoryRetentionLimit", spec.task_history_limit).end_object();
  json.key("Raft").begin_object();
  json.optional_field("SnapshotInterval", spec.snapshot_interval);
  json.field("KeepOldSnapshots", spec.keep_old_snapshots);
  json.optional_field("LogEntriesForSlowFollowers", spec.log_entries_for_slow_followers);
  json.field("ElectionTick", spec.election_tick);
  json.field("HeartbeatTick", spec.heartbeat_tick).end_object();
  json.key("Dispatcher").begin_object().field("HeartbeatPeriod", heartbeat).end_object();
  json.key("CAConfig").begin_object();
  json.optional_field("NodeCertExpiry", spec.node_cert_expiry);
  json.optional_field("ForceRotate", spec.ca_force_rotate).end_object();
  json.key("TaskDefaults").begin_object();
  if (!spec.default_log_driver.name.empty()) {
    json.key("LogDriver").begin_object().field("Name", spec.default_log_driver.name);
    json.optional_field("Options", spec.default_log_driver.options).end_object();
  }
  json.end_object();
  json.key("EncryptionConfig").begin_object();
  json.field("AutoLockManagers", spec.auto_lock_managers).end_object();
  json.end_object();
}

}  // namespace

Result<ClusterSpec> decode_cluster_spec(JsonReader& reader, ClusterSpec spec) {
  read_unless_zero(reader, "Name", spec.annotations.name);
  reader.read("Labels", spec.annotations.labels);
  if (auto orchestration = reader.child("Orchestration", "OrchestrationConfig")) {
    orchestration->read("TaskHistoryRetentionLimit", spec.task_history_limit);
  }
  if (auto raft = reader.child("Raft", "RaftConfig")) {
    read_unless_zero(*raft, "SnapshotInterval", spec.snapshot_interval);
    raft->read("KeepOldSnapshots", spec.keep_old_snapshots);
    read_unless_zero(*raft, "LogEntriesForSlowFollowers", spec.log_entries_for_slow_followers);
    read_unless_zero(*raft, "ElectionTick", spec.election_tick);
    read_unless_zero(*raft, "HeartbeatTick", spec.heartbeat_tick);
  }
  if (auto dispatcher = reader.child("Dispatcher", "DispatcherConfig")) {
    read_unless_zero(*dispatcher, "HeartbeatPeriod", spec.heartbeat_period);
  }
  if (auto ca = reader.child("CAConfig", "CAConfig")) {
    read_unless_zero(*ca, "NodeCertExpiry", spec.node_cert_expiry);
    read_unless_zero(*ca, "ForceRotate", spec.ca_force_rotate);
  }
  if (auto defaults = reader.child("TaskDefaults", "TaskDefaults")) {
    if (auto driver = defaults->child("LogDriver", "Driver")) {
      driver->read("Name", spec.default_log_driver.name);
      driver->read("Options", spec.default_log_driver.options);
    }
  }
  if (auto encryption = reader.child("EncryptionConfig", "EncryptionConfig")) {
    encryption->read("AutoLockManagers", spec.auto_lock_managers);
  }
  return spec;
}

Result<ClusterSpec> decode_cluster_spec(std::string_view json, ClusterSpec base) {
  ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::parse(json));
  JsonReader reader = document.root("swarm.Spec");
  auto spec = decode_cluster_spec(reader, std::move(base));
  RETURN_IF_ERROR(document.status());
  return spec;
}

void encode_cluster(JsonWriter& json, const Cluster& cluster, Duration heartbeat,
                    bool with_tokens) {
  json.begin_object().field("ID", cluster.id.view());
  encode_meta(json, cluster.meta);
  json.key("Spec");
  encode_spec(json, cluster.spec, heartbeat);
  json.key("TLSInfo");
  encode_tls(json, cluster.root_ca);
  json.field("RootRotationInProgress", cluster.rotation.has_value());
  json.field("DefaultAddrPool", cluster.default_address_pools);
  json.field("SubnetSize", cluster.subnet_mask_length);
  json.field("DataPathPort", cluster.data_path_port);
  if (with_tokens) {
    json.key("JoinTokens").begin_object().field("Worker", cluster.join_token_worker);
    json.field("Manager", cluster.join_token_manager).end_object();
  }
  json.end_object();
}

}  // namespace shoal::codec
