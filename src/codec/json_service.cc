#include <algorithm>

#include "codec/json_objects.h"
#include "codec/json_task_spec.h"
#include "codec/json_words.h"

namespace shoal::codec {
namespace {

using model::EndpointSpec;
using model::PortConfig;
using model::PortProtocol;
using model::PublishMode;
using model::ResolutionMode;
using model::Service;
using model::ServiceSpec;
using model::UpdateConfig;
using model::UpdateFailureAction;
using model::UpdateOrder;
using model::UpdateState;

constexpr Word<UpdateFailureAction> kActions[] = {{UpdateFailureAction::Pause, "pause"},
                                                  {UpdateFailureAction::Continue, "continue"},
                                                  {UpdateFailureAction::Rollback, "rollback"}};
constexpr Word<UpdateOrder> kOrders[] = {{UpdateOrder::StopFirst, "stop-first"},
                                         {UpdateOrder::StartFirst, "start-first"}};
constexpr Word<PortProtocol> kProtocols[] = {
    {PortProtocol::Tcp, "tcp"}, {PortProtocol::Udp, "udp"}, {PortProtocol::Sctp, "sctp"}};
constexpr Word<PublishMode> kPublishModes[] = {{PublishMode::Ingress, "ingress"},
                                               {PublishMode::Host, "host"}};
constexpr Word<ResolutionMode> kResolutions[] = {{ResolutionMode::Vip, "vip"},
                                                 {ResolutionMode::Dnsrr, "dnsrr"}};
constexpr Word<UpdateState> kUpdateStates[] = {
    {UpdateState::Unknown, ""},
    {UpdateState::Updating, "updating"},
    {UpdateState::Paused, "paused"},
    {UpdateState::Completed, "completed"},
    {UpdateState::RollbackStarted, "rollback_started"},
    {UpdateState::RollbackPaused, "rollback_paused"},
    {UpdateState::RollbackCompleted, "rollback_completed"}};

// Docker words these two refusals differently from all others.
template <class E, size_t N>
Result<void> read_update_word(JsonReader& reader, std::string_view key, const Word<E> (&words)[N],
                              std::string_view what, E& out) {
  std::string text;
  reader.read(key, text);
  if (read_word(words, what, text, out)) return {};
  return invalid_argument("unrecognized update {} {}", what, text);
}

Result<UpdateConfig> decode_update(JsonReader& reader) {
  UpdateConfig config;
  config.parallelism = 0;  // Go's zero value: all at once.
  reader.read("Parallelism", config.parallelism);
  reader.read("Delay", config.delay);
  RETURN_IF_ERROR(
      read_update_word(reader, "FailureAction", kActions, "failure action", config.failure_action));
  Duration monitor{0};
  reader.read("Monitor", monitor);
  if (monitor.count() != 0) config.monitor = monitor;
  reader.read("MaxFailureRatio", config.max_failure_ratio);
  RETURN_IF_ERROR(read_update_word(reader, "Order", kOrders, "order", config.order));
  return config;
}

void encode_update(JsonWriter& json, const UpdateConfig& config) {
  json.begin_object();
  json.field("Parallelism", config.parallelism);
  json.optional_field("Delay", config.delay);
  json.field("FailureAction", word_of(kActions, config.failure_action));
  if (config.monitor) json.field("Monitor", *config.monitor);
  json.field("MaxFailureRatio", config.max_failure_ratio);
  json.field("Order", word_of(kOrders, config.order));
  json.end_object();
}

Result<PortConfig> decode_port(JsonReader& reader) {
  PortConfig port;
  reader.read("Name", port.name);
  RETURN_IF_ERROR(read_word(reader, "Protocol", kProtocols, "protocol", port.protocol));
  reader.read("TargetPort", port.target_port);
  reader.read("PublishedPort", port.published_port);
  RETURN_IF_ERROR(read_word(reader, "PublishMode", kPublishModes, "publish mode", port.mode));
  return port;
}

Result<EndpointSpec> decode_endpoint(JsonReader& reader) {
  EndpointSpec endpoint;
  RETURN_IF_ERROR(read_word(reader, "Mode", kResolutions, "resolution mode", endpoint.mode));
  for (auto& item : reader.children("Ports", "PortConfig")) {
    ASSIGN_OR_RETURN(PortConfig port, decode_port(item));
    endpoint.ports.push_back(std::move(port));
  }
  return endpoint;
}

void encode_endpoint_spec(JsonWriter& json, const EndpointSpec& endpoint) {
  json.begin_object().field("Mode", word_of(kResolutions, endpoint.mode));
  if (!endpoint.ports.empty()) {
    json.key("Ports").begin_array();
    for (const auto& port : endpoint.ports) encode_port(json, port);
    json.end_array();
  }
  json.end_object();
}

void encode_endpoint(JsonWriter& json, const model::Endpoint& endpoint) {
  const bool used = !endpoint.ports.empty() || !endpoint.virtual_ips.empty();
  json.begin_object().key("Spec");
  if (used) {
    encode_endpoint_spec(json, endpoint.spec);
  } else {
    json.begin_object().end_object();
  }
  if (!endpoint.ports.empty()) {
    json.key("Ports").begin_array();
    for (const auto& port : endpoint.ports) encode_port(json, port);
    json.end_array();
  }
  if (!endpoint.virtual_ips.empty()) {
    json.key("VirtualIPs").begin_array();
    for (const auto& vip : endpoint.virtual_ips) {
      json.begin_object().field("NetworkID", vip.network.view());
      json.field("Addr", vip.address).end_object();
    }
    json.end_array();
  }
  json.end_object();
}

Result<model::ServiceMode> decode_mode(JsonReader& reader) {
  auto replicated = reader.child("Replicated", "ReplicatedService");
  auto global = reader.child("Global", "GlobalService");
  auto replicated_job = reader.child("ReplicatedJob", "ReplicatedJob");
  auto global_job = reader.child("GlobalJob", "GlobalJob");
  const int given = int(replicated.has_value()) + int(global.has_value()) +
                    int(replicated_job.has_value()) + int(global_job.has_value());
  if (given > 1) return invalid_argument("must specify only one service mode");
  if (global) return model::GlobalMode{};
  if (global_job) return model::GlobalJobMode{};
  if (replicated_job) {
    model::ReplicatedJobMode mode;
    replicated_job->read("MaxConcurrent", mode.max_concurrent);
    mode.total_completions = mode.max_concurrent;
    replicated_job->read("TotalCompletions", mode.total_completions);
    return mode;
  }
  model::ReplicatedMode mode;
  if (replicated) replicated->read("Replicas", mode.replicas);
  return mode;
}

void encode_mode(JsonWriter& json, const model::ServiceMode& mode) {
  json.begin_object();
  if (const auto* replicated = std::get_if<model::ReplicatedMode>(&mode)) {
    json.key("Replicated").begin_object().field("Replicas", replicated->replicas).end_object();
  } else if (const auto* job = std::get_if<model::ReplicatedJobMode>(&mode)) {
    json.key("ReplicatedJob").begin_object().field("MaxConcurrent", job->max_concurrent);
    json.field("TotalCompletions", job->total_completions).end_object();
  } else {
    const bool is_job = std::holds_alternative<model::GlobalJobMode>(mode);
    json.key(is_job ? "GlobalJob" : "Global").begin_object().end_object();
  }
  json.end_object();
}

// What a client of that version cannot have meant, though it may have sent it.
void strip_for_version(ServiceSpec& spec, model::TaskSpec& task, int api_minor) {
  model::ContainerSpec& container = task.container;
  if (api_minor < 40) {
    container.sysctls.clear();
    container.privileges.reset();
    std::erase_if(container.configs, [](const auto& file) { return file.runtime; });
    if (task.placement) task.placement->max_replicas = 0;
  }
  if (api_minor < 41) {
    container.cap_add.clear();
    container.cap_drop.clear();
    container.ulimits.clear();
    if (task.resources) task.resources->limits.pids = 0;
    if (std::holds_alternative<model::ReplicatedJobMode>(spec.mode) ||
        std::holds_alternative<model::GlobalJobMode>(spec.mode)) {
      spec.mode = model::ReplicatedMode{};
    }
  }
  if (api_minor < 44) {
    if (container.healthcheck) container.healthcheck->start_interval = Duration{0};
    if (container.privileges) {
      container.privileges->seccomp_mode.clear();
      container.privileges->seccomp_profile.clear();
      container.privileges->apparmor_mode.clear();
      container.privileges->no_new_privileges = false;
    }
  }
  if (api_minor < 46) {
    container.oom_score_adj = 0;
    for (auto& mount : container.mounts) mount.tmpfs_options.clear();
  }
}

}  // namespace

std::string_view word(UpdateState state) {
  return word_of(kUpdateStates, state);
}

void encode_meta(JsonWriter& json, const model::Meta& meta) {
  json.key("Version").begin_object().field("Index", meta.version).end_object();
  json.field("CreatedAt", meta.created_at);
  json.field("UpdatedAt", meta.updated_at);
}

void encode_port(JsonWriter& json, const PortConfig& port) {
  json.begin_object();
  json.optional_field("Name", port.name);
  json.field("Protocol", word_of(kProtocols, port.protocol));
  json.optional_field("TargetPort", port.target_port);
  json.optional_field("PublishedPort", port.published_port);
  json.field("PublishMode", word_of(kPublishModes, port.mode));
  json.end_object();
}

Result<ServiceSpec> decode_service_spec(std::string_view json, int api_minor) {
  ASSIGN_OR_RETURN(const JsonDocument document, JsonDocument::parse(json));
  JsonReader reader = document.root("swarm.ServiceSpec");
  RETURN_IF_ERROR(document.status());
  ServiceSpec spec;
  reader.read("Name", spec.annotations.name);
  reader.read("Labels", spec.annotations.labels);
  auto task_reader = reader.child("TaskTemplate", "TaskSpec");
  if (!task_reader) {
    RETURN_IF_ERROR(document.status());
    return invalid_argument("mismatched Runtime and *Spec fields");
  }
  // Go decodes everything before it judges any value: wrong types win over wrong words.
  Result<model::TaskSpec> task = decode_task_spec(*task_reader);
  RETURN_IF_ERROR(document.status());
  if (!task) return std::unexpected(task.error());
  if (auto mode = reader.child("Mode", "ServiceMode")) {
    ASSIGN_OR_RETURN(spec.mode, decode_mode(*mode));
  }
  RETURN_IF_ERROR(document.status());
  if (auto update = reader.child("UpdateConfig", "UpdateConfig")) {
    ASSIGN_OR_RETURN(spec.update, decode_update(*update));
  }
  if (auto rollback = reader.child("RollbackConfig", "UpdateConfig")) {
    ASSIGN_OR_RETURN(spec.rollback, decode_update(*rollback));
  }
  decode_networks(reader, spec.networks);
  if (auto endpoint = reader.child("EndpointSpec", "EndpointSpec")) {
    ASSIGN_OR_RETURN(spec.endpoint, decode_endpoint(*endpoint));
  }
  RETURN_IF_ERROR(document.status());
  strip_for_version(spec, *task, api_minor);
  spec.task = std::make_shared<const model::TaskSpec>(std::move(*task));
  return spec;
}

void encode_service_spec(JsonWriter& json, const ServiceSpec& spec) {
  json.begin_object();
  json.field("Name", spec.annotations.name);
  json.field("Labels", spec.annotations.labels);
  json.key("TaskTemplate");
  encode_task_spec(json, *spec.task, true);
  json.key("Mode");
  encode_mode(json, spec.mode);
  if (spec.update) {
    json.key("UpdateConfig");
    encode_update(json, *spec.update);
  }
  if (spec.rollback) {
    json.key("RollbackConfig");
    encode_update(json, *spec.rollback);
  }
  encode_networks(json, spec.networks);
  if (spec.endpoint) {
    json.key("EndpointSpec");
    encode_endpoint_spec(json, *spec.endpoint);
  }
  json.end_object();
}

void encode_service(JsonWriter& json, const Service& service,
                    const std::optional<ServiceCounts>& counts) {
  json.begin_object().field("ID", service.id.view());
  encode_meta(json, service.meta);
  json.key("Spec");
  encode_service_spec(json, service.spec);
  if (service.previous_spec) {
    json.key("PreviousSpec");
    encode_service_spec(json, *service.previous_spec);
  }
  json.key("Endpoint");
  encode_endpoint(json, service.endpoint ? *service.endpoint : model::Endpoint{});
  if (const auto& update = service.update_status; update && update->state != UpdateState::Unknown) {
    json.key("UpdateStatus").begin_object();
    json.field("State", word_of(kUpdateStates, update->state));
    json.optional_field("StartedAt", update->started_at);
    json.optional_field("CompletedAt", update->completed_at);
    json.optional_field("Message", update->message).end_object();
  }
  if (counts) {
    json.key("ServiceStatus").begin_object().field("RunningTasks", counts->running);
    json.field("DesiredTasks", counts->desired);
    json.field("CompletedTasks", counts->completed).end_object();
  }
  if (service.job_status) {
    json.key("JobStatus").begin_object().key("JobIteration").begin_object();
    json.optional_field("Index", service.job_status->iteration).end_object();
    json.optional_field("LastExecution", service.job_status->last_execution).end_object();
  }
  json.end_object();
}

ServiceSpec with_defaults(ServiceSpec spec) {
  model::TaskSpec task = *spec.task;
  if (!task.container.stop_grace_period) task.container.stop_grace_period = 10s;
  if (!task.container.dns) task.container.dns.emplace();
  if (!task.restart) task.restart.emplace();
  if (!task.restart->delay) task.restart->delay = model::kDefaultRestartDelay;
  if (!task.resources) task.resources.emplace();
  if (!task.placement) task.placement.emplace();
  spec.task = std::make_shared<const model::TaskSpec>(std::move(task));
  for (auto* config : {&spec.update, &spec.rollback}) {
    if (!*config) config->emplace();
    if (!(*config)->monitor) (*config)->monitor = 5s;
  }
  if (!spec.endpoint) spec.endpoint.emplace();
  return spec;
}

}  // namespace shoal::codec
