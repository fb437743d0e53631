#include "containers/check.h"

#include <signal.h>
#include <string.h>

#include <algorithm>
#include <charconv>
#include <set>

#include "engine/capabilities.h"

namespace shoal::containers {
namespace {

using model::ContainerConfig;
using model::MountType;

constexpr int64_t kNanoCpus = 1'000'000'000;

Result<void> check_memory(ContainerConfig& config, const MachineLimits& machine,
                          std::vector<std::string>& warnings) {
  const int64_t memory = config.memory_bytes;
  if (memory < 0) return invalid_argument("invalid memory limit: {}", memory);
  if (memory != 0 && memory < kMemoryMinBytes) {
    return invalid_argument("Minimum memory limit allowed is 6MB");
  }
  if (memory > 0 && config.memory_swap_bytes > 0 && config.memory_swap_bytes < memory) {
    return invalid_argument(
        "Minimum memoryswap limit should be larger than memory limit, see usage");
  }
  if (memory == 0 && config.memory_swap_bytes > 0) {
    return invalid_argument(
        "You should always set the Memory limit when using Memoryswap limit, see usage");
  }
  if (config.memory_reservation_bytes != 0 && config.memory_reservation_bytes < kMemoryMinBytes) {
    return invalid_argument("Minimum memory reservation allowed is 6MB");
  }
  if (memory > 0 && memory < config.memory_reservation_bytes) {
    return invalid_argument(
        "Minimum memory limit can not be less than memory reservation limit, see usage");
  }
  if (memory > 0 && config.memory_swap_bytes != -1 && !machine.swap_limit) {
    if (config.memory_swap_bytes > 0) {
      warnings.push_back(
          "Your kernel does not support swap limit capabilities or the cgroup is not mounted. "
          "Memory limited without swap.");
    }
    config.memory_swap_bytes = -1;
  }
  return {};
}

Result<void> check_cpus(const ContainerConfig& config, const MachineLimits& machine) {
  if (config.nano_cpus > 0 && config.cpu_period_us > 0) {
    return invalid_argument("Conflicting options: Nano CPUs and CPU Period cannot both be set");
  }
  if (config.nano_cpus > 0 && config.cpu_quota_us > 0) {
    return invalid_argument("Conflicting options: Nano CPUs and CPU Quota cannot both be set");
  }
  if (config.nano_cpus < 0 || config.nano_cpus > machine.cpu_count * kNanoCpus) {
    return invalid_argument(
        "range of CPUs is from 0.01 to {}.00, as there are only {} CPUs available",
        machine.cpu_count, machine.cpu_count);
  }
  if (config.cpu_period_us != 0 &&
      (config.cpu_period_us < 1000 || config.cpu_period_us > 1000000)) {
    return invalid_argument(
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)");
  }
  if (config.cpu_quota_us > 0 && config.cpu_quota_us < 1000) {
    return invalid_argument("CPU cfs quota can not be less than 1ms (i.e. 1000)");
  }
  if (config.cpu_shares < 0) return invalid_argument("invalid CPU shares: {}", config.cpu_shares);
  return {};
}

Result<void> check_limits(const ContainerConfig& config) {
  if (config.pids_max < -1) return invalid_argument("invalid pids limit: {}", config.pids_max);
  if (config.shm_size_bytes < 0) return invalid_argument("SHM size can not be less than 0");
  if (config.spec.oom_score_adj < -1000 || config.spec.oom_score_adj > 1000) {
    return invalid_argument("Invalid value {}, range for oom score adj is [-1000, 1000]",
                            config.spec.oom_score_adj);
  }
  return {};
}

Result<void> check_health(const model::HealthConfig& health) {
  const auto too_short = [](Duration value) { return value != 0ns && value < 1ms; };
  if (too_short(health.interval)) {
    return invalid_argument("Interval in Healthcheck cannot be less than 1ms");
  }
  if (too_short(health.timeout)) {
    return invalid_argument("Timeout in Healthcheck cannot be less than 1ms");
  }
  if (too_short(health.start_period)) {
    return invalid_argument("StartPeriod in Healthcheck cannot be less than 1ms");
  }
  if (too_short(health.start_interval)) {
    return invalid_argument("StartInterval in Healthcheck cannot be less than 1ms");
  }
  if (health.retries < 0) return invalid_argument("Retries in Healthcheck cannot be negative");
  if (!health.test.empty()) {
    const auto& kind = health.test.front();
    if (kind != "NONE" && kind != "CMD" && kind != "CMD-SHELL") {
      return invalid_argument(
          "Unknown healthcheck type '{}' (expected 'CMD', 'CMD-SHELL' or 'NONE')", kind);
    }
    if (kind != "NONE" && health.test.size() < 2) {
      return invalid_argument("Missing command in Healthcheck of type {}", kind);
    }
  }
  return {};
}

Result<void> check_restart(const ContainerConfig& config) {
  if (config.restart_max_attempts < 0) {
    return invalid_argument("invalid restart policy: maximum retry count cannot be negative");
  }
  if (config.restart_max_attempts > 0 && config.restart != model::ContainerRestart::OnFailure) {
    return invalid_argument(
        "invalid restart policy: maximum retry count can only be used with 'on-failure'");
  }
  if (config.auto_remove && config.restart != model::ContainerRestart::No) {
    return invalid_argument("can't create 'AutoRemove' container with restart policy");
  }
  return {};
}

std::string_view type_name(MountType type) {
  switch (type) {
    case MountType::Bind:
      return "bind";
    case MountType::Volume:
      return "volume";
    case MountType::Tmpfs:
      return "tmpfs";
    case MountType::Npipe:
      return "npipe";
    case MountType::Cluster:
      return "cluster";
  }
  return "";
}

Result<void> check_mount(const model::Mount& mount) {
  const auto type = type_name(mount.type);
  const auto refuse = [&](std::string_view why) {
    return invalid_argument("invalid mount config for type \"{}\": {}", type, why);
  };
  if (mount.target.empty()) return refuse("field Target must not be empty");
  if (mount.target.front() != '/') {
    return refuse(
        fmt::format("invalid mount path: '{}' mount path must be absolute", mount.target));
  }
  if (mount.target.find_first_not_of('/') == std::string::npos) {
    return refuse("invalid specification: destination can't be '/'");
  }
  if (mount.type == MountType::Npipe || mount.type == MountType::Cluster) {
    return refuse("mounts of this type are not supported on this node");
  }
  if (mount.type == MountType::Bind) {
    if (mount.source.empty()) return refuse("field Source must not be empty");
    if (mount.source.front() != '/') {
      return refuse(
          fmt::format("invalid mount path: '{}' mount path must be absolute", mount.source));
    }
  }
  if (mount.type == MountType::Tmpfs && !mount.source.empty()) {
    return refuse("field Source must not be specified");
  }
  if (mount.tmpfs_size_bytes < 0)
    return refuse("field TmpfsOptions.SizeBytes must not be negative");
  return {};
}

Result<void> check_mounts(const std::vector<model::Mount>& mounts) {
  std::set<std::string_view> targets;
  for (const auto& mount : mounts) {
    RETURN_IF_ERROR(check_mount(mount));
    if (!targets.insert(mount.target).second) {
      return invalid_argument("Duplicate mount point: {}", mount.target);
    }
  }
  return {};
}

Result<void> check_security_options(const std::vector<std::string>& options) {
  for (const auto& option : options) {
    const auto key = option.substr(0, option.find_first_of("=:"));
    const bool bare = key.size() == option.size();
    if (option == "no-new-privileges") continue;
    if (bare || (key != "seccomp" && key != "apparmor" && key != "label" &&
                 key != "no-new-privileges" && key != "systempaths")) {
      return invalid_argument("invalid --security-opt 2: \"{}\"", option);
    }
  }
  return {};
}

Result<void> check_capabilities(const ContainerConfig& config) {
  const auto held =
      engine::effective_capabilities(config.spec.cap_add, config.spec.cap_drop, config.privileged);
  if (!held) return std::unexpected(held.error());
  return {};
}

Result<void> check_modes(const ContainerConfig& config) {
  const bool shares_network = config.network_mode.starts_with("container:");
  if (shares_network && !config.spec.hostname.empty()) {
    return invalid_argument("conflicting options: hostname and the network mode");
  }
  if (shares_network && (!config.ports.empty() || config.publish_all)) {
    return invalid_argument(
        "conflicting options: port publishing and the container type network mode");
  }
  if (config.uts_mode == "host" && !config.spec.hostname.empty()) {
    return invalid_argument("conflicting options: hostname and the UTS mode");
  }
  const auto one_of = [](std::string_view text, std::initializer_list<std::string_view> known) {
    return text.starts_with("container:") ||
           std::find(known.begin(), known.end(), text) != known.end();
  };
  if (!one_of(config.pid_mode, {"", "host"})) {
    return invalid_argument("invalid PID mode: {}", config.pid_mode);
  }
  if (!one_of(config.ipc_mode, {"", "none", "private", "shareable", "host"})) {
    return invalid_argument("invalid IPC mode: {}", config.ipc_mode);
  }
  if (config.uts_mode != "" && config.uts_mode != "host") {
    return invalid_argument("invalid UTS mode: {}", config.uts_mode);
  }
  return {};
}

Result<void> check_log_driver(const ContainerConfig& config) {
  if (!config.log_driver || config.log_driver->name.empty()) return {};
  const auto& name = config.log_driver->name;
  if (name == "json-file" || name == "local" || name == "none") return {};
  return invalid_argument("logger: no log driver named '{}' is registered", name);
}

Result<void> check_process(const model::ContainerSpec& spec) {
  if (!spec.dir.empty() && spec.dir.front() != '/') {
    return invalid_argument(
        "the working directory '{}' is invalid, it needs to be an absolute path", spec.dir);
  }
  for (const auto& variable : spec.env) {
    if (variable.empty() || variable.front() == '=') {
      return invalid_argument("invalid environment variable: {}", variable);
    }
  }
  if (!spec.stop_signal.empty()) RETURN_IF_ERROR(parse_signal(spec.stop_signal));
  if (spec.healthcheck) RETURN_IF_ERROR(check_health(*spec.healthcheck));
  return {};
}

}  // namespace

Result<std::vector<std::string>> check_config(ContainerConfig& config,
                                              const MachineLimits& machine) {
  std::vector<std::string> warnings;
  RETURN_IF_ERROR(check_process(config.spec));
  RETURN_IF_ERROR(check_restart(config));
  RETURN_IF_ERROR(check_memory(config, machine, warnings));
  RETURN_IF_ERROR(check_cpus(config, machine));
  RETURN_IF_ERROR(check_limits(config));
  RETURN_IF_ERROR(check_mounts(config.spec.mounts));
  RETURN_IF_ERROR(check_capabilities(config));
  RETURN_IF_ERROR(check_security_options(config.security_options));
  RETURN_IF_ERROR(check_modes(config));
  RETURN_IF_ERROR(check_log_driver(config));
  return warnings;
}

Result<int> parse_signal(std::string_view text) {
  const auto unknown = [&] { return invalid_argument("invalid signal: {}", text); };
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error == std::errc() && end == text.data() + text.size()) {
    if (number <= 0 || number > SIGRTMAX) return unknown();
    return number;
  }
  std::string name(text);
  std::transform(name.begin(), name.end(), name.begin(), ::toupper);
  if (name.starts_with("SIG")) name.erase(0, 3);
  for (const auto& [prefix, base, sign] :
       {std::tuple{"RTMIN+", SIGRTMIN, 1}, std::tuple{"RTMAX-", SIGRTMAX, -1}}) {
    if (!name.starts_with(prefix)) continue;
    const std::string_view rest = std::string_view(name).substr(strlen(prefix));
    int offset = 0;
    const auto parsed = std::from_chars(rest.data(), rest.data() + rest.size(), offset);
    if (parsed.ec != std::errc() || parsed.ptr != rest.data() + rest.size() || offset < 0 ||
        offset > SIGRTMAX - SIGRTMIN) {
      return unknown();
    }
    return base + sign * offset;
  }
  for (int candidate = 1; candidate < NSIG; ++candidate) {
    const char* abbreviation = ::sigabbrev_np(candidate);
    if (abbreviation && name == abbreviation) return candidate;
  }
  return unknown();
}

}  // namespace shoal::containers
