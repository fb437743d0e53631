// Inside codec/wire only: texts of the model in the order of the public protocol's numbers. A word
// that stands for "not given" in the model stands at the number that means the same.
#pragma once

#include <string_view>

namespace shoal::wire {

inline constexpr std::string_view kPropagations[] = {"",       "private", "rshared",
                                                     "shared", "rslave",  "slave"};
inline constexpr std::string_view kConsistencies[] = {"", "consistent", "cached", "delegated"};
inline constexpr std::string_view kSeccompModes[] = {"default", "unconfined", "custom"};
inline constexpr std::string_view kApparmorModes[] = {"default", "disabled"};
inline constexpr std::string_view kIsolations[] = {"default", "process", "hyperv"};

// A task's runtime that needs no mention.
inline constexpr std::string_view kContainerRuntime = "container";

}  // namespace shoal::wire
