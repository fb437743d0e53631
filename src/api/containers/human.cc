#include "api/containers/human.h"

namespace shoal::api {

std::string human_duration(Duration duration) {
  constexpr int64_t kDay = 24, kWeek = 7 * kDay, kMonth = 30 * kDay, kYear = 365 * kDay;  // hours
  const int64_t seconds = duration / 1s;
  if (seconds < 1) return "Less than a second";
  if (seconds == 1) return "1 second";
  if (seconds < 60) return fmt::format("{} seconds", seconds);
  const int64_t minutes = seconds / 60;
  if (minutes == 1) return "About a minute";
  if (minutes < 60) return fmt::format("{} minutes", minutes);
  const int64_t hours = (seconds + 1800) / 3600;  // rounded
  if (hours == 1) return "About an hour";
  if (hours < 2 * kDay) return fmt::format("{} hours", hours);
  if (hours < 2 * kWeek) return fmt::format("{} days", hours / kDay);
  if (hours < 2 * kMonth) return fmt::format("{} weeks", hours / kWeek);
  if (hours < 2 * kYear) return fmt::format("{} months", hours / kMonth);
  return fmt::format("{} years", hours / kYear);
}

std::string status_text(const containers::State& state, Time now) {
  using containers::HealthStatus;
  using containers::Status;
  switch (state.status) {
    case Status::Created:
      return "Created";
    case Status::Running: {
      std::string text = "Up " + human_duration(now - state.started_at);
      if (state.health.status == HealthStatus::Starting) return text + " (health: starting)";
      if (state.health.status == HealthStatus::None) return text;
      return fmt::format("{} ({})", text, containers::health_name(state.health.status));
    }
    case Status::Paused:
      return fmt::format("Up {} (Paused)", human_duration(now - state.started_at));
    case Status::Restarting:
      return fmt::format("Restarting ({}) {} ago", state.exit_code,
                         human_duration(now - state.finished_at));
    case Status::Removing:
      return "Removal In Progress";
    case Status::Dead:
      return "Dead";
    case Status::Exited:
      return fmt::format("Exited ({}) {} ago", state.exit_code,
                         human_duration(now - state.finished_at));
  }
  return "";
}

}  // namespace shoal::api
