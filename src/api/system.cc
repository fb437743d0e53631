#include "api/system.h"

#include "api/http/ping.h"
#include "api/lookup.h"
#include "codec/json_objects.h"
#include "dispatcher/heartbeats.h"

namespace shoal::api {
namespace {

using codec::JsonWriter;

std::string_view state_word(LocalNodeState state) {
  switch (state) {
    case LocalNodeState::Inactive:
      return "inactive";
    case LocalNodeState::Pending:
      return "pending";
    case LocalNodeState::Active:
      return "active";
    case LocalNodeState::Error:
      return "error";
    case LocalNodeState::Locked:
      return "locked";
  }
  return "error";
}

// Go's name of the architecture, which the client prints and compares with images.
std::string_view go_architecture(std::string_view machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

void write_plugins(JsonWriter& json) {
  json.key("Plugins").begin_object();
  json.field("Volume", std::vector<std::string>{"local"});
  json.field("Network", std::vector<std::string>{"bridge", "host", "null"});
  json.key("Authorization").null();
  json.field("Log", std::vector<std::string>{"json-file"}).end_object();
}

void write_registries(JsonWriter& json, const std::vector<std::string>& insecure) {
  json.key("RegistryConfig").begin_object();
  json.field("InsecureRegistryCIDRs", std::vector<std::string>{"127.0.0.0/8", "::1/128"});
  json.key("IndexConfigs").begin_object();
  for (const auto& name : insecure) {
    json.key(name).begin_object().field("Name", name);
    json.field("Mirrors", std::vector<std::string>{});
    json.field("Secure", false).field("Official", false).end_object();
  }
  json.end_object();
  json.field("Mirrors", std::vector<std::string>{}).end_object();
}

}  // namespace

void SystemApi::add_routes(Router& router) {
  add_ping(router, [this] { return swarm_header(context_.swarm); });
  router.get("/info", [this](Request& q, Responder& p) { return info(q, p); });
  router.get("/version", [this](Request& q, Responder& p) { return version(q, p); });
}

void SystemApi::write_machine(JsonWriter& json) const {
  for (const char* limit : {"MemoryLimit", "CpuCfsPeriod", "CpuCfsQuota", "CPUShares", "CPUSet",
                            "PidsLimit", "IPv4Forwarding", "OomKillDisable"}) {
    json.field(limit, true);
  }
  json.field("SwapLimit", facts_.swap_limit);
  json.field("Debug", facts_.debug);
  json.field("NEventsListener", events_.listener_count());
  json.field("SystemTime", to_rfc3339_nano(context_.loop.wall_now()));
  json.field("LoggingDriver", "json-file").field("CgroupDriver", "cgroupfs");
  json.field("CgroupVersion", std::to_string(facts_.cgroup_version));
  json.field("KernelVersion", facts_.kernel_version);
  json.field("OperatingSystem", facts_.operating_system);
  json.field("OSVersion", facts_.os_version).field("OSType", "linux");
  json.field("Architecture", facts_.architecture);
  json.field("IndexServerAddress", "https://index.docker.io/v1/");
  write_registries(json, facts_.insecure_registries);
  json.field("NCPU", facts_.cpu_count).field("MemTotal", facts_.memory_bytes);
  json.key("GenericResources").null();
  json.field("DockerRootDir", facts_.root_dir);
  json.field("HttpProxy", "").field("HttpsProxy", "").field("NoProxy", "");
  json.field("Name", facts_.hostname).field("Labels", facts_.labels);
  json.field("ExperimentalBuild", false).field("ServerVersion", facts_.shoal_version);
  json.key("Runtimes").begin_object().key("crun").begin_object();
  json.field("path", "crun").end_object().end_object();
  json.field("DefaultRuntime", "crun");
}

void SystemApi::write_swarm(JsonWriter& json) const {
  SwarmBackend& swarm = context_.swarm;
  json.begin_object().field("NodeID", swarm.node_id().view());
  json.field("NodeAddr", swarm.node_address());
  json.field("LocalNodeState", state_word(swarm.state()));
  store::Store* store = swarm.store();
  json.field("ControlAvailable", store != nullptr).field("Error", swarm.error());
  json.key("RemoteManagers");
  const auto managers = swarm.remote_managers();
  if (managers.empty()) {
    json.null();
  } else {
    json.begin_array();
    for (const auto& manager : managers) {
      json.begin_object().field("NodeID", manager.node.view());
      json.field("Addr", manager.address).end_object();
    }
    json.end_array();
  }
  if (store) {
    const auto& nodes = store->read().nodes();
    json.field("Nodes", nodes.size());
    json.field("Managers", managers.size());
    if (const auto cluster = find_cluster(store->read())) {
      json.key("Cluster");
      const Duration heartbeat =
          dispatcher::effective_heartbeat_period((*cluster)->spec.heartbeat_period, nodes.size());
      codec::encode_cluster(json, **cluster, heartbeat, false);
    }
  }
  json.end_object();
}

os::Co<Result<void>> SystemApi::info(Request&, Responder& responder) {
  const SystemCounts counts = counts_();
  JsonWriter json;
  json.begin_object().field("ID", facts_.daemon_id);
  json.field("Containers", counts.containers).field("ContainersRunning", counts.running);
  json.field("ContainersPaused", counts.paused).field("ContainersStopped", counts.stopped);
  json.field("Images", counts.images).field("Driver", "overlay2");
  json.key("DriverStatus").begin_array().end_array();
  write_plugins(json);
  write_machine(json);
  json.key("Swarm");
  write_swarm(json);
  json.field("LiveRestoreEnabled", true);  // Containers outlive the daemon.
  json.field("Isolation", "").field("InitBinary", "catatonit");
  for (const char* part : {"ContainerdCommit", "RuncCommit", "InitCommit"}) {
    json.key(part).begin_object().field("ID", "").field("Expected", "").end_object();
  }
  json.key("SecurityOptions").begin_array();
  if (facts_.seccomp) json.value("name=seccomp,profile=builtin");
  json.end_array();
  json.key("Warnings").null();
  json.end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

os::Co<Result<void>> SystemApi::version(Request&, Responder& responder) {
  const std::string_view arch = go_architecture(facts_.architecture);
  JsonWriter json;
  json.begin_object().key("Platform").begin_object().field("Name", "Shoal").end_object();
  json.key("Components").begin_array().begin_object();
  json.field("Name", "Engine").field("Version", facts_.shoal_version);
  json.key("Details").begin_object();
  json.field("ApiVersion", "1.50").field("Arch", arch).field("BuildTime", "");
  json.field("Experimental", "false").field("GitCommit", "").field("GoVersion", "");
  json.field("KernelVersion", facts_.kernel_version).field("MinAPIVersion", "1.24");
  json.field("Os", "linux").end_object().end_object().end_array();
  json.field("Version", facts_.shoal_version).field("ApiVersion", "1.50");
  json.field("MinAPIVersion", "1.24").field("GitCommit", "").field("GoVersion", "");
  json.field("Os", "linux").field("Arch", arch);
  json.field("KernelVersion", facts_.kernel_version).field("BuildTime", "").end_object();
  responder.json(200, json.take());
  co_return Result<void>{};
}

}  // namespace shoal::api
