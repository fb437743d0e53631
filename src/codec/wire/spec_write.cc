// Task specs and endpoints, model to wire.
#include "codec/wire/json_text.h"
#include "codec/wire/parts.h"
#include "codec/wire/words.h"

namespace shoal::wire {
namespace {

using wire::put;  // besides those of this file

void put_bind(const model::Mount& in, pb::Mount* out) {
  const bool any = !in.propagation.empty() || in.bind_non_recursive || in.bind_create_mountpoint ||
                   in.bind_read_only_non_recursive || in.bind_read_only_force_recursive;
  if (!any) return;
  pb::BindOptions* bind = out->mutable_bind();
  const Word propagation = word_of(in.propagation, kPropagations);
  bind->set_propagation(propagation.number);
  if (!propagation.exact) bind->set_propagation_text(in.propagation);
  bind->set_non_recursive(in.bind_non_recursive);
  bind->set_create_mountpoint(in.bind_create_mountpoint);
  bind->set_read_only_non_recursive(in.bind_read_only_non_recursive);
  bind->set_read_only_force_recursive(in.bind_read_only_force_recursive);
}

void put_volume(const model::Mount& in, pb::Mount* out) {
  const bool any = in.volume_no_copy || !in.volume_labels.empty() || in.volume_driver ||
                   !in.volume_subpath.empty();
  if (!any) return;
  pb::VolumeOptions* volume = out->mutable_volume();
  volume->set_no_copy(in.volume_no_copy);
  put_labels(in.volume_labels, volume->mutable_labels());
  if (in.volume_driver) put(*in.volume_driver, volume->mutable_driver());
  volume->set_subpath(in.volume_subpath);
}

void put_tmpfs(const model::Mount& in, pb::Mount* out) {
  if (!in.tmpfs_size_bytes && !in.tmpfs_mode && in.tmpfs_options.empty()) return;
  pb::TmpfsOptions* tmpfs = out->mutable_tmpfs();
  tmpfs->set_size_bytes(in.tmpfs_size_bytes);
  tmpfs->set_mode(in.tmpfs_mode);
  tmpfs->set_options(options_text(in.tmpfs_options));
}

void put(const model::Mount& in, pb::Mount* out) {
  out->set_type(uint32_t(in.type));
  out->set_source(in.source);
  out->set_target(in.target);
  out->set_read_only(in.read_only);
  const Word consistency = word_of(in.consistency, kConsistencies);
  out->set_consistency(consistency.number);
  if (!consistency.exact) out->set_consistency_text(in.consistency);
  put_bind(in, out);
  put_volume(in, out);
  put_tmpfs(in, out);
}

void put_nonzero(Duration in, auto mutable_duration) {
  if (in.count() != 0) put(in, mutable_duration());
}

void put(const model::HealthConfig& in, pb::HealthConfig* out) {
  put_strings(in.test, out->mutable_test());
  put_nonzero(in.interval, [&] { return out->mutable_interval(); });
  put_nonzero(in.timeout, [&] { return out->mutable_timeout(); });
  put_nonzero(in.start_period, [&] { return out->mutable_start_period(); });
  put_nonzero(in.start_interval, [&] { return out->mutable_start_interval(); });
  out->set_retries(in.retries);
}

void put(const model::Ulimit& in, pb::Ulimit* out) {
  out->set_name(in.name);
  out->set_soft(in.soft);
  out->set_hard(in.hard);
}

// Docker Engines parse the owner as a number and fail the task when there is none. They take the
// target that comes last: of a config with both, the runtime.
void put(const model::FileReference& in, pb::FileReference* out) {
  out->set_id(in.object_id);
  out->set_name(in.object_name);
  pb::FileTarget* file = out->mutable_file();
  file->set_name(in.target);
  file->set_uid(in.uid.empty() ? "0" : in.uid);
  file->set_gid(in.gid.empty() ? "0" : in.gid);
  file->set_mode(in.mode);
  if (in.runtime) out->mutable_runtime();
}

void put(const model::DnsConfig& in, pb::DnsConfig* out) {
  put_strings(in.nameservers, out->mutable_nameservers());
  put_strings(in.search, out->mutable_search());
  put_strings(in.options, out->mutable_options());
}

void put(const model::Privileges& in, pb::Privileges* out) {
  out->set_no_new_privileges(in.no_new_privileges);
  if (!in.seccomp_mode.empty() || !in.seccomp_profile.empty()) {
    const Word mode = word_of(in.seccomp_mode, kSeccompModes);
    out->mutable_seccomp()->set_mode(mode.number);
    if (!mode.exact) out->mutable_seccomp()->set_mode_text(in.seccomp_mode);
    out->mutable_seccomp()->set_profile(in.seccomp_profile);
  }
  if (!in.apparmor_mode.empty()) {
    const Word mode = word_of(in.apparmor_mode, kApparmorModes);
    out->mutable_apparmor()->set_mode(mode.number);
    if (!mode.exact) out->mutable_apparmor()->set_mode_text(in.apparmor_mode);
  }
  if (!in.credential_spec_json.empty()) {
    put_credential_spec(in.credential_spec_json, out->mutable_credential_spec());
  }
  if (!in.selinux_json.empty()) put_selinux(in.selinux_json, out->mutable_selinux());
}

// What a process is given and what surrounds it; the rest is in put(ContainerSpec).
void put_process(const model::ContainerSpec& in, pb::ContainerSpec* out) {
  put_strings(in.command, out->mutable_command());
  put_strings(in.args, out->mutable_args());
  put_strings(in.env, out->mutable_env());
  out->set_dir(in.dir);
  out->set_user(in.user);
  put_strings(in.groups, out->mutable_groups());
  out->set_tty(in.tty);
  out->set_open_stdin(in.open_stdin);
  out->set_stop_signal(in.stop_signal);
  if (in.stop_grace_period) put(*in.stop_grace_period, out->mutable_stop_grace_period());
  if (in.init) out->mutable_init()->set_value(*in.init);
  put_strings(in.cap_add, out->mutable_cap_add());
  put_strings(in.cap_drop, out->mutable_cap_drop());
  for (const model::Ulimit& ulimit : in.ulimits) put(ulimit, out->add_ulimits());
  out->set_oom_score_adj(in.oom_score_adj);
}

void put(const model::ContainerSpec& in, pb::ContainerSpec* out) {
  out->set_image(in.image);
  put_labels(in.labels, out->mutable_labels());
  put_process(in, out);
  out->set_hostname(in.hostname);
  put_strings(in.hosts, out->mutable_hosts());
  if (in.dns) put(*in.dns, out->mutable_dns());
  if (in.privileges) put(*in.privileges, out->mutable_privileges());
  out->set_read_only(in.read_only);
  for (const model::Mount& mount : in.mounts) put(mount, out->add_mounts());
  if (in.healthcheck) put(*in.healthcheck, out->mutable_healthcheck());
  for (const model::FileReference& file : in.secrets) put(file, out->add_secrets());
  for (const model::FileReference& file : in.configs) put(file, out->add_configs());
  put_labels(in.sysctls, out->mutable_sysctls());
  if (!in.registry_auth.empty()) out->mutable_pull_options()->set_registry_auth(in.registry_auth);
  const Word isolation = word_of(in.isolation, kIsolations);
  out->set_isolation(isolation.number);
  if (!isolation.exact) out->set_isolation_text(in.isolation);
}

// The limit of processes stands with the container.
void put(const model::ResourceRequirements& in, pb::TaskSpec* out) {
  put(in.limits, out->mutable_resources()->mutable_limits());
  put(in.reservations, out->mutable_resources()->mutable_reservations());
  out->mutable_resources()->mutable_limits()->clear_pids();
  out->mutable_container()->set_pids_limit(in.limits.pids);
}

void put(const model::RestartPolicy& in, pb::RestartPolicy* out) {
  out->set_condition(uint32_t(in.condition));
  if (in.delay) put(*in.delay, out->mutable_delay());
  out->set_max_attempts(in.max_attempts);
  put_nonzero(in.window, [&] { return out->mutable_window(); });
}

void put(const model::Placement& in, pb::Placement* out) {
  put_strings(in.constraints, out->mutable_constraints());
  for (const std::string& descriptor : in.spread) {
    out->add_preferences()->mutable_spread()->set_descriptor(descriptor);
  }
  out->set_max_replicas(in.max_replicas);
  put_all(in.platforms, out->mutable_platforms());
}

}  // namespace

void put(const model::NetworkAttachmentConfig& in, pb::NetworkAttachmentConfig* out) {
  out->set_target(in.target);
  put_strings(in.aliases, out->mutable_aliases());
  put_strings(in.addresses, out->mutable_addresses());
  put_labels(in.driver_options, out->mutable_driver_options());
}

void put(const model::TaskSpec& in, pb::TaskSpec* out) {
  // Elsewhere a task is either of the two.
  const bool runs = !in.attachment || in.container != model::ContainerSpec();
  if (runs) put(in.container, out->mutable_container());
  if (in.attachment) out->mutable_attachment()->set_container_id(in.attachment->container_id);
  if (in.resources) put(*in.resources, out);
  if (in.restart) put(*in.restart, out->mutable_restart());
  if (in.placement) put(*in.placement, out->mutable_placement());
  if (in.log_driver) put(*in.log_driver, out->mutable_log_driver());
  put_all(in.networks, out->mutable_networks());
  out->set_force_update(in.force_update);
  if (in.runtime != (in.attachment ? model::kAttachmentRuntime : kContainerRuntime)) {
    out->set_runtime(in.runtime);
  }
}

void put(const model::Endpoint& in, pb::Endpoint* out) {
  out->mutable_spec()->set_mode(uint32_t(in.spec.mode));
  put_all(in.spec.ports, out->mutable_spec()->mutable_ports());
  put_all(in.ports, out->mutable_ports());
  for (const model::VirtualIp& ip : in.virtual_ips) {
    pb::VirtualIp* message = out->add_virtual_ips();
    message->set_network_id(ip.network.str());
    message->set_address(ip.address);
  }
}

}  // namespace shoal::wire
