#include "daemon/flags.h"

#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>

#include "os/file.h"

namespace shoal::daemon {
namespace {

struct ConfigFile {
  explicit ConfigFile(const std::string& text) {
    char name[] = "/tmp/shoal-flags-XXXXXX";
    folder = ::mkdtemp(name);
    path = folder + "/daemon.json";
    EXPECT_TRUE(os::write_file(path, text));
  }
  ~ConfigFile() { std::filesystem::remove_all(folder); }
  std::string folder, path;
};

std::string refusal(const std::vector<std::string>& arguments) {
  const auto parsed = parse_flags(arguments);
  return parsed ? "" : parsed.error().message;
}

TEST(Flags, HaveDefaults) {
  const auto parsed = parse_flags({});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->flags.hosts, std::vector<std::string>{std::string(kDefaultHost)});
  EXPECT_EQ(parsed->flags.pidfile, "/run/shoal/shoald.pid");
}

TEST(Flags, TakeDockerdsOwn) {
  const auto parsed = parse_flags({"-H",
                                   "unix:///a",
                                   "-H",
                                   "tcp://127.0.0.1:1",
                                   "--data-root",
                                   "/d",
                                   "--exec-root",
                                   "/e",
                                   "--pidfile",
                                   "/p",
                                   "--cgroup-parent",
                                   "c",
                                   "--label",
                                   "zone=a",
                                   "--label",
                                   "disk=ssd",
                                   "--debug",
                                   "--insecure-registry",
                                   "r:5000",
                                   "--experimental"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->flags.hosts, (std::vector<std::string>{"unix:///a", "tcp://127.0.0.1:1"}));
  EXPECT_EQ(parsed->flags.labels, (model::Labels{{"disk", "ssd"}, {"zone", "a"}}));
  EXPECT_EQ(parsed->flags.cgroup_parent, "/c");
  EXPECT_EQ(parsed->flags.pidfile, "/p");
  EXPECT_EQ(parsed->flags.log_level, LogLevel::Debug);
  EXPECT_EQ(parsed->flags.insecure_registries, std::vector<std::string>{"r:5000"});
}

TEST(Flags, ExplainThemselves) {
  for (const char* flag : {"--help", "--version"}) {
    const auto parsed = parse_flags({flag});
    ASSERT_TRUE(parsed);
    EXPECT_FALSE(parsed->text.empty());
  }
  const std::string help = parse_flags({"--help"})->text;
  for (const char* flag : {"--data-root", "--exec-root", "--pidfile", "--cgroup-parent", "--label",
                           "--debug", "--log-level", "--insecure-registry", "--config-file"}) {
    EXPECT_NE(help.find(flag), std::string::npos) << flag;
  }
}

TEST(Flags, RefuseWhatMakesNoSense) {
  EXPECT_NE(refusal({"--no-such-flag"}).find("--no-such-flag"), std::string::npos);
  EXPECT_NE(refusal({"-H", "ftp://x"}).find("unable to parse docker host"), std::string::npos);
  EXPECT_NE(refusal({"--label", "novalue"}).find("bad attribute format"), std::string::npos);
  EXPECT_NE(refusal({"--log-level", "loud"}).find("--log-level"), std::string::npos);
  EXPECT_NE(refusal({"--cgroup-parent", "/../x"}).find("--cgroup-parent"), std::string::npos);
  for (const char* seconds : {"0", "-1", "3601", "3s", "99999999999"}) {
    EXPECT_NE(refusal({"--registry-timeout", seconds}).find("--registry-timeout"),
              std::string::npos);
  }
  EXPECT_NE(refusal({"--config-file", "/no/such/file"}).find("/no/such/file"), std::string::npos);
}

TEST(ConfigFile, SetsWhatTheCommandLineDoesNot) {
  const ConfigFile file(R"({"data-root": "/f", "labels": ["a=b"], "debug": true,)"
                        R"( "registry-timeout": 7})");
  const auto parsed = parse_flags({"--config-file", file.path, "--exec-root", "/e"});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->flags.data_root, "/f");
  EXPECT_EQ(parsed->flags.labels.at("a"), "b");
  EXPECT_EQ(parsed->flags.log_level, LogLevel::Debug);
  EXPECT_EQ(parsed->flags.registry_timeout_s, 7);
}

TEST(ConfigFile, IsRefusedWithTheReason) {
  EXPECT_NE(refusal({"--config-file", ConfigFile("{").path}), "");
  const ConfigFile garbage("nonsense"), unknown(R"({"colour": "blue"})"),
      wrong(R"({"labels": "a=b"})"), twice(R"({"data-root": "/f"})");
  EXPECT_NE(refusal({"--config-file", garbage.path}).find("not a JSON object"), std::string::npos);
  EXPECT_NE(refusal({"--config-file", unknown.path}).find("colour"), std::string::npos);
  EXPECT_NE(refusal({"--config-file", wrong.path}).find("a list of texts"), std::string::npos);
  EXPECT_NE(refusal({"--config-file", twice.path, "--data-root", "/d"}).find("both as a flag"),
            std::string::npos);
}

TEST(Flags, NameTheFileOfABackup) {
  const auto backup = parse_flags({"--backup", "/b"});
  const auto restore = parse_flags({"--restore", "b"});
  ASSERT_TRUE(backup && restore);
  EXPECT_EQ(backup->flags.backup, "/b");
  EXPECT_EQ(restore->flags.restore, (std::filesystem::current_path() / "b").string());
  EXPECT_EQ(restore->flags.backup, "");
  EXPECT_NE(refusal({"--backup", "/b", "--restore", "/b"}), "");
  EXPECT_NE(refusal({"--cleanup", "--restore", "/b"}), "");
}

}  // namespace
}  // namespace shoal::daemon
