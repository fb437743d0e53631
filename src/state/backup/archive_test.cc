#include "state/backup/archive.h"

#include <gmock/gmock.h>
#include <sys/stat.h>

#include <filesystem>

#include "base/rng.h"
#include "os/file.h"
#include "state/sqlite/testing.h"

namespace shoal::state {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Time kNow{1'790'000'000'000'000'000};

struct ArchiveTest : testing::Test {
  ArchiveTest() {
    CHECK(os::make_folders(from + "/sub"));
    CHECK(os::write_file(from + "/a.json", "the first", 0600));
    CHECK(os::write_file(from + "/sub/big.crt", std::string(200'000, 'b'), 0644));
    CHECK(os::write_file(from + "/empty", "", 0600));
    CHECK(write_archive(archive, from, {"a.json", "sub/big.crt", "empty"}, kNow));
  }
  // Reads what `archive` holds into a new folder.
  Result<ArchiveContents> read() {
    to = folder.path + "/to";
    std::filesystem::remove_all(to);
    std::filesystem::create_directory(to);
    return read_archive(archive, to);
  }
  std::string error_of_bytes(const std::string& bytes) {
    CHECK(os::write_file(archive, bytes));
    const auto contents = read();
    return contents ? "no error" : contents.error().message;
  }
  std::string bytes() { return *os::read_file(archive); }

  Folder folder;
  std::string archive = folder.path + "/archive", from = folder.path + "/from", to;
};

TEST_F(ArchiveTest, GivesBackEveryFileWithItsMode) {
  const auto contents = read();
  ASSERT_TRUE(contents) << contents.error().message;
  EXPECT_EQ(contents->made_at, kNow);
  EXPECT_THAT(contents->names, ElementsAre("a.json", "sub/big.crt", "empty"));
  EXPECT_EQ(*os::read_file(to + "/a.json"), "the first");
  EXPECT_EQ(*os::read_file(to + "/sub/big.crt"), std::string(200'000, 'b'));
  EXPECT_EQ(*os::read_file(to + "/empty"), "");
  struct stat info;
  ASSERT_EQ(::stat((to + "/sub/big.crt").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0644u);
  ASSERT_EQ(::stat(archive.c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 07777, 0600u);
}

TEST_F(ArchiveTest, WhatIsNoBackupIsCalledThat) {
  for (const std::string& other : {std::string(), std::string("shoal"), std::string(100, '\0'),
                                   std::string("SQLite format 3 and so on and so on")}) {
    EXPECT_EQ(error_of_bytes(other), archive + ": not a backup of Shoal");
  }
  std::string newer = bytes();
  CHECK(write_archive(archive, from, {"a.json"}, kNow));
  newer = bytes();
  newer[13] = '2';
  EXPECT_EQ(error_of_bytes(newer),
            archive + ": written by a newer version (format 2; this one reads 1)");
  EXPECT_EQ(read().error().code, ErrorCode::Unimplemented);
}

TEST_F(ArchiveTest, EveryCutIsNoticed) {
  CHECK(write_archive(archive, from, {"a.json", "empty"}, kNow));
  const std::string good = bytes();
  for (size_t size = 15; size < good.size(); ++size) {
    EXPECT_EQ(error_of_bytes(good.substr(0, size)), archive + ": damaged: it is cut short") << size;
  }
  EXPECT_EQ(error_of_bytes(good + "x"), archive + ": damaged: bytes follow its end");
}

TEST_F(ArchiveTest, EveryChangedByteIsNoticed) {
  CHECK(write_archive(archive, from, {"a.json", "empty"}, kNow));
  const std::string good = bytes();
  for (size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] ^= 1;
    EXPECT_NE(error_of_bytes(bad), "no error") << i;
  }
}

// Nothing in an archive may be written outside the folder, whatever its checksum says.
TEST_F(ArchiveTest, NamesThatLeadElsewhereAreRefused) {
  CHECK(write_archive(archive, from, {"a.json"}, kNow));
  const std::string good = bytes();
  for (const char* name : {"../x.j", "/a.jso", "a//jso", "./json", "sub/..", "a.jso ", "sub/./"}) {
    std::string bad = good;
    bad.replace(bad.find("a.json"), 6, name);
    EXPECT_EQ(error_of_bytes(bad), archive + ": damaged: a file's name is not allowed") << name;
  }
  EXPECT_FALSE(write_archive(archive, from, {"../from/a.json"}, kNow));
}

TEST_F(ArchiveTest, ANameTwiceIsRefused) {
  CHECK(write_archive(archive, from, {"a.json", "a.json"}, kNow));
  EXPECT_THAT(read().error().message, HasSubstr("File exists"));
}

TEST_F(ArchiveTest, AFailureLeavesTheOldOne) {
  const std::string before = bytes();
  EXPECT_THAT(write_archive(archive, from, {"a.json", "missing"}, kNow).error().message,
              HasSubstr("missing"));
  EXPECT_EQ(bytes(), before);
  EXPECT_FALSE(std::filesystem::exists(archive + ".new"));
}

TEST_F(ArchiveTest, OnlyARegularFileIsRead) {
  std::filesystem::remove(archive);
  EXPECT_EQ(read().error().code, ErrorCode::NotFound);
  std::filesystem::create_directory(archive);
  EXPECT_EQ(read().error().message, archive + ": not a regular file");
}

}  // namespace
}  // namespace shoal::state
