#include "containers/health.h"

#include <gtest/gtest.h>

namespace shoal::containers {
namespace {

constexpr Time kStart{1'000'000'000'000};

HealthProbe probe(int exit_code, Duration after) {
  return {.started_at = kStart + after, .ended_at = kStart + after, .exit_code = exit_code};
}

TEST(Health, DefaultsAreDockers) {
  const auto rules = HealthRules::of({});
  EXPECT_EQ(rules.interval, 30s);
  EXPECT_EQ(rules.timeout, 30s);
  EXPECT_EQ(rules.start_period, 0s);
  EXPECT_EQ(rules.start_interval, 5s);
  EXPECT_EQ(rules.retries, 3);
}

TEST(Health, OneSuccessIsHealthyAndRetriesInARowAreNot) {
  const HealthRules rules{.retries = 2};
  Health health{.status = HealthStatus::Starting};
  EXPECT_TRUE(judge(health, rules, probe(0, 1s), kStart));
  EXPECT_EQ(health.status, HealthStatus::Healthy);
  EXPECT_FALSE(judge(health, rules, probe(1, 2s), kStart));
  EXPECT_FALSE(judge(health, rules, probe(0, 3s), kStart));
  EXPECT_FALSE(judge(health, rules, probe(1, 4s), kStart));
  EXPECT_TRUE(judge(health, rules, probe(-1, 5s), kStart));
  EXPECT_EQ(health.status, HealthStatus::Unhealthy);
  EXPECT_EQ(health.failing_streak, 2);
  EXPECT_TRUE(judge(health, rules, probe(0, 6s), kStart));
  EXPECT_EQ(health.status, HealthStatus::Healthy);
}

TEST(Health, FailuresOfTheStartPeriodDoNotCountUntilItWasHealthy) {
  const HealthRules rules{.start_period = 10s, .retries = 1};
  Health health{.status = HealthStatus::Starting};
  EXPECT_FALSE(judge(health, rules, probe(1, 9s), kStart));
  EXPECT_EQ(health.failing_streak, 0);
  EXPECT_TRUE(judge(health, rules, probe(1, 10s), kStart));
  EXPECT_EQ(health.status, HealthStatus::Unhealthy);

  Health early{.status = HealthStatus::Starting};
  EXPECT_TRUE(judge(early, rules, probe(0, 1s), kStart));
  EXPECT_TRUE(judge(early, rules, probe(1, 2s), kStart));
  EXPECT_EQ(early.status, HealthStatus::Unhealthy);
}

TEST(Health, KeepsTheLastFewChecks) {
  Health health{.status = HealthStatus::Starting};
  for (int i = 0; i < 9; ++i) judge(health, {}, probe(i, 1s), kStart);
  ASSERT_EQ(health.log.size(), kProbesKept);
  EXPECT_EQ(health.log.front().exit_code, 4);
  EXPECT_EQ(health.log.back().exit_code, 8);
}

}  // namespace
}  // namespace shoal::containers
