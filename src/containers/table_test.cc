#include "containers/table.h"

#include <gtest/gtest.h>

#include "containers/names.h"

namespace shoal::containers {
namespace {

EntryRef add(Table& table, const std::string& id, const std::string& name) {
  const auto entry = std::make_shared<Entry>();
  entry->id = id;
  entry->name = name;
  EXPECT_TRUE(table.reserve(name, id));
  table.insert(entry);
  return entry;
}

TEST(Table, FindsByIdByPrefixAndByName) {
  Table table;
  const auto web = add(table, "abc123", "web");
  add(table, "abd456", "db");
  EXPECT_EQ(*table.find("abc123"), web);
  EXPECT_EQ(*table.find("abc"), web);
  EXPECT_EQ(*table.find("web"), web);
  EXPECT_EQ(*table.find("/web"), web);
}

TEST(Table, ANameGoesBeforeAPrefix) {
  Table table;
  add(table, "abc123", "web");
  const auto named = add(table, "ddd456", "abc");
  EXPECT_EQ(*table.find("abc"), named);
}

TEST(Table, SaysWhatItCannotFind) {
  Table table;
  add(table, "abc123", "web");
  add(table, "abd456", "db");
  EXPECT_EQ(table.find("x").error(), (Error{ErrorCode::NotFound, "No such container: x"}));
  EXPECT_EQ(table.find("").error(), (Error{ErrorCode::NotFound, "No such container: "}));
  EXPECT_EQ(table.find("ab").error(),
            (Error{ErrorCode::InvalidArgument, "Multiple IDs found with provided prefix: ab"}));
}

TEST(Table, ATakenNameIsRefusedWithTheNameOfItsOwner) {
  Table table;
  add(table, "abc123", "web");
  EXPECT_EQ(table.reserve("web", "other").error(),
            (Error{ErrorCode::AlreadyExists,
                   "Conflict. The container name \"/web\" is already in use by container "
                   "\"abc123\". You have to remove (or rename) that container to be able to reuse "
                   "that name."}));
}

TEST(Table, AReservedNameIsFoundOnlyWhenItsContainerIsThere) {
  Table table;
  ASSERT_TRUE(table.reserve("web", "abc"));
  EXPECT_FALSE(table.find("web"));
  table.release("web", "other");  // Not the owner's.
  EXPECT_TRUE(table.is_taken("web"));
  table.release("web", "abc");
  EXPECT_FALSE(table.is_taken("web"));
}

TEST(Table, ErasingFreesTheName) {
  Table table;
  add(table, "abc123", "web");
  table.erase("abc123");
  EXPECT_FALSE(table.find("abc123"));
  EXPECT_TRUE(table.reserve("web", "next"));
}

TEST(Names, OfContainers) {
  EXPECT_EQ(*check_container_name("/web.1.x_Y-2"), "web.1.x_Y-2");
  for (const char* bad : {"", "/", "a", "-web", "we b", "we/b", "wéb"}) {
    const auto name = check_container_name(bad);
    ASSERT_FALSE(name) << bad;
    EXPECT_EQ(name.error().message,
              fmt::format("Invalid container name ({}), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed",
                          bad));
  }
}

TEST(Names, OfVolumes) {
  EXPECT_TRUE(check_volume_name("data_1"));
  EXPECT_EQ(check_volume_name("./data").error().message,
            "create ./data: \"./data\" includes invalid characters for a local volume name, only "
            "\"[a-zA-Z0-9][a-zA-Z0-9_.-]\" are allowed. If you intended to pass a host directory, "
            "use absolute path");
  EXPECT_EQ(check_volume_name("d").error().message,
            "create d: volume name is too short, names should be at least two alphanumeric "
            "characters");
}

TEST(Names, MadeUpOnesAreValidAndIdsAreHex) {
  Rng rng(7);
  for (int attempt = 0; attempt < 100; ++attempt) {
    EXPECT_TRUE(check_container_name(make_up_name(rng, attempt)));
    const std::string id = make_id(rng);
    EXPECT_EQ(id.size(), 64u);
    EXPECT_EQ(id.find_first_not_of("0123456789abcdef"), std::string::npos);
    EXPECT_NE(id.substr(0, 12).find_first_of("abcdef"), std::string::npos);
  }
}

}  // namespace
}  // namespace shoal::containers
