#include "images/platform.h"

#include <sys/utsname.h>

#include <algorithm>
#include <array>

#include "base/check.h"

namespace shoal::images {
namespace {

struct Architecture {
  std::string_view kernel;  // as uname -m says
  std::string_view name;    // as Go, and so every image, says
  std::string_view variant;
};
constexpr std::array<Architecture, 7> kArchitectures{{{"x86_64", "amd64", ""},
                                                      {"aarch64", "arm64", "v8"},
                                                      {"armv7l", "arm", "v7"},
                                                      {"i686", "386", ""},
                                                      {"ppc64le", "ppc64le", ""},
                                                      {"s390x", "s390x", ""},
                                                      {"riscv64", "riscv64", ""}}};

Platform this_machine() {
  utsname names{};
  CHECK(::uname(&names) == 0);
  Platform platform{.architecture = names.machine, .os = "linux"};
  for (const auto& known : kArchitectures) {
    if (known.kernel != names.machine) continue;
    platform.architecture = known.name;
    // "arm64" means "arm64/v8": only the 32-bit ones are told apart.
    if (known.name == "arm") platform.variant = known.variant;
  }
  return platform;
}

}  // namespace

Result<Platform> parse_platform(std::string_view text) {
  Platform platform = this_machine();
  if (text.empty()) return platform;
  std::array<std::string, 3> parts;
  size_t count = 0;
  for (size_t begin = 0; begin <= text.size(); ++count) {
    const size_t end = std::min(text.find('/', begin), text.size());
    if (count == parts.size() || end == begin) {
      return invalid_argument("\"{}\" is an invalid OS/architecture", text);
    }
    parts[count] = text.substr(begin, end - begin);
    begin = end + 1;
  }
  if (count == 1 && parts[0] != "linux") {
    platform.architecture = parts[0];  // "arm64" alone names the architecture.
    return platform;
  }
  platform.os = parts[0];
  if (count > 1) {
    platform.architecture = parts[1];
    platform.variant = parts[2];
  }
  return platform;
}

bool platform_fits(const Platform& wanted, const Platform& offered) {
  if (wanted.os != offered.os || wanted.architecture != offered.architecture) return false;
  return wanted.variant.empty() || offered.variant.empty() || wanted.variant == offered.variant;
}

}  // namespace shoal::images
