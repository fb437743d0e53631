#include "images/unpack.h"

#include <gmock/gmock.h>
#include <locale.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "images/testing.h"
#include "os/sha256.h"

namespace shoal::images {
namespace {
using ::testing::HasSubstr;
using testing::Packing;
using testing::TarBuilder;
namespace fs = std::filesystem;

// A layer folder, and beside it a file that no layer may reach.
class Unpack : public ::testing::Test {
 protected:
  Unpack() {
    fs::create_directory(layer_);
    fs::create_directory(temp_.path + "/outside");
    testing::write_file(secret_, "secret");
  }

  Result<Unpacked> unpack(std::string tar) {
    testing::write_file(temp_.path + "/tar", tar);
    return unpack_tar(temp_.path + "/tar", layer_, cancelled_);
  }
  // Unpacking fails with a text like this, and the file outside is as it was.
  void expect_refused(TarBuilder& tar, const std::string& text) {
    const auto result = unpack(tar.finish());
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(result.error().message, HasSubstr(text));
    EXPECT_EQ(testing::read_file(secret_), "secret");
    EXPECT_EQ(std::distance(fs::directory_iterator(temp_.path + "/outside"), {}), 1);
  }
  struct stat stat_of(const std::string& name) const {
    struct stat info{};
    EXPECT_EQ(::lstat((layer_ + "/" + name).c_str(), &info), 0) << name;
    return info;
  }
  std::string attribute(const std::string& name, const char* key) const {
    char value[256];
    const ssize_t size = ::lgetxattr((layer_ + "/" + name).c_str(), key, value, sizeof value);
    return size < 0 ? "none" : std::string(value, size_t(size));
  }

