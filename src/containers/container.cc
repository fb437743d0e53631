#include "containers/container.h"

#include <array>

namespace shoal::containers {
namespace {

constexpr std::array<std::string_view, 7> kStatusNames = {
    "created", "running", "paused", "restarting", "removing", "exited", "dead"};
constexpr std::array<std::string_view, 4> kHealthNames = {"none", "starting", "healthy",
                                                          "unhealthy"};
constexpr Duration kDefaultStopGrace = 10s;

}  // namespace

std::string_view status_name(Status status) {
  return kStatusNames[size_t(status)];
}

std::optional<Status> parse_status(std::string_view name) {
  for (size_t i = 0; i < kStatusNames.size(); ++i) {
    if (kStatusNames[i] == name) return Status(i);
  }
  return std::nullopt;
}

std::string_view health_name(HealthStatus status) {
  return kHealthNames[size_t(status)];
}

std::string Container::stop_signal() const {
  return config.spec.stop_signal.empty() ? "SIGTERM" : config.spec.stop_signal;
}

Duration Container::stop_grace_period() const {
  return config.spec.stop_grace_period.value_or(kDefaultStopGrace);
}

bool Container::has_health_check() const {
  const auto& check = config.spec.healthcheck;
  return check && !check->test.empty() && check->test.front() != "NONE";
}

}  // namespace shoal::containers
