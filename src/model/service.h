// A service and everything its spec holds (Docker API 1.50, ServiceSpec).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/common.h"
#include "model/container_spec.h"

namespace shoal::model {

// A count of a user-defined resource ("gpu": 2) or one named piece of it ("gpu": "UUID1").
struct GenericResource {
  std::string kind;
  std::variant<int64_t, std::string> value;

  bool operator==(const GenericResource&) const = default;
};

struct Resources {
  int64_t nano_cpus = 0;
  int64_t memory_bytes = 0;
  int64_t pids = 0;                      // limits only
  std::vector<GenericResource> generic;  // reservations and node descriptions only

  bool operator==(const Resources&) const = default;
};

struct ResourceRequirements {
  Resources limits;
  Resources reservations;

  bool operator==(const ResourceRequirements&) const = default;
};

enum class RestartCondition { None, OnFailure, Any };

struct RestartPolicy {
  RestartCondition condition = RestartCondition::Any;
  std::optional<Duration> delay;  // unset: 5 s
  uint64_t max_attempts = 0;      // 0: without limit
  Duration window{0};             // 0: attempts count for ever

  bool operator==(const RestartPolicy&) const = default;
};
inline constexpr Duration kDefaultRestartDelay = 5s;

struct Platform {
  std::string architecture;
  std::string os;

  bool operator==(const Platform&) const = default;
};

struct Placement {
  std::vector<std::string> constraints;  // as given; model/constraint.h parses them
  std::vector<std::string> spread;       // spread descriptors, outermost first: "node.labels.zone"
  uint64_t max_replicas = 0;             // per node; 0: no limit
  std::vector<Platform> platforms;

  bool operator==(const Placement&) const = default;
};

struct NetworkAttachmentConfig {
  std::string target;  // id or name of the network
  std::vector<std::string> aliases;
  Labels driver_options;
  std::vector<std::string> addresses;  // wanted, at most one a family; of a NetworkAttachmentSpec

  bool operator==(const NetworkAttachmentConfig&) const = default;
};

// A container that a user runs on a node by himself, as a member of attachable networks.
struct NetworkAttachmentSpec {
  std::string container_id;

  bool operator==(const NetworkAttachmentSpec&) const = default;
};

inline constexpr std::string_view kAttachmentRuntime = "attachment";

struct TaskSpec {
  ContainerSpec container;
  std::optional<ResourceRequirements> resources;
  std::optional<RestartPolicy> restart;
  std::optional<Placement> placement;
  std::optional<Driver> log_driver;
  std::vector<NetworkAttachmentConfig> networks;
  uint64_t force_update = 0;
  std::string runtime;  // "", "container"; "attachment" with the next; others are refused
  // The task runs nothing and belongs to no service: it stands for that container of its node, and
  // `networks` names the one network in question.
  std::optional<NetworkAttachmentSpec> attachment;

  bool operator==(const TaskSpec&) const = default;
};

enum class UpdateFailureAction { Pause, Continue, Rollback };
enum class UpdateOrder { StopFirst, StartFirst };

struct UpdateConfig {
  uint64_t parallelism = 1;  // 0: all at once
  Duration delay{0};
  UpdateFailureAction failure_action = UpdateFailureAction::Pause;
  std::optional<Duration> monitor;  // unset: 5 s
  float max_failure_ratio = 0;
  UpdateOrder order = UpdateOrder::StopFirst;

