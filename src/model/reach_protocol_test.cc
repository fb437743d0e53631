#include "model/reach_protocol.h"

#include <gtest/gtest.h>

namespace shoal::model {
namespace {

using Kind = ReachTarget::Kind;

TEST(ReachTarget, TheListOfWhatAManagerMayCarry) {
  for (const char* action : {"json", "logs", "top", "stats"}) {
    EXPECT_EQ(reach_target("GET", std::string("/containers/ab/") + action),
              (ReachTarget{Kind::Container, "ab", action}));
  }
  for (const char* action : {"exec", "kill", "attach", "resize", "wait"}) {
    EXPECT_EQ(reach_target("POST", std::string("/containers/ab/") + action),
              (ReachTarget{Kind::Container, "ab", action}));
  }
  EXPECT_EQ(reach_target("POST", "/exec/e/start"), (ReachTarget{Kind::Exec, "e", "start"}));
  EXPECT_EQ(reach_target("POST", "/exec/e/resize"), (ReachTarget{Kind::Exec, "e", "resize"}));
  EXPECT_EQ(reach_target("GET", "/exec/e/json"), (ReachTarget{Kind::Exec, "e", "json"}));
}

TEST(ReachTarget, EverythingElseIsNotOnIt) {
  struct Case {
    const char* method;
    const char* path;
  };
  for (const auto& [method, path] :
       std::initializer_list<Case>{{"POST", "/containers/create"},
                                   {"GET", "/containers/json"},
                                   {"DELETE", "/containers/ab"},
                                   {"POST", "/containers/ab/stop"},
                                   {"POST", "/containers/ab/json"},
                                   {"GET", "/containers/ab/archive"},
                                   {"GET", "/containers/ab/attach"},
                                   {"GET", "/containers/ab/logs/"},
                                   {"GET", "/containers/ab/x/logs"},
                                   {"GET", "/containers/ab/../logs"},
                                   {"GET", "/containers//logs"},
                                   {"get", "/containers/ab/logs"},
                                   {"GET", "/v1.41/containers/ab/logs"},
                                   {"GET", "containers/ab/logs"},
                                   {"GET", "/exec/e/start"},
                                   {"POST", "/exec/e/kill"},
                                   {"GET", "/images/ab/json"},
                                   {"POST", "/swarm/leave"},
                                   {"GET", "/"},
                                   {"", ""}}) {
    EXPECT_FALSE(reach_target(method, path)) << method << " " << path;
  }
}

TEST(ReachTarget, APathMadeOfItIsRead) {
  const ReachTarget container{Kind::Container, "0123", "kill"};
  EXPECT_EQ(reach_path(container), "/containers/0123/kill");
  EXPECT_EQ(reach_target("POST", reach_path(container)), container);
  const ReachTarget exec{Kind::Exec, "4567", "json"};
  EXPECT_EQ(reach_path(exec), "/exec/4567/json");
  EXPECT_EQ(reach_target("GET", reach_path(exec)), exec);
}

}  // namespace
}  // namespace shoal::model
