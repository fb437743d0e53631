#include "daemon/addresses.h"

#include <gtest/gtest.h>

namespace shoal::daemon {
namespace {

struct Case {
  const char* listen;
  const char* advertise;
  const char* listening;
  const char* manager;
};

TEST(Addresses, TakesWhatTheUserGaveAndFillsInTheRest) {
  const Case cases[] = {
      {"0.0.0.0:2377", "10.0.0.1", "0.0.0.0:2377", "10.0.0.1:2377"},
      {"", "10.0.0.1", "0.0.0.0:2377", "10.0.0.1:2377"},
      {"0.0.0.0:4567", "10.0.0.1", "0.0.0.0:4567", "10.0.0.1:4567"},
      {"0.0.0.0:4567", "10.0.0.1:99", "0.0.0.0:4567", "10.0.0.1:99"},
      {"10.0.0.7", "", "10.0.0.7:2377", "10.0.0.7:2377"},
      {"[fd00::7]:1", "fd00::8", "[fd00::7]:1", "[fd00::8]:1"},
  };
  for (const Case& c : cases) {
    const auto found = resolve_addresses(c.listen, c.advertise, "shoal0");
    ASSERT_TRUE(found) << c.listen << " " << c.advertise << ": " << found.error().message;
    EXPECT_EQ(found->listening, c.listening);
    EXPECT_EQ(found->manager, c.manager);
  }
}

struct Refusal {
  const char* listen;
  const char* advertise;
  const char* message;
};

TEST(Addresses, RefusesInDockersWords) {
  const char* const bad_listen =
      "listen address must be an IP address or network interface (with optional port number)";
  const char* const bad_advertise =
      "advertise address must be a non-zero IP address or network interface "
      "(with optional port number)";
  const Refusal refusals[] = {
      {"nowhere0", "10.0.0.1", bad_listen},
      {"", "nowhere0", bad_advertise},
      {"", "0.0.0.0", bad_advertise},
      {"", "10.0.0.1:99999", "invalid port in address 10.0.0.1:99999"},
      {"[::1", "", "invalid address [::1"},
  };
  for (const Refusal& refusal : refusals) {
    const auto found = resolve_addresses(refusal.listen, refusal.advertise, "shoal0");
    ASSERT_FALSE(found) << refusal.listen << " " << refusal.advertise;
    EXPECT_EQ(found.error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(found.error().message, refusal.message);
  }
}

TEST(Addresses, TheDataPathIsAnAddressOrAnInterface) {
  EXPECT_EQ(*resolve_data_path(""), "");
  EXPECT_EQ(*resolve_data_path("10.0.0.1"), "10.0.0.1");
  EXPECT_EQ(*resolve_data_path("fd00::1"), "fd00::1");
  EXPECT_EQ(*resolve_data_path("lo"), "127.0.0.1");
  for (const char* bad : {"nowhere0", "0.0.0.0", "::", "10.0.0.1:80", "[fd00::1]", "10.0.0.0/8"}) {
    const auto found = resolve_data_path(bad);
    ASSERT_FALSE(found) << bad;
    EXPECT_EQ(found.error().code, ErrorCode::InvalidArgument);
    EXPECT_EQ(found.error().message,
              "data path address must be a non-zero IP address or network interface (without a "
              "port number)");
  }
}

TEST(Addresses, DialsLoopbackWhereTheManagerListensEverywhere) {
  EXPECT_EQ(dial_address("0.0.0.0:2377"), "127.0.0.1:2377");
  EXPECT_EQ(dial_address("[::]:2377"), "[::1]:2377");
  EXPECT_EQ(dial_address("10.0.0.7:1"), "10.0.0.7:1");
}

}  // namespace
}  // namespace shoal::daemon