  bool operator==(const UpdateConfig&) const = default;
};

struct ReplicatedMode {
  uint64_t replicas = 1;
  bool operator==(const ReplicatedMode&) const = default;
};
struct GlobalMode {
  bool operator==(const GlobalMode&) const = default;
};
struct ReplicatedJobMode {
  uint64_t max_concurrent = 1;
  uint64_t total_completions = 1;
  bool operator==(const ReplicatedJobMode&) const = default;
};
struct GlobalJobMode {
  bool operator==(const GlobalJobMode&) const = default;
};
using ServiceMode = std::variant<ReplicatedMode, GlobalMode, ReplicatedJobMode, GlobalJobMode>;

enum class PortProtocol { Tcp, Udp, Sctp };
enum class PublishMode { Ingress, Host };

struct PortConfig {
  std::string name;
  PortProtocol protocol = PortProtocol::Tcp;
  uint32_t target_port = 0;
  uint32_t published_port = 0;  // 0: chosen by the allocator (ingress) or by the node (host)
  PublishMode mode = PublishMode::Ingress;

  bool operator==(const PortConfig&) const = default;
};

enum class ResolutionMode { Vip, Dnsrr };

struct EndpointSpec {
  ResolutionMode mode = ResolutionMode::Vip;
  std::vector<PortConfig> ports;

  bool operator==(const EndpointSpec&) const = default;
};

struct VirtualIp {
  NetworkId network;
  std::string address;  // CIDR text, IPv4 or IPv6

  bool operator==(const VirtualIp&) const = default;
};

// What the allocator made of an EndpointSpec: every published port is a number.
struct Endpoint {
  EndpointSpec spec;
  std::vector<PortConfig> ports;
  std::vector<VirtualIp> virtual_ips;

  bool operator==(const Endpoint&) const = default;
};

struct ServiceSpec {
  Annotations annotations;
  // Shared with every task made from this spec version.
  Ref<TaskSpec> task = std::make_shared<TaskSpec>();
  ServiceMode mode = ReplicatedMode{};
  std::optional<UpdateConfig> update;
  std::optional<UpdateConfig> rollback;
  std::vector<NetworkAttachmentConfig> networks;  // deprecated place, kept as sent
  std::optional<EndpointSpec> endpoint;

  bool operator==(const ServiceSpec& other) const;  // compares the task spec by value
};

enum class UpdateState {
  Unknown,
  Updating,
  Paused,
  Completed,
  RollbackStarted,
  RollbackPaused,
  RollbackCompleted,
};

struct UpdateStatus {
  UpdateState state = UpdateState::Unknown;
  Time started_at;
  Time completed_at;
  std::string message;

  bool operator==(const UpdateStatus&) const = default;
};

struct JobStatus {
  Version iteration = 0;
  Time last_execution;

  bool operator==(const JobStatus&) const = default;
};

// Moves one task at a time until the service is spread evenly over its nodes.
enum class RebalanceState { Moving, Completed, Ended };

// The last rebalance of a service. The API writes a new one in state Moving and the end that a user
// wants; the rebalancer (rebalancer/rebalance_loop.h) the other ends.
struct Rebalance {
  RebalanceState state = RebalanceState::Moving;
  Time started_at;  // a slot that has a task made since then is not moved (again)
  Time ended_at;
  std::string message;  // how it ended, and why

  bool operator==(const Rebalance&) const = default;
};

// Service label: "never" or "on-join", which begins a rebalance when a node begins to take tasks.
inline constexpr std::string_view kRebalanceLabel = "shoal.rebalance";
inline constexpr std::string_view kRebalanceNever = "never";
inline constexpr std::string_view kRebalanceOnJoin = "on-join";

struct Service {
  ServiceId id;
  Meta meta;
  ServiceSpec spec;
  std::optional<ServiceSpec> previous_spec;
  Version spec_version = 0;  // the version in which spec was last written
  Version previous_spec_version = 0;
  Ref<Endpoint> endpoint;  // null until the allocator has seen the service
  std::optional<UpdateStatus> update_status;
  std::optional<JobStatus> job_status;
  std::optional<Rebalance> rebalance;
  bool pending_delete = false;

  const std::string& name() const { return spec.annotations.name; }
  bool is_rebalancing() const { return rebalance && rebalance->state == RebalanceState::Moving; }
  bool operator==(const Service& other) const;  // compares the endpoint by value
};

}  // namespace shoal::model
