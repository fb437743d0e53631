#include "engine/oci_spec.h"

#include <algorithm>

#include "engine/capabilities.h"
#include "engine/seccomp.h"
#include "engine/spec_parts.h"
#include "engine/users.h"

namespace shoal::engine {
namespace {

using nlohmann::json;

constexpr const char* kPathDefault =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr size_t kShortId = 12;

const json kMaskedPaths = {
    "/proc/asound",     "/proc/acpi",        "/proc/interrupts",
    "/proc/kcore",      "/proc/keys",        "/proc/latency_stats",
    "/proc/timer_list", "/proc/timer_stats", "/proc/sched_debug",
    "/proc/scsi",       "/sys/firmware",     "/sys/devices/virtual/powercap"};
const json kReadonlyPaths = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys",
                             "/proc/sysrq-trigger"};

bool has_variable(const std::vector<std::string>& env, std::string_view name) {
  return std::any_of(env.begin(), env.end(), [&](const std::string& entry) {
    return entry.size() > name.size() && entry.starts_with(name) && entry[name.size()] == '=';
  });
}

std::string hostname_of(const ContainerDescription& description, const HostFacts& host) {
  const auto& config = description.config;
  if (!config.spec.hostname.empty()) return config.spec.hostname;
  if (config.uts_mode == "host" || config.network_mode == "host") return host.hostname;
  return description.id.substr(0, kShortId);
}

json environment(const ContainerDescription& description, const HostFacts& host,
                 const ProcessUser& user) {
  const auto& given = description.config.spec.env;
  std::vector<std::string> env;
  if (!has_variable(given, "PATH")) env.push_back(kPathDefault);
  if (!has_variable(given, "HOSTNAME")) env.push_back("HOSTNAME=" + hostname_of(description, host));
  if (description.config.spec.tty && !has_variable(given, "TERM")) env.push_back("TERM=xterm");
  for (const auto& entry : given) {
    if (entry.find('=') != std::string::npos) env.push_back(entry);
  }
  if (!has_variable(given, "HOME")) env.push_back("HOME=" + user.home);
  return env;
}

json user_json(const ProcessUser& user) {
  return {{"uid", user.uid}, {"gid", user.gid}, {"additionalGids", user.additional_gids}};
}

// Root keeps what is granted; another user starts with none in effect but may not gain others.
json capabilities_json(const std::vector<std::string>& granted, const ProcessUser& user) {
  const json none = json::array();
  const json held = user.uid == 0 ? json(granted) : none;
  return {{"bounding", granted},
          {"effective", held},
          {"permitted", held},
          {"inheritable", none},
          {"ambient", none}};
}

std::vector<std::string> command_line(const model::ContainerSpec& spec) {
  std::vector<std::string> line;
  if (spec.init.value_or(false)) line = {"/sbin/docker-init", "--"};
  line.insert(line.end(), spec.command.begin(), spec.command.end());
  line.insert(line.end(), spec.args.begin(), spec.args.end());
  return line;
}

Result<json> process(const ContainerDescription& description, const SpecContext& context,
                     const SecurityChoice& security, const std::vector<std::string>& granted) {
  const auto& spec = description.config.spec;
  if (spec.command.empty() && spec.args.empty()) return invalid_argument("no command specified");
  ASSIGN_OR_RETURN(const ProcessUser user,
                   resolve_user_in_root(description.rootfs, spec.user, spec.groups));
  ASSIGN_OR_RETURN(json limits, spec::rlimits(description));
  json process = {{"terminal", spec.tty},
                  {"user", user_json(user)},
                  {"args", command_line(spec)},
                  {"env", environment(description, *context.host, user)},
                  {"cwd", spec.dir.empty() ? "/" : spec.dir},
                  {"capabilities", capabilities_json(granted, user)},
                  {"noNewPrivileges", security.no_new_privileges},
                  {"oomScoreAdj", spec.oom_score_adj},
                  {"rlimits", std::move(limits)}};
  return process;
}

Result<json> linux_part(const ContainerDescription& description, const SpecContext& context,
                        const SecurityChoice& security) {
  const bool privileged = description.config.privileged;
  ASSIGN_OR_RETURN(json resources, spec::resources(description, context));
  ASSIGN_OR_RETURN(json devices, spec::devices(description));
  ASSIGN_OR_RETURN(json sysctls, spec::sysctls(description));
  json part = {{"namespaces", spec::namespaces(description, context)},
               {"cgroupsPath", context.cgroup},
               {"resources", std::move(resources)},
               {"devices", std::move(devices)},
               {"sysctl", std::move(sysctls)}};
  if (!privileged && !security.system_paths_unconfined) {
    part["maskedPaths"] = kMaskedPaths;
    part["readonlyPaths"] = kReadonlyPaths;
  }
  return part;
}

// The filter, compiled or as rules. Annotations for the runtime itself are not the user's to give:
// they could change what the container may do.
Result<BuiltSpec> confine(json spec, const ContainerDescription& description,
                          const SpecContext& context, const SecurityChoice& security,
                          const std::vector<std::string>& granted) {
  BuiltSpec built;
  json annotations = json::object();
  for (const auto& [name, value] : description.config.annotations) {
    if (!name.starts_with("run.oci.")) annotations[name] = value;
  }
  if (!description.config.privileged && !security.seccomp_unconfined && context.host->seccomp) {
    const bool own = !security.seccomp_profile.empty();
    const auto compiled = own ? std::nullopt : context.seccomp_cache->find(granted);
    if (compiled) {
      annotations["run.oci.seccomp_bpf_data"] = *compiled;
    } else {
      const SeccompContext rules{context.host->architecture, context.host->kernel_version, granted};
      const std::string& profile = own ? security.seccomp_profile : context.seccomp_profile;
      ASSIGN_OR_RETURN(spec["linux"]["seccomp"], resolve_seccomp(profile, rules));
      if (!own) built.compiles_for = granted;
    }
  }
  if (!annotations.empty()) spec["annotations"] = std::move(annotations);
  built.json = spec.dump(-1, ' ', false, json::error_handler_t::replace);
  return built;
}

Result<bool> parse_flag(std::string_view value, std::string_view option, size_t number) {
  if (value == "true" || value.empty()) return true;
  if (value == "false") return false;
  return invalid_argument("invalid --security-opt {}: \"{}\"", number, option);
}

}  // namespace

