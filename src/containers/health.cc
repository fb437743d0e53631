#include "containers/health.h"

#include <signal.h>

#include "containers/names.h"

namespace shoal::containers {
namespace {

// What a check exits with that took too long, or could not be run.
constexpr int kNoVerdict = -1;

std::vector<std::string> probe_command(const std::vector<std::string>& test) {
  if (test.front() == "CMD-SHELL") return {"/bin/sh", "-c", test.at(1)};
  return {test.begin() + 1, test.end()};
}

// Reads what the check prints until it ends or `stop` comes; keeps the first kProbeOutputMax bytes.
os::Co<> collect(engine::Attachment& streams, std::string& output, os::StopToken stop) {
  for (;;) {
    auto piece = co_await streams.read(stop);
    if (!piece || !*piece) co_return;
    output.append((*piece)->bytes, 0, kProbeOutputMax - output.size());
  }
}

os::Co<HealthProbe> run_probe(os::Loop& loop, Rng& rng, std::shared_ptr<engine::Container> run,
                              std::vector<std::string> argv, Duration timeout) {
  HealthProbe probe{.started_at = loop.now(), .exit_code = kNoVerdict};
  engine::ExecDescription description;
  description.id = make_id(rng);
  description.argv = std::move(argv);
  auto exec = co_await run->exec(std::move(description));
  if (!exec) {
    probe.output = exec.error().message.substr(0, kProbeOutputMax);
    probe.ended_at = loop.now();
    co_return probe;
  }
  os::StopSource expired;
  const auto timer = loop.at(loop.now() + timeout, [expired] { expired.stop(); });
  const auto guard = run->exited().on_stop([expired] { expired.stop(); });
  if (auto* streams = (*exec)->attachment()) {
    co_await collect(*streams, probe.output, expired.token());
    streams->hang_up();
  }
  const auto code = co_await (*exec)->wait(expired.token());
  if (code) {
    probe.exit_code = *code;
  } else if (!run->exited().stopped()) {
    ::kill((*exec)->pid(), SIGKILL);
    probe.output = fmt::format("Health check exceeded timeout ({}ms)", timeout / 1ms);
  }
  probe.ended_at = loop.now();
  co_return probe;
}

}  // namespace

HealthRules HealthRules::of(const model::HealthConfig& config) {
  HealthRules rules;
  if (config.interval > 0ns) rules.interval = config.interval;
  if (config.timeout > 0ns) rules.timeout = config.timeout;
  if (config.start_interval > 0ns) rules.start_interval = config.start_interval;
  if (config.retries > 0) rules.retries = config.retries;
  rules.start_period = config.start_period;
  return rules;
}

bool judge(Health& health, const HealthRules& rules, HealthProbe probe, Time container_started) {
  const HealthStatus before = health.status;
  const bool starting =
      before == HealthStatus::Starting && probe.started_at < container_started + rules.start_period;
  if (probe.exit_code == 0) {
    health.failing_streak = 0;
    health.status = HealthStatus::Healthy;
  } else if (!starting) {
    ++health.failing_streak;
    if (health.failing_streak >= rules.retries) health.status = HealthStatus::Unhealthy;
  }
  health.log.push_back(std::move(probe));
  if (health.log.size() > kProbesKept) health.log.pop_front();
  return health.status != before;
}

os::Co<> monitor_health(os::Loop& loop, Rng& rng, EntryRef entry, std::function<void()> on_change) {
  const auto run = entry->run;
  const auto rules = HealthRules::of(*entry->config.spec.healthcheck);
  const auto argv = probe_command(entry->config.spec.healthcheck->test);
  const os::StopToken ended = run->exited();
  while (!ended.stopped()) {
    const bool starting = entry->state.health.status == HealthStatus::Starting &&
                          loop.now() < entry->state.started_at + rules.start_period;
    co_await loop.sleep(starting ? rules.start_interval : rules.interval, ended);
    // A frozen process cannot answer: that says nothing about its health.
    if (ended.stopped() || entry->state.status == Status::Paused) continue;
    auto probe = co_await run_probe(loop, rng, run, argv, rules.timeout);
    if (ended.stopped()) co_return;
    if (judge(entry->state.health, rules, std::move(probe), entry->state.started_at)) on_change();
    entry->changed.notify();
  }
}

}  // namespace shoal::containers
