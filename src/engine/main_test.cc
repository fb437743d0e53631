// The test program's main: all of it runs with private mounts, entered before any thread starts.
#include <gtest/gtest.h>

#include <cstdio>

#include "engine/host.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const auto entered = shoal::engine::enter_private_mounts();
  if (!entered) {
    std::fprintf(stderr, "%s (the tests need root)\n", entered.error().message.c_str());
    return 1;
  }
  return RUN_ALL_TESTS();
}
