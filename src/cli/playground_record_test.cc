#include "cli/playground_record.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace shoal::cli {
namespace {
using nlohmann::json;

Playground example() {
  Playground playground;
  playground.name = "two-of-them";
  playground.subnet = *network::Subnet::parse("10.210.7.0/24");
  playground.node_count = 5;
  playground.shoald = "/usr/bin/shoald";
  playground.debug = true;
  return playground;
}

TEST(PlaygroundRecord, IsReadAsItWasWritten) {
  const auto read = decode_record(encode_record(example()), "r");
  ASSERT_TRUE(read) << read.error().message;
  EXPECT_EQ(read->name, "two-of-them");
  EXPECT_EQ(read->subnet.str(), "10.210.7.0/24");
  EXPECT_EQ(read->node_count, 5);
  EXPECT_EQ(read->shoald, "/usr/bin/shoald");
  EXPECT_TRUE(read->debug);
}

TEST(PlaygroundRecord, DamageIsNamed) {
  struct Case {
    const char* field;
    json value;
    const char* message;
  };
  const Case cases[] = {
      {"name", 1, "r is damaged: it has no text name"},
      {"name", "../etc",
       "r is damaged: \"../etc\" is no name for a playground: at most 32 small letters, digits and "
       "'-'"},
      {"subnet", nullptr, "r is damaged: it has no text subnet"},
      {"subnet", "10.210.7.0/16", "r is damaged: the subnet is not one of 24 bits"},
      {"subnet", "fd00::/24", "r is damaged: the subnet is not one of 24 bits"},
      {"nodes", 0, "r is damaged: nodes is no number from 1 to 200"},
      {"nodes", 201, "r is damaged: nodes is no number from 1 to 200"},
      {"nodes", -1, "r is damaged: nodes is no number from 1 to 200"},
      {"nodes", "3", "r is damaged: nodes is no number from 1 to 200"},
      {"nodes", 1.5, "r is damaged: nodes is no number from 1 to 200"},
      {"shoald", "shoald", "r is damaged: shoald is no absolute path"},
      {"debug", "yes", "r is damaged: debug is neither true nor false"},
  };
  for (const Case& c : cases) {
    json document = json::parse(encode_record(example()));
    document[c.field] = c.value;
    const auto read = decode_record(document.dump(), "r");
    ASSERT_FALSE(read) << c.field << " " << c.value;
    EXPECT_EQ(read.error().message, c.message);
  }
  for (const std::string text : {"", "{", "[]", "null", "{\"name\":\"a\"}", "\0"}) {
    EXPECT_EQ(decode_record(text, "r").error().code, ErrorCode::Internal) << text;
  }
  EXPECT_FALSE(decode_record(std::string(200, '['), "r"));
}

TEST(PlaygroundRecord, CutShortAnywhereIsDamage) {
  const std::string whole = encode_record(example());
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_FALSE(decode_record(whole.substr(0, length), "r")) << length;
  }
}

TEST(PlaygroundName, IsFitForPathsAndRules) {
  for (const char* name : {"a", "playground", "7-up", "a-b-c"}) {
    EXPECT_TRUE(check_playground_name(name)) << name;
  }
  for (const std::string name : {"", "-a", "A", "a/b", "..", "a b", "a_b", "ä", "a.b",
                                 "123456789012345678901234567890123"}) {
    EXPECT_FALSE(check_playground_name(name)) << name;
  }
}

TEST(Playground, HasAPlaceForEverything) {
  const Playground playground = example();
  EXPECT_EQ(playground.address(3).str(), "10.210.7.3");
  EXPECT_EQ(playground.gateway().str(), "10.210.7.254");
  EXPECT_EQ(playground.uplink(), "shoalpg0ad207");
  EXPECT_EQ(playground.nft_table(), "shoal_playground_two_of_them");
  EXPECT_EQ(playground.container_cgroup(2), "/shoal-playground-two-of-them/hostos2/containers");
  Playground longest = playground;
  longest.name = std::string(kPlaygroundNameMax, 'x');
  EXPECT_LT(longest.control_path(kNodesMax).size(), 108u);  // sockaddr_un
  EXPECT_LT(longest.socket_path(kNodesMax).size(), 108u);
}

}  // namespace
}  // namespace shoal::cli
