// CHECK: a broken invariant ends the process, in every build, with the place and the values.
#pragma once

#include <fmt/core.h>

#include <string>

namespace shoal {

[[noreturn]] void check_failed(const char* file, int line, const char* condition,
                               const std::string& detail);

}  // namespace shoal

#define CHECK(condition, ...)                                                                  \
  do {                                                                                         \
    if (!(condition)) [[unlikely]]                                                             \
      ::shoal::check_failed(__FILE__, __LINE__, #condition, ::shoal::check_text(__VA_ARGS__)); \
  } while (false)

namespace shoal {
inline std::string check_text() {
  return {};
}
template <class... Args>
std::string check_text(fmt::format_string<Args...> text, Args&&... args) {
  return fmt::format(text, std::forward<Args>(args)...);
}
}  // namespace shoal
