// Specs and their parts, disk.proto to model.
#include "codec/disk_parts.h"

namespace shoal::codec {
namespace {

model::Mount get(const disk::Mount& in, Fault& fault) {
  model::Mount out;
  out.type = enum_from(in.type(), model::MountType::Cluster, "mount type", fault);
  out.source = in.source();
  out.target = in.target();
  out.read_only = in.read_only();
  out.consistency = in.consistency();
  out.propagation = in.propagation();
  out.bind_non_recursive = in.bind_non_recursive();
  out.bind_create_mountpoint = in.bind_create_mountpoint();
  out.bind_read_only_non_recursive = in.bind_read_only_non_recursive();
  out.bind_read_only_force_recursive = in.bind_read_only_force_recursive();
  out.volume_no_copy = in.volume_no_copy();
  out.volume_labels = labels_from(in.volume_labels());
  if (in.has_volume_driver()) out.volume_driver = codec::get(in.volume_driver(), fault);
  out.volume_subpath = in.volume_subpath();
  out.tmpfs_size_bytes = in.tmpfs_size_bytes();
  out.tmpfs_mode = in.tmpfs_mode();
  for (const auto& option : in.tmpfs_options()) {
    out.tmpfs_options.push_back(strings_from(option.values()));
  }
  return out;
}

model::HealthConfig get(const disk::HealthConfig& in) {
  model::HealthConfig out;
  out.test = strings_from(in.test());
  out.interval = Duration{in.interval_ns()};
  out.timeout = Duration{in.timeout_ns()};
  out.start_period = Duration{in.start_period_ns()};
  out.start_interval = Duration{in.start_interval_ns()};
  out.retries = in.retries();
  return out;
}

model::Ulimit get(const disk::Ulimit& in, Fault&) {
  return {.name = in.name(), .soft = in.soft(), .hard = in.hard()};
}

model::FileReference get(const disk::FileReference& in, Fault&) {
  return {.object_id = in.object_id(),
          .object_name = in.object_name(),
          .runtime = in.runtime(),
          .target = in.target(),
          .uid = in.uid(),
          .gid = in.gid(),
          .mode = in.mode()};
}

model::DnsConfig get(const disk::DnsConfig& in) {
  return {.nameservers = strings_from(in.nameservers()),
          .search = strings_from(in.search()),
          .options = strings_from(in.options())};
}

model::Privileges get(const disk::Privileges& in) {
  return {.no_new_privileges = in.no_new_privileges(),
          .seccomp_mode = in.seccomp_mode(),
          .seccomp_profile = in.seccomp_profile(),
          .apparmor_mode = in.apparmor_mode(),
          .credential_spec_json = in.credential_spec_json(),
          .selinux_json = in.selinux_json()};
}

model::NetworkAttachmentConfig get(const disk::NetworkAttachmentConfig& in, Fault&) {
  return {.target = in.target(),
          .aliases = strings_from(in.aliases()),
          .driver_options = labels_from(in.driver_options()),
          .addresses = strings_from(in.addresses())};
}

template <class T, class Messages>
std::vector<T> get_all(const Messages& in, Fault& fault) {
  std::vector<T> items;
  items.reserve(size_t(in.size()));
  for (const auto& message : in) items.push_back(get(message, fault));
  return items;
}

model::ContainerSpec get(const disk::ContainerSpec& in, Fault& fault) {
  model::ContainerSpec out;
  out.image = in.image();
  out.labels = labels_from(in.labels());
  out.command = strings_from(in.command());
  out.args = strings_from(in.args());
  out.hostname = in.hostname();
  out.env = strings_from(in.env());
  out.dir = in.dir();
  out.user = in.user();
  out.groups = strings_from(in.groups());
  if (in.has_privileges()) out.privileges = get(in.privileges());
  out.tty = in.tty();
  out.open_stdin = in.open_stdin();
  out.read_only = in.read_only();
  out.mounts = get_all<model::Mount>(in.mounts(), fault);
  out.stop_signal = in.stop_signal();
  if (in.has_stop_grace_period_ns()) out.stop_grace_period = Duration{in.stop_grace_period_ns()};
  if (in.has_healthcheck()) out.healthcheck = get(in.healthcheck());
  out.hosts = strings_from(in.hosts());
  if (in.has_dns()) out.dns = get(in.dns());
  out.secrets = get_all<model::FileReference>(in.secrets(), fault);
  out.configs = get_all<model::FileReference>(in.configs(), fault);
  out.isolation = in.isolation();
  if (in.has_init()) out.init = in.init();
  out.sysctls = labels_from(in.sysctls());
  out.cap_add = strings_from(in.cap_add());
  out.cap_drop = strings_from(in.cap_drop());
  out.ulimits = get_all<model::Ulimit>(in.ulimits(), fault);
  out.oom_score_adj = in.oom_score_adj();
  out.registry_auth = in.registry_auth();
  return out;
}

model::RestartPolicy get(const disk::RestartPolicy& in, Fault& fault) {
  model::RestartPolicy out;
  out.condition =
      enum_from(in.condition(), model::RestartCondition::Any, "restart condition", fault);
  if (in.has_delay_ns()) out.delay = Duration{in.delay_ns()};
  out.max_attempts = in.max_attempts();
  out.window = Duration{in.window_ns()};
  return out;
}

model::Placement get(const disk::Placement& in, Fault& fault) {
  return {.constraints = strings_from(in.constraints()),
          .spread = strings_from(in.spread()),
          .max_replicas = in.max_replicas(),
          .platforms = get_each<model::Platform>(in.platforms(), fault)};
}

model::UpdateConfig get(const disk::UpdateConfig& in, Fault& fault) {
  model::UpdateConfig out;
  out.parallelism = in.parallelism();
  out.delay = Duration{in.delay_ns()};
  out.failure_action = enum_from(in.failure_action(), model::UpdateFailureAction::Rollback,
                                 "update failure action", fault);
  if (in.has_monitor_ns()) out.monitor = Duration{in.monitor_ns()};
  out.max_failure_ratio = in.max_failure_ratio();
  out.order = enum_from(in.order(), model::UpdateOrder::StartFirst, "update order", fault);
  return out;
}

model::EndpointSpec get(const disk::EndpointSpec& in, Fault& fault) {
  return {.mode = enum_from(in.mode(), model::ResolutionMode::Dnsrr, "resolution mode", fault),
          .ports = get_each<model::PortConfig>(in.ports(), fault)};
}

model::ServiceMode mode_of(const disk::ServiceSpec& in, Fault& fault) {
  switch (in.mode_case()) {
    case disk::ServiceSpec::kReplicated:
      return model::ReplicatedMode{in.replicated().replicas()};
    case disk::ServiceSpec::kGlobal:
      return model::GlobalMode{};
    case disk::ServiceSpec::kReplicatedJob:
      return model::ReplicatedJobMode{in.replicated_job().max_concurrent(),
                                      in.replicated_job().total_completions()};
    case disk::ServiceSpec::kGlobalJob:
      return model::GlobalJobMode{};
    case disk::ServiceSpec::MODE_NOT_SET:
      break;
  }
  fault.note("a service without a mode");
  return {};
}

}  // namespace

model::Annotations get(const disk::Annotations& in, Fault&) {
  return {.name = in.name(), .labels = labels_from(in.labels())};
}

model::Driver get(const disk::Driver& in, Fault&) {
  return {.name = in.name(), .options = labels_from(in.options())};
}

model::Platform get(const disk::Platform& in, Fault&) {
  return {.architecture = in.architecture(), .os = in.os()};
}

model::GenericResource get(const disk::GenericResource& in, Fault& fault) {
  if (in.has_count()) return {.kind = in.kind(), .value = in.count()};
  if (!in.has_piece()) fault.note("a generic resource without a value");
  return {.kind = in.kind(), .value = in.piece()};
}

model::Resources get(const disk::Resources& in, Fault& fault) {
  return {.nano_cpus = in.nano_cpus(),
          .memory_bytes = in.memory_bytes(),
          .pids = in.pids(),
          .generic = get_each<model::GenericResource>(in.generic(), fault)};
}

model::PortConfig get(const disk::PortConfig& in, Fault& fault) {
  return {.name = in.name(),
          .protocol = enum_from(in.protocol(), model::PortProtocol::Sctp, "protocol", fault),
          .target_port = in.target_port(),
          .published_port = in.published_port(),
          .mode = enum_from(in.mode(), model::PublishMode::Host, "publish mode", fault)};
}

model::TaskSpec get(const disk::TaskSpec& in, Fault& fault) {
  model::TaskSpec out;
  out.container = get(in.container(), fault);
  if (in.has_resources()) {
    out.resources = model::ResourceRequirements{get(in.resources().limits(), fault),
                                                get(in.resources().reservations(), fault)};
  }
  if (in.has_restart()) out.restart = get(in.restart(), fault);
  if (in.has_placement()) out.placement = get(in.placement(), fault);
  if (in.has_log_driver()) out.log_driver = get(in.log_driver(), fault);
  out.networks = get_all<model::NetworkAttachmentConfig>(in.networks(), fault);
  out.force_update = in.force_update();
  out.runtime = in.runtime();
  if (in.has_attachment()) {
    out.attachment = model::NetworkAttachmentSpec{in.attachment().container_id()};
  }
  return out;
}

model::Endpoint get(const disk::Endpoint& in, Fault& fault) {
  model::Endpoint out;
  out.spec = get(in.spec(), fault);
  out.ports = get_each<model::PortConfig>(in.ports(), fault);
  for (const auto& ip : in.virtual_ips()) {
    out.virtual_ips.push_back(
        {id_from<model::NetworkId>(ip.network(), false, fault), ip.address()});
  }
  return out;
}

model::ServiceSpec get(const disk::ServiceSpec& in, Fault& fault) {
  model::ServiceSpec out;
  out.annotations = get(in.annotations(), fault);
  out.task = in.has_task() ? std::make_shared<model::TaskSpec>(get(in.task(), fault)) : nullptr;
  out.mode = mode_of(in, fault);
  if (in.has_update()) out.update = get(in.update(), fault);
  if (in.has_rollback()) out.rollback = get(in.rollback(), fault);
  out.networks = get_all<model::NetworkAttachmentConfig>(in.networks(), fault);
  if (in.has_endpoint()) out.endpoint = get(in.endpoint(), fault);
  return out;
}

model::NetworkAttachment get(const disk::NetworkAttachment& in, Fault& fault) {
  return {.network = id_from<model::NetworkId>(in.network(), false, fault),
          .addresses = strings_from(in.addresses()),
          .aliases = strings_from(in.aliases())};
}

}  // namespace shoal::codec