  testing::Folder temp_;
  const std::string layer_ = temp_.path + "/layer";
  const std::string secret_ = temp_.path + "/outside/secret";
  std::atomic<bool> cancelled_ = false;
};

TEST_F(Unpack, KeepsContentOwnerModeTimeAndLinks) {
  TarBuilder tar;
  tar.folder("./", 0755)
      .folder("bin", 01777)
      .file("bin/su", "program", {.mode = 04755, .uid = 7, .gid = 8, .mtime = 1234567})
      .hard_link("bin/su2", "bin/su")
      .link("sh", "/bin/su")
      .device("null", AE_IFCHR, makedev(1, 3))
      .device("fifo", AE_IFIFO, 0);
  const auto result = unpack(tar.finish());
  ASSERT_TRUE(result) << result.error().message;

  const auto su = stat_of("bin/su");
  EXPECT_EQ(su.st_mode, unsigned{S_IFREG | 04755});
  EXPECT_EQ(su.st_uid, 7u);
  EXPECT_EQ(su.st_gid, 8u);
  EXPECT_EQ(su.st_mtime, 1234567);
  EXPECT_EQ(stat_of("bin/su2").st_ino, su.st_ino);
  EXPECT_EQ(stat_of("bin").st_mode, unsigned{S_IFDIR | 01777});
  EXPECT_EQ(stat_of("bin").st_mtime, 1'600'000'000);
  EXPECT_EQ(fs::read_symlink(layer_ + "/sh"), "/bin/su");
  EXPECT_EQ(stat_of("null").st_rdev, makedev(1, 3));
  EXPECT_TRUE(S_ISFIFO(stat_of("fifo").st_mode));
  EXPECT_EQ(result->size_bytes, 7u);
}

TEST_F(Unpack, TheDigestIsOfTheUncompressedBytes) {
  std::string digests[3];
  int i = 0;
  for (const auto packing : {Packing::None, Packing::Gzip, Packing::Zstd}) {
    TarBuilder tar(packing);
    const auto result = unpack(tar.file("a", "text").finish());
    ASSERT_TRUE(result) << result.error().message;
    digests[i++] = result->digest;
    EXPECT_EQ(testing::read_file(layer_ + "/a"), "text");
  }
  TarBuilder plain;
  EXPECT_EQ(digests[0], "sha256:" + os::sha256_hex(plain.file("a", "text").finish()));
  EXPECT_EQ(digests[1], digests[0]);
  EXPECT_EQ(digests[2], digests[0]);
}

TEST_F(Unpack, NamesThatAreNotAsciiStayAsTheyAre) {
  // Only the writer needs a locale for this.
  const locale_t utf8 = ::newlocale(LC_CTYPE_MASK, "C.UTF-8", nullptr);
  const locale_t before = ::uselocale(utf8);
  TarBuilder tar;
  const std::string bytes = tar.file("Főtanúsítvány.crt", "x").finish();
  ::uselocale(before);
  ::freelocale(utf8);
  ASSERT_TRUE(unpack(bytes));
  EXPECT_TRUE(fs::exists(layer_ + "/Főtanúsítvány.crt"));
}

TEST_F(Unpack, KeepsFileCapabilitiesAndIgnoresTheOverlaysOwnAttributes) {
  // VFS_CAP_REVISION_2 with CAP_NET_BIND_SERVICE permitted.
  const std::string capability(
      "\x01\x00\x00\x02\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00"
      "\x00\x00\x00\x00",
      20);
  TarBuilder tar;
  tar.file("ping", "x", {.attributes = {{"security.capability", capability}}})
      .file("sly", "x", {.attributes = {{"trusted.overlay.redirect", "/etc"}}});
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(attribute("ping", "security.capability"), capability);
  EXPECT_EQ(attribute("sly", "trusted.overlay.redirect"), "none");
}

TEST_F(Unpack, WhiteoutsBecomeDevicesAndOpaqueFoldersAreMarked) {
  TarBuilder tar;
  tar.folder("etc").file("etc/.wh.passwd", "").folder("var").file("var/.wh..wh..opq", "");
  tar.file(".wh..wh.plnk", "");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_TRUE(S_ISCHR(stat_of("etc/passwd").st_mode));
  EXPECT_EQ(stat_of("etc/passwd").st_rdev, makedev(0, 0));
  EXPECT_EQ(attribute("var", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(attribute("etc", "trusted.overlay.opaque"), "none");
  EXPECT_EQ(std::distance(fs::directory_iterator(layer_), {}), 2);
}

TEST_F(Unpack, AFolderThatReplacesWhatItsLayerHidesIsOpaqueWhicheverComesFirst) {
  TarBuilder tar;
  tar.file(".wh.a", "")
      .folder("a")
      .folder("b")
      .file(".wh.b", "")
      .file("c", "new")
      .file(".wh.c", "");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(attribute("a", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(attribute("b", "trusted.overlay.opaque"), "y");
  EXPECT_EQ(testing::read_file(layer_ + "/c"), "new");
}

TEST_F(Unpack, TheLaterOfTwoEntriesCounts) {
  TarBuilder tar;
  tar.folder("a").file("a/deep", "1").file("a", "now a file").file("b", "1").folder("b");
  tar.link("c", "b").folder("c").file("c/x", "in c");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(testing::read_file(layer_ + "/a"), "now a file");
  EXPECT_TRUE(S_ISDIR(stat_of("b").st_mode));
  EXPECT_TRUE(S_ISDIR(stat_of("c").st_mode));
  EXPECT_FALSE(fs::exists(layer_ + "/b/x"));
}

TEST_F(Unpack, MakesFoldersThatTheArchiveLeavesOut) {
  TarBuilder tar;
  ASSERT_TRUE(unpack(tar.file("a/b/c/d", "x").finish()));
  EXPECT_EQ(stat_of("a/b").st_mode & 07777, 0755u);
}

TEST_F(Unpack, FollowsALinkThatStaysInside) {
  TarBuilder tar;
  tar.folder("usr").folder("usr/lib").link("lib", "usr/lib").file("lib/x", "x");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(testing::read_file(layer_ + "/usr/lib/x"), "x");
}

TEST_F(Unpack, RefusesToClimbOutByName) {
  for (const std::string name : {"../outside/x", "a/../../outside/x", "..", "a/.."}) {
    TarBuilder tar;
    expect_refused(tar.file(name, "bad"), "leaves the layer");
  }
}

TEST_F(Unpack, RefusesAbsoluteNames) {
  TarBuilder tar;
  expect_refused(tar.file(secret_, "bad"), "absolute path");
}

TEST_F(Unpack, RefusesToWriteThroughLinksThatLeave) {
  for (const auto& target : {temp_.path + "/outside", std::string("../outside"), std::string("/"),
                             std::string("/proc/self/cwd")}) {
    TarBuilder file, folder, whiteout;
    expect_refused(file.link("out", target).file("out/secret", "bad"), "through a link");
    expect_refused(folder.link("out", target).folder("out/new/deep"), "through a link");
    expect_refused(whiteout.link("out", target).file("out/.wh.secret", ""), "through a link");
  }
}

TEST_F(Unpack, AFileReplacesALinkInsteadOfWritingThroughIt) {
  TarBuilder tar;
  tar.link("a", secret_).file("a", "inside");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(testing::read_file(secret_), "secret");
  EXPECT_EQ(testing::read_file(layer_ + "/a"), "inside");
}

TEST_F(Unpack, RefusesHardLinksToOutside) {
  TarBuilder by_name, absolute, through;
  expect_refused(by_name.hard_link("a", "../outside/secret"), "leaves the layer");
  expect_refused(absolute.hard_link("a", secret_), "absolute path");
  expect_refused(through.link("out", "../outside").hard_link("a", "out/secret"), "through a link");
}

TEST_F(Unpack, AHardLinkToALinkIsThatLinkAndNotItsTarget) {
  TarBuilder tar;
  tar.link("a", secret_).hard_link("b", "a").file("b", "inside");
  ASSERT_TRUE(unpack(tar.finish()));
  EXPECT_EQ(testing::read_file(secret_), "secret");
  EXPECT_EQ(stat_of("a").st_nlink, 1u);
}

TEST_F(Unpack, SaysWhenAHardLinkHasNoTarget) {
  TarBuilder tar;
  expect_refused(tar.hard_link("a", "missing"), "hard link \"a\" to \"missing\"");
}

TEST_F(Unpack, RefusesWhiteoutsOfTheFolderAbove) {
  TarBuilder dots, nothing;
  expect_refused(dots.file(".wh...", ""), "no valid whiteout");
  expect_refused(nothing.file(".wh.", ""), "no valid whiteout");
}

TEST_F(Unpack, SaysThatACutArchiveIsDamaged) {
  for (const auto packing : {Packing::None, Packing::Gzip, Packing::Zstd}) {
    TarBuilder builder(packing);
    std::string noise;
    for (int i = 0; i < 100'000; ++i) noise += char((i * 7919) >> 3);
    const std::string whole = builder.file("big", noise).finish();
    const auto result = unpack(whole.substr(0, whole.size() / 2));
    ASSERT_FALSE(result);
    EXPECT_THAT(result.error().message, HasSubstr("damaged archive"));
  }
}

TEST_F(Unpack, SaysThatNoiseIsNoArchive) {
  const auto result = unpack(std::string(5000, 'x'));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
}

TEST_F(Unpack, AnEmptyFileIsAnEmptyLayer) {
  const auto result = unpack("");
  ASSERT_TRUE(result) << result.error().message;
  EXPECT_EQ(result->digest, "sha256:" + os::sha256_hex(""));
}

TEST_F(Unpack, StopsWhenCancelled) {
  cancelled_ = true;
  TarBuilder tar;
  EXPECT_EQ(unpack(tar.file("a", "x").finish()).error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace shoal::images
