#include "agent/certificate.h"

#include <gtest/gtest.h>

namespace shoal::agent {
namespace {

// Roots that are said while others are still being written, as when a manager rotates its root.
class TrustTest : public ::testing::Test {
 public:
  void run(std::function<os::Co<>()> body) {
    loop.post([&] { os::spawn(carry_out(body)); });
    loop.run();
  }
  os::Co<> carry_out(const std::function<os::Co<>()>& body) {
    co_await body();
    loop.stop();
  }

  os::Co<Result<void>> install(rpc::CredentialsPem fresh) {
    EXPECT_FALSE(installing) << "two write the same files";
    installing = true;
    co_await loop.turn();
    co_await loop.turn();
    installing = false;
    if (failures > 0) {
      --failures;
      co_return unavailable("the disk is full");
    }
    installed.push_back(fresh.roots);
    co_return Result<void>{};
  }

  os::Loop loop{1};
  NullLog log;
  Rng rng{1};
  rpc::Channel channel{loop, log, {.address = "127.0.0.1:1", .credentials = nullptr}};
  CertificateRenewal renewal{loop, rng, log, channel, [this](rpc::CredentialsPem fresh) {
                               return install(std::move(fresh));
                             }};
  std::vector<std::string> installed;
  bool installing = false;
  int failures = 0;
};

TEST_F(TrustTest, RootsThatComeTogetherAreWrittenOneAfterTheOtherAndTheNewestLast) {
  run([this]() -> os::Co<> {
    std::vector<os::OneShot<bool>> done(3);
    const auto one = [](TrustTest& t, std::string roots, os::OneShot<bool> over) -> os::Co<> {
      over.set((co_await t.renewal.trust(std::move(roots))).has_value());
    };
    for (size_t i = 0; i < done.size(); ++i) {
      os::spawn(one(*this, "roots " + std::to_string(i), done[i]));
    }
    for (const auto& each : done) {
      const bool trusted = co_await each;
      EXPECT_TRUE(trusted);
    }
  });
  ASSERT_FALSE(installed.empty());
  EXPECT_EQ(installed.back(), "roots 2");
}

TEST_F(TrustTest, WhatWasNotWrittenIsWrittenWhenItIsSaidAgain) {
  failures = 1;
  run([this]() -> os::Co<> {
    for (const bool works : {false, true, true}) {
      std::string roots = "roots";
      const auto trusted = co_await renewal.trust(std::move(roots));
      EXPECT_EQ(trusted.has_value(), works);
    }
  });
  EXPECT_EQ(installed, std::vector<std::string>{"roots"});  // Once: the third time it is there.
}

}  // namespace
}  // namespace shoal::agent
