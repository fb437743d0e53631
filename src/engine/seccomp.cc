#include "engine/seccomp.h"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

namespace shoal::engine {
namespace {

using nlohmann::json;

// Go's name of the architecture, which the rules use, and libseccomp's.
struct Architecture {
  std::string_view machine, go_name, native;
};
constexpr Architecture kArchitectures[] = {
    {"x86_64", "amd64", "SCMP_ARCH_X86_64"},     {"aarch64", "arm64", "SCMP_ARCH_AARCH64"},
    {"armv7l", "arm", "SCMP_ARCH_ARM"},          {"i686", "x86", "SCMP_ARCH_X86"},
    {"ppc64le", "ppc64le", "SCMP_ARCH_PPC64LE"}, {"s390x", "s390x", "SCMP_ARCH_S390X"},
    {"riscv64", "riscv64", "SCMP_ARCH_RISCV64"},
};

const Architecture* architecture_of(std::string_view machine) {
  for (const auto& candidate : kArchitectures) {
    if (candidate.machine == machine) return &candidate;
  }
  return nullptr;
}

bool contains(const json& list, std::string_view text) {
  return std::any_of(list.begin(), list.end(),
                     [&](const json& entry) { return entry.get<std::string>() == text; });
}

// Whether "6.1.0-18" is at least "4.8".
bool kernel_at_least(const std::string& have, const std::string& want) {
  int have_major = 0, have_minor = 0, want_major = 0, want_minor = 0;
  std::sscanf(have.c_str(), "%d.%d", &have_major, &have_minor);
  std::sscanf(want.c_str(), "%d.%d", &want_major, &want_minor);
  return std::pair(have_major, have_minor) >= std::pair(want_major, want_minor);
}

// Every condition named must hold for "includes"; any one that holds counts for "excludes".
struct Match {
  bool all = true;
  bool any = false;
  void add(bool holds) {
    all = all && holds;
    any = any || holds;
  }
};

Match match(const json& conditions, std::string_view go_name, const SeccompContext& context) {
  Match match;
  const json arches = conditions.value("arches", json::array());
  if (!arches.empty()) match.add(contains(arches, go_name));
  for (const auto& capability : conditions.value("caps", json::array())) {
    const auto& granted = context.capabilities;
    match.add(std::find(granted.begin(), granted.end(), capability.get<std::string>()) !=
              granted.end());
  }
  if (conditions.contains("minKernel")) {
    match.add(kernel_at_least(context.kernel_version, conditions.at("minKernel")));
  }
  return match;
}

bool applies(const json& rule, std::string_view go_name, const SeccompContext& context) {
  const json none = json::object();
  const json& includes = rule.contains("includes") ? rule.at("includes") : none;
  const json& excludes = rule.contains("excludes") ? rule.at("excludes") : none;
  return match(includes, go_name, context).all && !match(excludes, go_name, context).any;
}

json plain_rule(const json& rule) {
  json plain = {{"action", rule.at("action")}};
  plain["names"] = rule.contains("names") && !rule.at("names").empty()
                       ? rule.at("names")
                       : json::array({rule.at("name")});
  if (rule.contains("errnoRet") && !rule.at("errnoRet").is_null()) {
    plain["errnoRet"] = rule.at("errnoRet");
  }
  if (rule.contains("args") && !rule.at("args").is_null() && !rule.at("args").empty()) {
    plain["args"] = rule.at("args");
  }
  return plain;
}

json architectures(const json& profile, const Architecture* host) {
  if (profile.contains("architectures")) return profile.at("architectures");
  json list = json::array();
  if (!host) return list;
  list.push_back(host->native);
  for (const auto& entry : profile.value("archMap", json::array())) {
    if (entry.at("architecture").get<std::string>() != host->native) continue;
    for (const auto& other : entry.value("subArchitectures", json::array())) list.push_back(other);
  }
  return list;
}

json resolve(const json& profile, const SeccompContext& context) {
  const Architecture* host = architecture_of(context.machine);
  const std::string_view go_name = host ? host->go_name : context.machine;
  json result = {{"defaultAction", profile.at("defaultAction")},
                 {"architectures", architectures(profile, host)},
                 {"syscalls", json::array()}};
  if (profile.contains("defaultErrnoRet")) {
    result["defaultErrnoRet"] = profile.at("defaultErrnoRet");
  }
  for (const auto& rule : profile.value("syscalls", json::array())) {
    if (applies(rule, go_name, context)) result["syscalls"].push_back(plain_rule(rule));
  }
  return result;
}

}  // namespace

Result<json> resolve_seccomp(std::string_view profile, const SeccompContext& context) {
  try {
    return resolve(json::parse(profile), context);
  } catch (const json::exception& error) {
    return invalid_argument("decoding seccomp profile failed: {}", error.what());
  }
}

}  // namespace shoal::engine
