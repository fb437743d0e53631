// The OCI runtime specification (config.json) of a container, and the process part of it for an
// exec, with Docker's defaults wherever the description says nothing.
//
// Everything here blocks a little: it looks at the root file system (user, group), at sources of
// bind mounts and at device files, so it runs on the pool.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "engine/description.h"
#include "engine/exec.h"
#include "engine/host.h"
#include "engine/seccomp_cache.h"

namespace shoal::engine {

struct SpecContext {
  const HostFacts* host = nullptr;
  std::string cgroup;           // "/shoal/ID"
  std::string seccomp_profile;  // Docker's format; the text, not the path
  std::string init;             // path of the init program on this machine
  const SeccompCache* seccomp_cache = nullptr;
};

struct BuiltSpec {
  std::string json;
  // Set when the runtime will compile Docker's profile for these capabilities: worth keeping.
  std::optional<std::vector<std::string>> compiles_for;
};

// Errors carry Docker's words for what the user gave wrongly (InvalidArgument).
Result<BuiltSpec> build_oci_spec(const ContainerDescription& description,
                                 const SpecContext& context);

// The process of an exec in the container whose specification is `container_spec` (as built above):
// same user, environment, folder and limits unless the description says otherwise.
Result<std::string> build_exec_process(const std::string& container_spec,
                                       const ExecDescription& exec);

// The seccomp profile that `security_options` ask for: Docker's default, none, or their own text.
// Also used to refuse unknown options early.
struct SecurityChoice {
  bool no_new_privileges = false;
  bool seccomp_unconfined = false;
  std::string seccomp_profile;  // empty: the default
  bool system_paths_unconfined = false;
};
// InvalidArgument: `invalid --security-opt 2: "foo"`.
Result<SecurityChoice> parse_security(const model::ContainerConfig& config);

}  // namespace shoal::engine
