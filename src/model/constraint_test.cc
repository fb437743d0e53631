#include "model/constraint.h"

#include <gtest/gtest.h>

namespace shoal::model {
namespace {

Node test_node() {
  Node node;
  node.id = NodeId::of("n1id");
  node.role = NodeRole::Manager;
  node.spec.annotations.labels = {{"Zone", "EU-West"}, {"disk", "ssd"}};
  node.description.hostname = "Host-1";
  node.description.platform = {.architecture = "x86_64", .os = "linux"};
  node.description.engine_labels = {{"com.example.rack", "r 7"}};
  node.status.address = "10.1.2.3";
  return node;
}

struct MatchCase {
  const char* text;
  bool matches;
};

class ConstraintMatch : public testing::TestWithParam<MatchCase> {};

TEST_P(ConstraintMatch, IsAsDocumented) {
  const auto parsed = parse_constraints({GetParam().text});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(matches(*parsed, test_node()), GetParam().matches) << GetParam().text;
}

INSTANTIATE_TEST_SUITE_P(
    , ConstraintMatch,
    testing::Values(
        MatchCase{"node.id==n1id", true}, MatchCase{"node.id==N1ID", true},
        MatchCase{"node.id!=n1id", false}, MatchCase{"NODE.ID == n1id", true},
        MatchCase{"node.hostname == host-1", true}, MatchCase{"node.hostname != other", true},
        MatchCase{"node.role == manager", true}, MatchCase{"node.role == worker", false},
        MatchCase{"node.role != Worker", true}, MatchCase{"node.platform.os == Linux", true},
        MatchCase{"node.platform.arch == x86_64", true},
        MatchCase{"node.platform.arch == amd64", false}, MatchCase{"node.ip == 10.1.2.3", true},
        MatchCase{"node.ip == 10.1.2.4", false}, MatchCase{"node.ip == 10.0.0.0/8", true},
        MatchCase{"node.ip != 10.0.0.0/8", false}, MatchCase{"node.ip == 192.168.0.0/16", false},
        MatchCase{"node.ip != 192.168.0.0/16", true}, MatchCase{"node.ip == 10.1.2.2/31", true},
        MatchCase{"node.ip == 10.0.0.0/33", false}, MatchCase{"node.ip != 10.0.0.0/33", false},
        MatchCase{"node.ip == nonsense", false}, MatchCase{"node.ip == fd00::/8", false},
        MatchCase{"node.labels.Zone == eu-west", true},
        MatchCase{"node.labels.zone == eu-west", false},
        MatchCase{"node.labels.zone != eu-west", true}, MatchCase{"Node.Labels.disk == SSD", true},
        MatchCase{"node.labels.missing != x", true}, MatchCase{"node.labels.missing == x", false},
        MatchCase{"engine.labels.com.example.rack == r 7", true},
        MatchCase{"moon.phase == full", false}, MatchCase{"moon.phase != full", false},
        MatchCase{"node.labels. == x", false}));

TEST(Constraint, AllMustMatch) {
  const auto both = parse_constraints({"node.role==manager", "node.labels.disk==hdd"});
  EXPECT_FALSE(matches(*both, test_node()));
  EXPECT_TRUE(matches({}, test_node()));
}

TEST(Constraint, IpVersion6IsMatchedToo) {
  Node node = test_node();
  node.status.address = "fd00::7";
  EXPECT_TRUE(matches(*parse_constraints({"node.ip == fd00::/8"}), node));
  EXPECT_FALSE(matches(*parse_constraints({"node.ip == 10.0.0.0/8"}), node));
}

struct BadCase {
  const char* text;
  const char* error;
};

class ConstraintError : public testing::TestWithParam<BadCase> {};

TEST_P(ConstraintError, UsesDockersWords) {
  const auto parsed = parse_constraints({"node.role==manager", GetParam().text});
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error(), (Error{ErrorCode::InvalidArgument, GetParam().error}));
}

INSTANTIATE_TEST_SUITE_P(
    , ConstraintError,
    testing::Values(BadCase{"node.role=manager", "constraint expected one operator from ==, !="},
                    BadCase{"", "constraint expected one operator from ==, !="},
                    BadCase{"node.labels.size > 3", "constraint expected one operator from ==, !="},
                    BadCase{"==x", "key '' is invalid"}, BadCase{"a==x", "key 'a' is invalid"},
                    BadCase{"no de==x", "key 'no de' is invalid"},
                    BadCase{"1node==x", "key '1node' is invalid"},
                    BadCase{"node.id==", "value '' is invalid"},
                    BadCase{"node.id==a~b", "value 'a~b' is invalid"},
                    BadCase{"node.id== <3", "value '<3' is invalid"}));

TEST(SpreadValue, IsThatOfALabelOrNothing) {
  const Node node = test_node();
  EXPECT_EQ(*spread_value("node.labels.disk", node), "ssd");
  EXPECT_EQ(*spread_value("engine.labels.com.example.rack", node), "r 7");
  EXPECT_EQ(*spread_value("node.labels.none", node), "");
  EXPECT_EQ(spread_value("node.id", node), nullptr);
  EXPECT_EQ(spread_value("node.labels.", node), nullptr);
}

}  // namespace
}  // namespace shoal::model
