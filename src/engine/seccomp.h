// Turns a seccomp profile in Docker's format, whose rules depend on the architecture, the kernel
// and the capabilities granted, into the OCI format, where nothing depends on anything.
#pragma once

#include <nlohmann/json_fwd.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace shoal::engine {

struct SeccompContext {
  std::string machine;         // as uname says: "x86_64", "aarch64"
  std::string kernel_version;  // "6.1.0-18-amd64", for rules with a minimum
  std::vector<std::string> capabilities;
};

// linux.seccomp of the OCI specification. InvalidArgument when the profile is no JSON object of
// that form: "decoding seccomp profile failed: …".
Result<nlohmann::json> resolve_seccomp(std::string_view profile, const SeccompContext& context);

}  // namespace shoal::engine
