// ContainerSpec of a service's task template.
#include "codec/json_mounts.h"
#include "codec/json_objects.h"

namespace shoal::codec {
namespace {

using model::ContainerSpec;
using model::FileReference;

void decode_health(JsonReader& reader, model::HealthConfig& health) {
  reader.read("Test", health.test);
  reader.read("Interval", health.interval);
  reader.read("Timeout", health.timeout);
  reader.read("StartPeriod", health.start_period);
  reader.read("StartInterval", health.start_interval);
  reader.read("Retries", health.retries);
}

void encode_health(JsonWriter& json, const model::HealthConfig& health) {
  json.begin_object();
  json.optional_field("Test", health.test);
  json.optional_field("Interval", health.interval);
  json.optional_field("Timeout", health.timeout);
  json.optional_field("StartPeriod", health.start_period);
  json.optional_field("StartInterval", health.start_interval);
  json.optional_field("Retries", health.retries);
  json.end_object();
}

// `kind` is "Secret" or "Config".
void decode_files(JsonReader& reader, const std::string& kind, std::vector<FileReference>& files) {
  for (auto& item : reader.children(kind + "s", kind + "Reference")) {
    FileReference file;
    item.read(kind + "ID", file.object_id);
    item.read(kind + "Name", file.object_name);
    file.runtime = item.has("Runtime");
    if (auto target = item.child("File", kind + "ReferenceFileTarget")) {
      target->read("Name", file.target);
      target->read("UID", file.uid);
      target->read("GID", file.gid);
      target->read("Mode", file.mode);
    }
    files.push_back(std::move(file));
  }
}

void encode_files(JsonWriter& json, const std::string& kind,
                  const std::vector<FileReference>& files) {
  if (files.empty()) return;
  json.key(kind + "s").begin_array();
  for (const auto& file : files) {
    json.begin_object();
    if (file.runtime) {
      json.key("Runtime").begin_object().end_object();
    } else {
      json.key("File").begin_object();
      json.field("Name", file.target).field("UID", file.uid);
      json.field("GID", file.gid).field("Mode", file.mode);
      json.end_object();
    }
    json.field(kind + "ID", file.object_id).field(kind + "Name", file.object_name);
    json.end_object();
  }
  json.end_array();
}

void decode_privileges(JsonReader& reader, model::Privileges& privileges) {
  privileges.credential_spec_json = reader.raw("CredentialSpec");
  privileges.selinux_json = reader.raw("SELinuxContext");
  reader.read("NoNewPrivileges", privileges.no_new_privileges);
  if (auto seccomp = reader.child("Seccomp", "SeccompOpts")) {
    seccomp->read("Mode", privileges.seccomp_mode, "swarm.SeccompMode");
    seccomp->read("Profile", privileges.seccomp_profile, "[]uint8");
  }
  if (auto apparmor = reader.child("AppArmor", "AppArmorOpts")) {
    apparmor->read("Mode", privileges.apparmor_mode, "swarm.AppArmorMode");
  }
}

void encode_privileges(JsonWriter& json, const model::Privileges& privileges) {
  const auto raw_or_null = [](const std::string& text) {
    return text.empty() ? std::string_view("null") : std::string_view(text);
  };
  json.begin_object();
  json.key("CredentialSpec").raw(raw_or_null(privileges.credential_spec_json));
  json.key("SELinuxContext").raw(raw_or_null(privileges.selinux_json));
  if (!privileges.seccomp_mode.empty()) {
    json.key("Seccomp").begin_object().field("Mode", privileges.seccomp_mode);
    json.optional_field("Profile", privileges.seccomp_profile).end_object();
  }
  if (!privileges.apparmor_mode.empty()) {
    json.key("AppArmor").begin_object().field("Mode", privileges.apparmor_mode).end_object();
  }
  json.optional_field("NoNewPrivileges", privileges.no_new_privileges);
  json.end_object();
}

void decode_dns(JsonReader& reader, model::DnsConfig& dns) {
  reader.read("Nameservers", dns.nameservers);
  reader.read("Search", dns.search);
  reader.read("Options", dns.options);
}

void decode_ulimits(JsonReader& reader, std::vector<model::Ulimit>& ulimits) {
  for (auto& item : reader.children("Ulimits", "Ulimit")) {
    auto& ulimit = ulimits.emplace_back();
    item.read("Name", ulimit.name);
    item.read("Hard", ulimit.hard);
    item.read("Soft", ulimit.soft);
  }
}

void encode_ulimits(JsonWriter& json, const std::vector<model::Ulimit>& ulimits) {
  if (ulimits.empty()) return;
  json.key("Ulimits").begin_array();
  for (const auto& ulimit : ulimits) {
    json.begin_object().field("Name", ulimit.name);
    json.field("Hard", ulimit.hard).field("Soft", ulimit.soft).end_object();
  }
  json.end_array();
}

}  // namespace

Result<void> decode_container_spec(JsonReader& reader, ContainerSpec& spec) {
  reader.read("Image", spec.image);
  reader.read("Labels", spec.labels);
  reader.read("Command", spec.command);
  reader.read("Args", spec.args);
  reader.read("Hostname", spec.hostname);
  reader.read("Env", spec.env);
  reader.read("Dir", spec.dir);
  reader.read("User", spec.user);
  reader.read("Groups", spec.groups);
  if (auto privileges = reader.child("Privileges", "Privileges")) {
    decode_privileges(*privileges, spec.privileges.emplace());
  }
  reader.read("Init", spec.init);
  reader.read("StopSignal", spec.stop_signal);
  reader.read("TTY", spec.tty);
  reader.read("OpenStdin", spec.open_stdin);
  reader.read("ReadOnly", spec.read_only);
  RETURN_IF_ERROR(decode_mounts(reader, "Mounts", spec.mounts));
  reader.read("StopGracePeriod", spec.stop_grace_period);
  if (auto health = reader.child("Healthcheck", "HealthConfig")) {
    decode_health(*health, spec.healthcheck.emplace());
  }
  reader.read("Hosts", spec.hosts);
  if (auto dns = reader.child("DNSConfig", "DNSConfig")) decode_dns(*dns, spec.dns.emplace());
  decode_files(reader, "Secret", spec.secrets);
  decode_files(reader, "Config", spec.configs);
  reader.read("Isolation", spec.isolation, "container.Isolation");
  if (spec.isolation.empty()) spec.isolation = "default";  // As it is printed.
  reader.read("Sysctls", spec.sysctls);
  reader.read("CapabilityAdd", spec.cap_add);
  reader.read("CapabilityDrop", spec.cap_drop);
  decode_ulimits(reader, spec.ulimits);
  reader.read("OomScoreAdj", spec.oom_score_adj);
  return {};
}

void encode_container_spec(JsonWriter& json, const ContainerSpec& spec) {
  json.begin_object();
  json.optional_field("Image", spec.image);
  json.optional_field("Labels", spec.labels);
  json.optional_field("Command", spec.command);
  json.optional_field("Args", spec.args);
  json.optional_field("Hostname", spec.hostname);
  json.optional_field("Env", spec.env);
  json.optional_field("Dir", spec.dir);
  json.optional_field("User", spec.user);
  json.optional_field("Groups", spec.groups);
  if (spec.privileges) {
    json.key("Privileges");
    encode_privileges(json, *spec.privileges);
  }
  if (spec.init) json.field("Init", *spec.init);
  json.optional_field("StopSignal", spec.stop_signal);
  json.optional_field("TTY", spec.tty);
  json.optional_field("OpenStdin", spec.open_stdin);
  json.optional_field("ReadOnly", spec.read_only);
  encode_mounts(json, "Mounts", spec.mounts);
  if (spec.stop_grace_period) json.field("StopGracePeriod", *spec.stop_grace_period);
  if (spec.healthcheck) {
    json.key("Healthcheck");
    encode_health(json, *spec.healthcheck);
  }
  json.optional_field("Hosts", spec.hosts);
  if (spec.dns) {
    json.key("DNSConfig").begin_object();
    json.optional_field("Nameservers", spec.dns->nameservers);
    json.optional_field("Search", spec.dns->search);
    json.optional_field("Options", spec.dns->options).end_object();
  }
  encode_files(json, "Secret", spec.secrets);
  encode_files(json, "Config", spec.configs);
  json.field("Isolation", spec.isolation.empty() ? std::string("default") : spec.isolation);
  json.optional_field("Sysctls", spec.sysctls);
  json.optional_field("CapabilityAdd", spec.cap_add);
  json.optional_field("CapabilityDrop", spec.cap_drop);
  encode_ulimits(json, spec.ulimits);
  json.optional_field("OomScoreAdj", spec.oom_score_adj);
  json.end_object();
}

}  // namespace shoal::codec
