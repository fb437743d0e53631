// Pulls from Debian's docker-registry on loopback. The registry is started from its package,
// unpacked or installed: `SHOAL_REGISTRY` names the program if it is not in PATH.
#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <cstdlib>
#include <set>

#include "images/image_store.h"
#include "images/registry.h"
#include "images/testing.h"
#include "os/process.h"
#include "os/sha256.h"

namespace shoal::images {
namespace {
using ::testing::AnyOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::Packing;
using testing::TarBuilder;
namespace fs = std::filesystem;

// "test" and "secret", bcrypt; {"username": "test", "password": "secret"} in base64.
constexpr const char* kPasswordFile =
    "test:$2b$04$mdiG6lazTHBMKtu30sy5/.pQDmWf5dRkQNIZtTbd37kDcn31fRhYS\n";
constexpr const char* kCredentials = "eyJ1c2VybmFtZSI6InRlc3QiLCJwYXNzd29yZCI6InNlY3JldCJ9";
constexpr const char* kWrongCredentials = "eyJ1c2VybmFtZSI6InRlc3QiLCJwYXNzd29yZCI6Indyb25nIn0=";

os::Fd listen_on_loopback(uint16_t& port) {
  os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{.sin_family = AF_INET, .sin_addr = {htonl(INADDR_LOOPBACK)}};
  socklen_t size = sizeof address;
  CHECK(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  CHECK(::listen(fd.get(), 16) == 0);
  CHECK(::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  port = ntohs(address.sin_port);
  return fd;
}

bool connects(uint16_t port) {
  const os::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{
      .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
  return ::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

// A store, and a registry with a folder of its own.
class RegistryPull : public ::testing::Test {
 protected:
  RegistryPull() {
    auto opened = ImageStore::open(loop_, log_,
                                   {.data_root = temp_.path + "/data", .registry_answer_max = 3s});
    CHECK(opened, "{}", opened.error().message);
    store_ = std::move(*opened);
  }
  ~RegistryPull() override {
    if (registry_.pid > 0) {
      ::kill(registry_.pid, SIGTERM);
      ::waitpid(registry_.pid, nullptr, 0);
    }
  }

  template <class T>
  T run(os::Co<T> co) {
    return testing::run_on(loop_, std::move(co));
  }

  void start_registry(bool with_password = false) {
    (void)listen_on_loopback(port_);  // Free again now.
    std::string config = fmt::format(
        "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}/registry\n"
        "http:\n  addr: 127.0.0.1:{}\n",
        temp_.path, port_);
    if (with_password) {
      testing::write_file(temp_.path + "/htpasswd", kPasswordFile);
      config +=
          fmt::format("auth:\n  htpasswd:\n    realm: test\n    path: {}/htpasswd\n", temp_.path);
    }
    testing::write_file(temp_.path + "/config.yml", config);
    const char* program = std::getenv("SHOAL_REGISTRY");
    os::Command command{
        .argv = {program ? program : "docker-registry", "serve", temp_.path + "/config.yml"}};
    auto child = os::start(command);
    ASSERT_TRUE(child) << child.error().message;
    registry_ = std::move(*child);
    auto up = [](os::Loop& loop, uint16_t port) -> os::Co<bool> {
      const Time deadline = loop.now() + 30s;
      while (!connects(port) && loop.now() < deadline) co_await loop.sleep(10ms);
      co_return connects(port);
    };
    ASSERT_TRUE(run(up(loop_, port_)));
  }

  std::string name(const std::string& rest) const {
    return fmt::format("127.0.0.1:{}/{}", port_, rest);
  }

  // An OCI layout with layers of these texts, pushed by skopeo. Returns the image id.
  std::string push(const std::string& rest, const std::vector<std::string>& texts,
                   const std::string& format = "oci", const std::string& credentials = "") {
    const std::string layout = fmt::format("{}/layout{}", temp_.path, ++layouts_);
    fs::create_directories(layout + "/blobs/sha256");
    const auto put = [&](const std::string& bytes) {
      const std::string hex = os::sha256_hex(bytes);
      testing::write_file(layout + "/blobs/sha256/" + hex, bytes);
      return fmt::format("\"digest\":\"sha256:{}\",\"size\":{}", hex, bytes.size());
    };
    std::string layers, diff_ids;
    for (size_t i = 0; i < texts.size(); ++i) {
      TarBuilder packed(Packing::Gzip), plain;
      const std::string file = fmt::format("file{}", i);
      const std::string blob = put(packed.file(file, texts[i]).finish());
      layers +=
          fmt::format("{}{{\"mediaType\":\"application/vnd.oci.image.layer.v1.tar+gzip\",{}}}",
                      i ? "," : "", blob);
      diff_ids += fmt::format("{}\"sha256:{}\"", i ? "," : "",
                              os::sha256_hex(plain.file(file, texts[i]).finish()));
    }
    const std::string config =
        fmt::format(R"({{"architecture":"amd64","os":"linux","created":"2026-01-02T03:04:05Z",)"
                    R"("config":{{"Cmd":["run"],"Env":["A=1"]}},)"
                    R"("rootfs":{{"type":"layers","diff_ids":[{}]}}}})",
                    diff_ids);
    const std::string manifest = fmt::format(
        R"({{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":)"
        R"({{"mediaType":"application/vnd.oci.image.config.v1+json",{}}},"layers":[{}]}})",
        put(config), layers);
    testing::write_file(layout + "/index.json",
                        fmt::format(R"({{"schemaVersion":2,"manifests":[{{"mediaType":)"
                                    R"("application/vnd.oci.image.manifest.v1+json",{}}}]}})",
                                    put(manifest)));
    testing::write_file(layout + "/oci-layout", R"({"imageLayoutVersion":"1.0.0"})");
    os::Command copy{.argv = {"skopeo", "--insecure-policy", "copy", "-q", "--format", format,
                              "--dest-tls-verify=false", "oci:" + layout,
                              "docker://" + name(rest)}};
    if (!credentials.empty()) copy.argv.insert(copy.argv.end(), {"--dest-creds", credentials});
    const auto exit = run(os::run(loop_, copy));
    EXPECT_TRUE(exit && exit->ok()) << (exit ? exit->err : exit.error().message);
    return "sha256:" + os::sha256_hex(config);
  }

  Result<ImagePtr> pull(const std::string& reference, const std::string& auth = "",
                        const std::string& platform = "", os::StopToken stop = {}) {
    seen_.clear();
    const ProgressSink sink = [this](const Progress& progress) {
      seen_.push_back(progress.id.empty() ? progress.status : progress.id + ": " + progress.status);
    };
    PullRequest request{reference, auth, platform};
    return run(store_->pull(request, sink, stop));
  }

  // Files of the registry that hold blobs, the largest first.
  std::vector<fs::path> blob_files() const {
    std::vector<fs::path> files;
    for (const auto& entry : fs::recursive_directory_iterator(temp_.path + "/registry")) {
      if (entry.path().filename() == "data") files.push_back(entry.path());
    }
    std::sort(files.begin(), files.end(),
              [](const auto& a, const auto& b) { return fs::file_size(a) > fs::file_size(b); });
    return files;
  }
  void expect_no_layers() const {
    EXPECT_TRUE(fs::is_empty(temp_.path + "/data/layers"));
    EXPECT_TRUE(store_->list({})->empty());
  }

  testing::Folder temp_;
  NullLog log_;
  os::Loop loop_{testing::kPoolThreads};
  std::unique_ptr<ImageStore> store_;
  os::Child registry_;
  uint16_t port_ = 0;
  int layouts_ = 0;
  std::vector<std::string> seen_;
};

TEST_F(RegistryPull, BringsTheImageWithItsIdDigestAndLayers) {
  start_registry();
  const std::string id = push("team/web:2", {"one", "two"});
  const auto image = pull(name("team/web:2"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ((*image)->id, id);
  EXPECT_THAT((*image)->repo_tags, ElementsAre(name("team/web:2")));
  EXPECT_EQ((*image)->repo_digests.size(), 1u);
  EXPECT_EQ((*image)->layers.size(), 2u);
  EXPECT_THAT((*image)->config.command, ElementsAre("run"));
  EXPECT_EQ(seen_.front(), "2: Pulling from team/web");
  EXPECT_THAT(seen_, Contains(HasSubstr(": Pulling fs layer")));
  EXPECT_THAT(seen_, Contains(HasSubstr(": Pull complete")));
  EXPECT_EQ(seen_.back(), "Status: Downloaded newer image for " + name("team/web:2"));
}

TEST_F(RegistryPull, KeepsTheIdOfAnImageInDockersOwnFormat) {
  start_registry();
  push("web", {"one"}, "v2s2");
  const auto image = pull(name("web"));
  ASSERT_TRUE(image) << image.error().message;
  PullRequest request{.reference = name("web")};
  const auto info = run(store_->inspect_remote(request, {}));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->media_type, "application/vnd.docker.distribution.manifest.v2+json");
  EXPECT_THAT((*image)->repo_digests, ElementsAre(fmt::format("{}@{}", name("web"), info->digest)));
  ASSERT_EQ(info->platforms.size(), 1u);
  EXPECT_EQ(info->platforms[0].architecture, "amd64");
}

TEST_F(RegistryPull, FetchesOnlyLayersThatAreNotHere) {
  start_registry();
  push("web:1", {"base", "one"});
  push("web:2", {"base", "two"});
  ASSERT_TRUE(pull(name("web:1")));
  const auto image = pull(name("web:2"));
  ASSERT_TRUE(image) << image.error().message;
  EXPECT_EQ(std::count_if(seen_.begin(), seen_.end(),
                          [](const auto& s) { return s.ends_with(": Already exists"); }),
            1);
  EXPECT_EQ(std::distance(fs::directory_iterator(temp_.path + "/data/layers"), {}), 3);
}

TEST_F(RegistryPull, SaysWhenNothingIsNewAndAsksNobodyForADigestThatIsHere) {
  start_registry();
  push("web", {"one"});
  const auto image = pull(name("web"));
  ASSERT_TRUE(image);
  ASSERT_TRUE(pull(name("web")));
  EXPECT_EQ(seen_.back(), "Status: Image is up to date for " + name("web:latest"));
  ::kill(registry_.pid, SIGTERM);
  ::waitpid(std::exchange(registry_.pid, -1), nullptr, 0);
  EXPECT_TRUE(pull((*image)->repo_digests.front()));
}

TEST_F(RegistryPull, TwoAtOnceOfTheSameImageShareTheWork) {
  start_registry();
  push("web", {"one", "two", "three"});
  auto both = [](ImageStore& store, std::string reference) -> os::Co<bool> {
    auto one = [](ImageStore& s, std::string r, os::OneShot<bool> done) -> os::Co<> {
      PullRequest request{.reference = r};
      const ProgressSink nobody = [](const Progress&) {};
      const os::StopToken never;
      const auto image = co_await s.pull(request, nobody, never);
      done.set(image.has_value());
    };
    os::OneShot<bool> first, second;
    os::spawn(one(store, reference, first));
    os::spawn(one(store, reference, second));
    const bool first_ok = co_await first;
    const bool second_ok = co_await second;
    co_return first_ok&& second_ok;
  };
  EXPECT_TRUE(run(both(*store_, name("web"))));
}

TEST_F(RegistryPull, UsesTheCredentialsItIsGivenAndNoOthers) {
  start_registry(true);
  push("web", {"one"}, "oci", "test:secret");
  for (const char* auth : {"", kWrongCredentials}) {
    const auto refused = pull(name("web"), auth);
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().code, ErrorCode::NotFound);
    EXPECT_THAT(refused.error().message,
                HasSubstr("pull access denied for " + name("web") +
                          ", repository does not exist or may require 'docker login'"));
  }
  const auto image = pull(name("web"), kCredentials);
  EXPECT_TRUE(image) << image.error().message;
  EXPECT_EQ(pull(name("web"), "!!!").error().code, ErrorCode::InvalidArgument);
}

TEST_F(RegistryPull, SaysThatATagOrARepositoryIsUnknown) {
  start_registry();
  push("web", {"one"});
  for (const std::string rest : {"web:none", "nothing:latest"}) {
    const auto result = pull(name(rest));
    ASSERT_FALSE(result);
    EXPECT_EQ(result.error().code, ErrorCode::NotFound);
    EXPECT_EQ(result.error().message,
              "manifest for " + name(rest) + " not found: manifest unknown: manifest unknown");
  }
}

TEST_F(RegistryPull, SaysWhenThePlatformDoesNotFit) {
  start_registry();
  push("web", {"one"});
  const auto result = pull(name("web"), "", "linux/s390x");
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("does not match the specified platform"));
}

TEST_F(RegistryPull, ABlobThatIsCutOrChangedLeavesNothing) {
  start_registry();
  std::string noise;
  for (int i = 0; i < 100'000; ++i) noise += char((i * i) >> 5);
  push("web", {noise});
  const fs::path blob = blob_files().front();
  const std::string whole = testing::read_file(blob);
  for (const std::string& bytes : {whole.substr(0, whole.size() / 2), "x" + whole.substr(1)}) {
    testing::write_file(blob, bytes);
    const auto result = pull(name("web"));
    ASSERT_FALSE(result);
    EXPECT_FALSE(result.error().message.empty());
    expect_no_layers();
  }
  testing::write_file(blob, whole);
  EXPECT_TRUE(pull(name("web")));
}

TEST_F(RegistryPull, SaysThatNobodyListens) {
  (void)listen_on_loopback(port_);
  const auto result = pull(name("web"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(result.error().message, HasSubstr("connection refused"));
}

TEST_F(RegistryPull, ARegistryThatNeverAnswersEndsInBoundedTime) {
  const os::Fd silent = listen_on_loopback(port_);
  const auto result = pull(name("web"));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Unavailable);
  EXPECT_THAT(result.error().message, HasSubstr("no answer from the registry"));
}

TEST_F(RegistryPull, AClientThatGoesAwayEndsThePull) {
  const os::Fd silent = listen_on_loopback(port_);
  os::StopSource stop;
  const auto timer = loop_.at(loop_.now() + 100ms, [&] { stop.stop(); });
  const auto result = pull(name("web"), "", "", stop.token());
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code, ErrorCode::Cancelled);
  expect_no_layers();
}

}  // namespace
}  // namespace shoal::images
