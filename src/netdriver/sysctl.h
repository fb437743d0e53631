// Kernel settings below /proc/sys. Those below net/ are the calling thread's network namespace's.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::netdriver {

// `path` is relative: "net/ipv4/ip_forward". NotFound when this kernel does not have it.
Result<void> write_sysctl(const std::string& path, std::string_view value);
// Without the line's end.
Result<std::string> read_sysctl(const std::string& path);

}  // namespace shoal::netdriver
