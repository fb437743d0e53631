// Specs and their parts, model to disk.proto.
#include "codec/disk_parts.h"

namespace shoal::codec {
namespace {

void put(const model::Mount& in, disk::Mount* out) {
  out->set_type(uint32_t(in.type));
  out->set_source(in.source);
  out->set_target(in.target);
  out->set_read_only(in.read_only);
  out->set_consistency(in.consistency);
  out->set_propagation(in.propagation);
  out->set_bind_non_recursive(in.bind_non_recursive);
  out->set_bind_create_mountpoint(in.bind_create_mountpoint);
  out->set_bind_read_only_non_recursive(in.bind_read_only_non_recursive);
  out->set_bind_read_only_force_recursive(in.bind_read_only_force_recursive);
  out->set_volume_no_copy(in.volume_no_copy);
  put_labels(in.volume_labels, out->mutable_volume_labels());
  if (in.volume_driver) codec::put(*in.volume_driver, out->mutable_volume_driver());
  out->set_volume_subpath(in.volume_subpath);
  out->set_tmpfs_size_bytes(in.tmpfs_size_bytes);
  out->set_tmpfs_mode(in.tmpfs_mode);
  for (const auto& option : in.tmpfs_options) {
    put_strings(option, out->add_tmpfs_options()->mutable_values());
  }
}

void put(const model::HealthConfig& in, disk::HealthConfig* out) {
  put_strings(in.test, out->mutable_test());
  out->set_interval_ns(in.interval.count());
  out->set_timeout_ns(in.timeout.count());
  out->set_start_period_ns(in.start_period.count());
  out->set_start_interval_ns(in.start_interval.count());
  out->set_retries(in.retries);
}

void put(const model::Ulimit& in, disk::Ulimit* out) {
  out->set_name(in.name);
  out->set_soft(in.soft);
  out->set_hard(in.hard);
}

void put(const model::FileReference& in, disk::FileReference* out) {
  out->set_object_id(in.object_id);
  out->set_object_name(in.object_name);
  out->set_runtime(in.runtime);
  out->set_target(in.target);
  out->set_uid(in.uid);
  out->set_gid(in.gid);
  out->set_mode(in.mode);
}

void put(const model::DnsConfig& in, disk::DnsConfig* out) {
  put_strings(in.nameservers, out->mutable_nameservers());
  put_strings(in.search, out->mutable_search());
  put_strings(in.options, out->mutable_options());
}

void put(const model::Privileges& in, disk::Privileges* out) {
  out->set_no_new_privileges(in.no_new_privileges);
  out->set_seccomp_mode(in.seccomp_mode);
  out->set_seccomp_profile(in.seccomp_profile);
  out->set_apparmor_mode(in.apparmor_mode);
  out->set_credential_spec_json(in.credential_spec_json);
  out->set_selinux_json(in.selinux_json);
}

void put(const model::NetworkAttachmentConfig& in, disk::NetworkAttachmentConfig* out) {
  out->set_target(in.target);
  put_strings(in.aliases, out->mutable_aliases());
  put_labels(in.driver_options, out->mutable_driver_options());
  put_strings(in.addresses, out->mutable_addresses());
}

template <class Items, class Messages>
void put_all(const Items& in, Messages* out) {
  for (const auto& item : in) put(item, out->Add());
}

void put(const model::ContainerSpec& in, disk::ContainerSpec* out) {
  out->set_image(in.image);
  put_labels(in.labels, out->mutable_labels());
  put_strings(in.command, out->mutable_command());
  put_strings(in.args, out->mutable_args());
  out->set_hostname(in.hostname);
  put_strings(in.env, out->mutable_env());
  out->set_dir(in.dir);
  out->set_user(in.user);
  put_strings(in.groups, out->mutable_groups());
  if (in.privileges) put(*in.privileges, out->mutable_privileges());
  out->set_tty(in.tty);
  out->set_open_stdin(in.open_stdin);
  out->set_read_only(in.read_only);
  put_all(in.mounts, out->mutable_mounts());
  out->set_stop_signal(in.stop_signal);
  if (in.stop_grace_period) out->set_stop_grace_period_ns(in.stop_grace_period->count());
  if (in.healthcheck) put(*in.healthcheck, out->mutable_healthcheck());
  put_strings(in.hosts, out->mutable_hosts());
  if (in.dns) put(*in.dns, out->mutable_dns());
  put_all(in.secrets, out->mutable_secrets());
  put_all(in.configs, out->mutable_configs());
  out->set_isolation(in.isolation);
  if (in.init) out->set_init(*in.init);
  put_labels(in.sysctls, out->mutable_sysctls());
  put_strings(in.cap_add, out->mutable_cap_add());
  put_strings(in.cap_drop, out->mutable_cap_drop());
  put_all(in.ulimits, out->mutable_ulimits());
  out->set_oom_score_adj(in.oom_score_adj);
  out->set_registry_auth(in.registry_auth);
}

void put(const model::RestartPolicy& in, disk::RestartPolicy* out) {
  out->set_condition(uint32_t(in.condition));
  if (in.delay) out->set_delay_ns(in.delay->count());
  out->set_max_attempts(in.max_attempts);
  out->set_window_ns(in.window.count());
}

void put(const model::Placement& in, disk::Placement* out) {
  put_strings(in.constraints, out->mutable_constraints());
  put_strings(in.spread, out->mutable_spread());
  out->set_max_replicas(in.max_replicas);
  put_each(in.platforms, out->mutable_platforms());
}

void put(const model::UpdateConfig& in, disk::UpdateConfig* out) {
  out->set_parallelism(in.parallelism);
  out->set_delay_ns(in.delay.count());
  out->set_failure_action(uint32_t(in.failure_action));
  if (in.monitor) out->set_monitor_ns(in.monitor->count());
  out->set_max_failure_ratio(in.max_failure_ratio);
  out->set_order(uint32_t(in.order));
}

void put(const model::EndpointSpec& in, disk::EndpointSpec* out) {
  out->set_mode(uint32_t(in.mode));
  put_each(in.ports, out->mutable_ports());
}

struct PutMode {
  disk::ServiceSpec* out;
  void operator()(const model::ReplicatedMode& mode) const {
    out->mutable_replicated()->set_replicas(mode.replicas);
  }
  void operator()(const model::GlobalMode&) const { out->mutable_global(); }
  void operator()(const model::ReplicatedJobMode& mode) const {
    out->mutable_replicated_job()->set_max_concurrent(mode.max_concurrent);
    out->mutable_replicated_job()->set_total_completions(mode.total_completions);
  }
  void operator()(const model::GlobalJobMode&) const { out->mutable_global_job(); }
};

}  // namespace

void put(const model::Annotations& in, disk::Annotations* out) {
  out->set_name(in.name);
  put_labels(in.labels, out->mutable_labels());
}

void put(const model::Driver& in, disk::Driver* out) {
  out->set_name(in.name);
  put_labels(in.options, out->mutable_options());
}

void put(const model::Platform& in, disk::Platform* out) {
  out->set_architecture(in.architecture);
  out->set_os(in.os);
}

void put(const model::GenericResource& in, disk::GenericResource* out) {
  out->set_kind(in.kind);
  if (const auto* count = std::get_if<int64_t>(&in.value)) {
    out->set_count(*count);
  } else {
    out->set_piece(std::get<std::string>(in.value));
  }
}

void put(const model::Resources& in, disk::Resources* out) {
  out->set_nano_cpus(in.nano_cpus);
  out->set_memory_bytes(in.memory_bytes);
  out->set_pids(in.pids);
  put_each(in.generic, out->mutable_generic());
}

void put(const model::PortConfig& in, disk::PortConfig* out) {
  out->set_name(in.name);
  out->set_protocol(uint32_t(in.protocol));
  out->set_target_port(in.target_port);
  out->set_published_port(in.published_port);
  out->set_mode(uint32_t(in.mode));
}

void put(const model::TaskSpec& in, disk::TaskSpec* out) {
  put(in.container, out->mutable_container());
  if (in.resources) {
    put(in.resources->limits, out->mutable_resources()->mutable_limits());
    put(in.resources->reservations, out->mutable_resources()->mutable_reservations());
  }
  if (in.restart) put(*in.restart, out->mutable_restart());
  if (in.placement) put(*in.placement, out->mutable_placement());
  if (in.log_driver) put(*in.log_driver, out->mutable_log_driver());
  put_all(in.networks, out->mutable_networks());
  out->set_force_update(in.force_update);
  out->set_runtime(in.runtime);
  if (in.attachment) out->mutable_attachment()->set_container_id(in.attachment->container_id);
}

void put(const model::Endpoint& in, disk::Endpoint* out) {
  put(in.spec, out->mutable_spec());
  put_each(in.ports, out->mutable_ports());
  for (const model::VirtualIp& ip : in.virtual_ips) {
    disk::VirtualIp* message = out->add_virtual_ips();
    message->set_network(ip.network.str());
    message->set_address(ip.address);
  }
}

void put(const model::ServiceSpec& in, disk::ServiceSpec* out) {
  put(in.annotations, out->mutable_annotations());
  if (in.task) put(*in.task, out->mutable_task());
  std::visit(PutMode{out}, in.mode);
  if (in.update) put(*in.update, out->mutable_update());
  if (in.rollback) put(*in.rollback, out->mutable_rollback());
  put_all(in.networks, out->mutable_networks());
  if (in.endpoint) put(*in.endpoint, out->mutable_endpoint());
}

void put(const model::NetworkAttachment& in, disk::NetworkAttachment* out) {
  out->set_network(in.network.str());
  put_strings(in.addresses, out->mutable_addresses());
  put_strings(in.aliases, out->mutable_aliases());
}

}  // namespace shoal::codec
