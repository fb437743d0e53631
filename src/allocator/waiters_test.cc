#include "allocator/waiters.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace shoal::allocator {
namespace {

using model::ServiceId;
using model::TaskId;
using testing::ElementsAre;
using testing::IsEmpty;

const Cause kPort{Cause::Kind::Port, ""};
const Cause kNetwork{Cause::Kind::Network, "net"};
const Waiter kTask = TaskId::of("t"), kOther = TaskId::of("u"), kService = ServiceId::of("z");

TEST(Waiters, AreTakenByCauseServicesFirstAndOnce) {
  Waiters waiters;
  waiters.put(kTask, kPort);
  waiters.put(kOther, kNetwork);
  waiters.put(kService, kPort);
  EXPECT_THAT(waiters.take(kPort), ElementsAre(kService, kTask));
  EXPECT_THAT(waiters.take(kPort), IsEmpty());
  EXPECT_TRUE(waiters.any(kNetwork));
}

TEST(Waiters, WaitForOneThingAtATime) {
  Waiters waiters;
  waiters.put(kTask, kPort);
  waiters.put(kTask, kNetwork);
  EXPECT_FALSE(waiters.any(kPort));
  waiters.remove(kTask);
  waiters.remove(kTask);
  EXPECT_FALSE(waiters.any(kNetwork));
}

TEST(Waiters, NoMoreThanAskedForAreTaken) {
  Waiters waiters;
  for (const auto& waiter : {kOther, kTask}) waiters.put(waiter, kPort);
  EXPECT_THAT(waiters.take(kPort, 0), IsEmpty());
  EXPECT_THAT(waiters.take(kPort, 1), ElementsAre(kTask));
  EXPECT_THAT(waiters.take(kPort, 5), ElementsAre(kOther));
}

}  // namespace
}  // namespace shoal::allocator
