// Task specs and endpoints, wire to model.
#include "codec/wire/json_text.h"
#include "codec/wire/parts.h"
#include "codec/wire/words.h"

namespace shoal::wire {
namespace {

using wire::get;  // besides those of this file

void get_bind(const pb::BindOptions& in, model::Mount& out, Fault& fault) {
  out.propagation = in.has_propagation_text()
                        ? in.propagation_text()
                        : word_from(in.propagation(), kPropagations, "mount propagation", fault);
  out.bind_non_recursive = in.non_recursive();
  out.bind_create_mountpoint = in.create_mountpoint();
  out.bind_read_only_non_recursive = in.read_only_non_recursive();
  out.bind_read_only_force_recursive = in.read_only_force_recursive();
}

void get_volume(const pb::VolumeOptions& in, model::Mount& out, Fault& fault) {
  out.volume_no_copy = in.no_copy();
  out.volume_labels = labels_from(in.labels(), "volume labels", fault);
  if (in.has_driver()) out.volume_driver = get(in.driver(), fault);
  out.volume_subpath = in.subpath();
}

model::Mount get(const pb::Mount& in, Fault& fault) {
  model::Mount out;
  out.type = enum_from(in.type(), model::MountType::Cluster, "mount type", fault);
  out.source = in.source();
  out.target = in.target();
  out.read_only = in.read_only();
  out.consistency = in.has_consistency_text()
                        ? in.consistency_text()
                        : word_from(in.consistency(), kConsistencies, "consistency", fault);
  if (in.has_bind()) get_bind(in.bind(), out, fault);
  if (in.has_volume()) get_volume(in.volume(), out, fault);
  out.tmpfs_size_bytes = in.tmpfs().size_bytes();
  out.tmpfs_mode = in.tmpfs().mode();
  out.tmpfs_options = options_from(in.tmpfs().options(), fault);
  return out;
}

model::HealthConfig get(const pb::HealthConfig& in, Fault& fault) {
  return {.test = strings_from(in.test(), "health test", fault),
          .interval = get(in.interval(), "health interval", fault),
          .timeout = get(in.timeout(), "health timeout", fault),
          .start_period = get(in.start_period(), "health start period", fault),
          .start_interval = get(in.start_interval(), "health start interval", fault),
          .retries = in.retries()};
}

model::Ulimit get(const pb::Ulimit& in, Fault&) {
  return {.name = in.name(), .soft = in.soft(), .hard = in.hard()};
}

model::FileReference get(const pb::FileReference& in, Fault&) {
  model::FileReference out;
  out.object_id = in.id();
  out.object_name = in.name();
  out.runtime = in.has_runtime();
  if (in.has_file()) {
    out.target = in.file().name();
    out.uid = in.file().uid();
    out.gid = in.file().gid();
    out.mode = in.file().mode();
  }
  return out;
}

model::DnsConfig get(const pb::DnsConfig& in, Fault& fault) {
  return {.nameservers = strings_from(in.nameservers(), "nameservers", fault),
          .search = strings_from(in.search(), "dns search", fault),
          .options = strings_from(in.options(), "dns options", fault)};
}

model::Privileges get(const pb::Privileges& in, Fault& fault) {
  model::Privileges out;
  out.no_new_privileges = in.no_new_privileges();
  if (in.has_seccomp()) {
    const pb::Seccomp& seccomp = in.seccomp();
    out.seccomp_mode = seccomp.has_mode_text()
                           ? seccomp.mode_text()
                           : word_from(seccomp.mode(), kSeccompModes, "seccomp mode", fault);
    out.seccomp_profile = seccomp.profile();
  }
  if (in.has_apparmor()) {
    const pb::Apparmor& apparmor = in.apparmor();
    out.apparmor_mode = apparmor.has_mode_text()
                            ? apparmor.mode_text()
                            : word_from(apparmor.mode(), kApparmorModes, "apparmor mode", fault);
  }
  if (in.has_credential_spec()) {
    out.credential_spec_json = credential_spec_from(in.credential_spec(), fault);
  }
  if (in.has_selinux()) out.selinux_json = selinux_from(in.selinux(), fault);
  return out;
}

// all_from() for the kinds that only this file knows.
template <class T, class Messages>
std::vector<T> list(const Messages& in, const char* what, Fault& fault) {
  return each_from<T>(in, what, fault, [&](const auto& message) { return get(message, fault); });
}

void get_process(const pb::ContainerSpec& in, model::ContainerSpec& out, Fault& fault) {
  out.command = strings_from(in.command(), "command", fault);
  out.args = strings_from(in.args(), "args", fault);
  out.env = strings_from(in.env(), "env", fault);
  out.dir = in.dir();
  out.user = in.user();
  out.groups = strings_from(in.groups(), "groups", fault);
  out.tty = in.tty();
  out.open_stdin = in.open_stdin();
  out.stop_signal = in.stop_signal();
  if (in.has_stop_grace_period()) {
    out.stop_grace_period = get(in.stop_grace_period(), "stop grace period", fault);
  }
  if (in.has_init()) out.init = in.init().value();
  out.cap_add = strings_from(in.cap_add(), "added capabilities", fault);
  out.cap_drop = strings_from(in.cap_drop(), "dropped capabilities", fault);
  out.ulimits = list<model::Ulimit>(in.ulimits(), "ulimits", fault);
  out.oom_score_adj = in.oom_score_adj();
}

model::ContainerSpec get(const pb::ContainerSpec& in, Fault& fault) {
  model::ContainerSpec out;
  out.image = in.image();
  out.labels = labels_from(in.labels(), "container labels", fault);
  get_process(in, out, fault);
  out.hostname = in.hostname();
  out.hosts = strings_from(in.hosts(), "hosts", fault);
  if (in.has_dns()) out.dns = get(in.dns(), fault);
  if (in.has_privileges()) out.privileges = get(in.privileges(), fault);
  out.read_only = in.read_only();
  out.mounts = list<model::Mount>(in.mounts(), "mounts", fault);
  if (in.has_healthcheck()) out.healthcheck = get(in.healthcheck(), fault);
  out.secrets = list<model::FileReference>(in.secrets(), "secrets", fault);
  out.configs = list<model::FileReference>(in.configs(), "configs", fault);
  out.sysctls = labels_from(in.sysctls(), "sysctls", fault);
  out.registry_auth = in.pull_options().registry_auth();
  out.isolation = in.has_isolation_text()
                      ? in.isolation_text()
                      : word_from(in.isolation(), kIsolations, "isolation", fault);
  return out;
}

model::RestartPolicy get(const pb::RestartPolicy& in, Fault& fault) {
  model::RestartPolicy out;
  out.condition =
      enum_from(in.condition(), model::RestartCondition::Any, "restart condition", fault);
  if (in.has_delay()) out.delay = get(in.delay(), "restart delay", fault);
  out.max_attempts = in.max_attempts();
  out.window = get(in.window(), "restart window", fault);
  return out;
}

model::Placement get(const pb::Placement& in, Fault& fault) {
  model::Placement out;
  out.constraints = strings_from(in.constraints(), "constraints", fault);
  out.spread = each_from<std::string>(
      in.preferences(), "placement preferences", fault,
      [](const pb::Preference& preference) { return preference.spread().descriptor(); });
  out.max_replicas = in.max_replicas();
  out.platforms = all_from<model::Platform>(in.platforms(), "platforms", fault);
  return out;
}

// The limit of processes stands with the container, and makes requirements where there are none.
void get_resources(const pb::TaskSpec& in, model::TaskSpec& out, Fault& fault) {
  if (in.has_resources()) {
    out.resources = model::ResourceRequirements{get(in.resources().limits(), fault),
                                                get(in.resources().reservations(), fault)};
  }
  const int64_t pids = in.container().pids_limit();
  if (pids != 0 && !out.resources) out.resources.emplace();
  if (out.resources) out.resources->limits.pids = pids;
}

std::string runtime_of(const pb::TaskSpec& in) {
  if (in.has_runtime()) return in.runtime();
  if (in.has_attachment()) return std::string(model::kAttachmentRuntime);
  if (in.has_generic()) return in.generic().kind().empty() ? "generic" : in.generic().kind();
  return std::string(kContainerRuntime);
}

}  // namespace

model::NetworkAttachmentConfig get(const pb::NetworkAttachmentConfig& in, Fault& fault) {
  return {.target = in.target(),
          .aliases = strings_from(in.aliases(), "network aliases", fault),
          .driver_options = labels_from(in.driver_options(), "network driver options", fault),
          .addresses = strings_from(in.addresses(), "network addresses", fault)};
}

model::TaskSpec get(const pb::TaskSpec& in, Fault& fault) {
  model::TaskSpec out;
  if (in.has_container() || !in.has_attachment()) out.container = get(in.container(), fault);
  get_resources(in, out, fault);
  if (in.has_restart()) out.restart = get(in.restart(), fault);
  if (in.has_placement()) out.placement = get(in.placement(), fault);
  if (in.has_log_driver()) out.log_driver = get(in.log_driver(), fault);
  out.networks = all_from<model::NetworkAttachmentConfig>(in.networks(), "networks", fault);
  out.force_update = in.force_update();
  out.runtime = runtime_of(in);
  if (in.has_attachment()) {
    out.attachment = model::NetworkAttachmentSpec{in.attachment().container_id()};
  }
  return out;
}

model::Endpoint get(const pb::Endpoint& in, Fault& fault) {
  model::Endpoint out;
  out.spec.mode =
      enum_from(in.spec().mode(), model::ResolutionMode::Dnsrr, "resolution mode", fault);
  out.spec.ports = all_from<model::PortConfig>(in.spec().ports(), "ports", fault);
  out.ports = all_from<model::PortConfig>(in.ports(), "ports", fault);
  const auto virtual_ip = [&](const pb::VirtualIp& ip) -> model::VirtualIp {
    return {
        id_from<model::NetworkId>(ip.network_id(), Need::Optional, "virtual_ips.network_id", fault),
        ip.address()};
  };
  out.virtual_ips =
      each_from<model::VirtualIp>(in.virtual_ips(), "virtual addresses", fault, virtual_ip);
  return out;
}

}  // namespace shoal::wire
