#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <signal.h>

#include "engine/support_test.h"

namespace shoal::engine {
namespace {

using ::testing::HasSubstr;
using testing::Machine;
using testing::run_on;

TEST(Container, RunsAProgramAndGivesItsExitCode) {
  Machine machine;
  EXPECT_EQ(machine.run(machine.describe({"true"})).code, 0);
  EXPECT_EQ(machine.run(machine.describe({"sh", "-c", "exit 42"})).code, 42);
}

TEST(Container, KeepsItsOutputInTheLog) {
  Machine machine;
  EXPECT_EQ(machine.output_of({"echo", "hello"}), "hello\n");
}

}  // namespace
}  // namespace shoal::engine