Result<SecurityChoice> parse_security(const model::ContainerConfig& config) {
  SecurityChoice choice;
  if (const auto& privileges = config.spec.privileges) {
    choice.no_new_privileges = privileges->no_new_privileges;
    choice.seccomp_unconfined = privileges->seccomp_mode == "unconfined";
    if (privileges->seccomp_mode == "custom") choice.seccomp_profile = privileges->seccomp_profile;
  }
  size_t number = 0;
  for (const auto& option : config.security_options) {
    ++number;
    const size_t at = option.find_first_of("=:");
    const std::string_view text = option;
    const std::string_view key = text.substr(0, at);
    const std::string_view value =
        at == std::string::npos ? std::string_view() : text.substr(at + 1);
    if (key == "no-new-privileges") {
      ASSIGN_OR_RETURN(choice.no_new_privileges, parse_flag(value, option, number));
    } else if (key == "seccomp") {
      choice.seccomp_unconfined = value == "unconfined";
      if (value != "unconfined" && value != "builtin") choice.seccomp_profile = value;
    } else if (key == "systempaths") {
      choice.system_paths_unconfined = value == "unconfined";
    } else if (key != "label" && key != "apparmor") {  // No such module on our machines.
      return invalid_argument("invalid --security-opt {}: \"{}\"", number, option);
    }
  }
  return choice;
}

Result<BuiltSpec> build_oci_spec(const ContainerDescription& description,
                                 const SpecContext& context) {
  const auto& config = description.config;
  ASSIGN_OR_RETURN(const SecurityChoice security, parse_security(config));
  ASSIGN_OR_RETURN(
      const auto granted,
      effective_capabilities(config.spec.cap_add, config.spec.cap_drop, config.privileged));
  ASSIGN_OR_RETURN(json process_part, process(description, context, security, granted));
  ASSIGN_OR_RETURN(json linux, linux_part(description, context, security));
  ASSIGN_OR_RETURN(json mounts, spec::mounts(description, context));
  json spec = {{"ociVersion", "1.0.2"},
               {"process", std::move(process_part)},
               {"root", {{"path", description.rootfs}, {"readonly", config.spec.read_only}}},
               {"mounts", std::move(mounts)},
               {"linux", std::move(linux)}};
  if (config.uts_mode != "host") spec["hostname"] = hostname_of(description, *context.host);
  return confine(std::move(spec), description, context, security, granted);
}

Result<std::string> build_exec_process(const std::string& container_spec,
                                       const ExecDescription& exec) {
  const json spec = json::parse(container_spec, nullptr, false);
  if (spec.is_discarded()) return internal_error("the container's specification is damaged");
  json process = spec.at("process");
  if (exec.argv.empty()) return invalid_argument("No exec command specified");
  process["args"] = exec.argv;
  process["terminal"] = exec.tty;
  if (!exec.working_dir.empty()) process["cwd"] = exec.working_dir;
  auto env = process.at("env").get<std::vector<std::string>>();
  if (exec.tty && !has_variable(env, "TERM")) env.push_back("TERM=xterm");

  auto granted = process.at("capabilities").at("bounding").get<std::vector<std::string>>();
  if (exec.privileged) {
    ASSIGN_OR_RETURN(granted, effective_capabilities({}, {}, true));
  }
  ProcessUser user;
  if (exec.user.empty()) {
    user.uid = process.at("user").at("uid");
  } else {
    ASSIGN_OR_RETURN(user, resolve_user_in_root(spec.at("root").at("path"), exec.user, {}));
    process["user"] = user_json(user);
    std::erase_if(env, [](const std::string& entry) { return entry.starts_with("HOME="); });
    env.push_back("HOME=" + user.home);
  }
  for (const auto& entry : exec.env) {
    const std::string name = entry.substr(0, entry.find('=') + 1);
    if (name.empty()) continue;
    std::erase_if(env, [&](const std::string& other) { return other.starts_with(name); });
    env.push_back(entry);
  }
  process["env"] = env;
  process["capabilities"] = capabilities_json(granted, user);
  return process.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace shoal::engine
