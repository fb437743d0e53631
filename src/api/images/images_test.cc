// The image calls through a router and a store on the disk, without sockets.
#include "api/images/images.h"

#include <archive.h>
#include <archive_entry.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "api/testing.h"

namespace shoal::api {
namespace {
using Json = nlohmann::json;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
namespace fs = std::filesystem;

constexpr int kPoolThreads = 2;

// A tar with one file.
std::string one_file(const std::string& name, const std::string& text) {
  std::string bytes(size_t{64} << 10, '\0');
  size_t used = 0;
  archive* writer = archive_write_new();
  archive_write_set_format_ustar(writer);
  archive_write_open_memory(writer, bytes.data(), bytes.size(), &used);
  archive_entry* entry = archive_entry_new();
  archive_entry_set_pathname(entry, name.c_str());
  archive_entry_set_filetype(entry, AE_IFREG);
  archive_entry_set_perm(entry, 0644);
  archive_entry_set_size(entry, int64_t(text.size()));
  archive_write_header(writer, entry);
  archive_write_data(writer, text.data(), text.size());
  archive_entry_free(entry);
  archive_write_close(writer);
  archive_write_free(writer);
  bytes.resize(used);
  return bytes;
}

class ImageCalls : public ::testing::Test {
 protected:
  ImageCalls() {
    char name[] = "/tmp/shoal-api-images-XXXXXX";
    CHECK(::mkdtemp(name));
    folder_ = name;
    auto opened = images::ImageStore::open(loop_, log_, {.data_root = folder_ + "/data"});
    CHECK(opened, "{}", opened.error().message);
    store_ = std::move(*opened);
    api_ = std::make_unique<ImagesApi>(
        loop_, *store_, [this](const std::string&) { return users_; }, events_);
    api_->add_routes(router_);
  }
  ~ImageCalls() override {
    store_.reset();
    fs::remove_all(folder_);
  }

  Answer ask(const std::string& method, const std::string& target, const std::string& body = "") {
    Answer answer;
    bool done = false;
    const Ask asked{method, target, body};
    auto run = [](os::Loop& loop, Router& router, Ask what, Answer& to, bool& end) -> os::Co<> {
      co_await serve_one(router, std::move(what), to, end);
      loop.stop();
    };
    loop_.post([&] { os::spawn(run(loop_, router_, asked, answer, done)); });
    loop_.run();
    EXPECT_TRUE(done);
    return answer;
  }
  // Imports an image of one file; returns its id.
  std::string import(const std::string& query, const std::string& text) {
    const Answer answer = ask("POST", "/images/create?fromSrc=-&" + query, one_file("file", text));
    EXPECT_EQ(answer.status, 200) << answer.body;
    return Json::parse(answer.body)["status"];
  }
  static std::string message(const Answer& answer) { return Json::parse(answer.body)["message"]; }

  std::string folder_;
  os::Loop loop_{kPoolThreads};
  NullLog log_;
  EventBus events_;
  Router router_{"Shoal/test"};
  std::vector<images::ImageUser> users_;
  std::unique_ptr<images::ImageStore> store_;
  std::unique_ptr<ImagesApi> api_;
};

TEST_F(ImageCalls, ListAndInspectShowAnImportedImageAsDockerDoes) {
  const std::string id =
      import("repo=team/web&tag=2&changes=CMD%20run&changes=EXPOSE%2080", "hello");
  const Json list = Json::parse(ask("GET", "/v1.50/images/json").body);
  ASSERT_EQ(list.size(), 1u);
  EXPECT_EQ(list[0]["Id"], id);
  EXPECT_EQ(list[0]["RepoTags"], Json({"team/web:2"}));
  EXPECT_EQ(list[0]["Size"], 5);
  EXPECT_FALSE(list[0].contains("VirtualSize"));
  const Answer answer = ask("GET", "/v1.50/images/team/web:2/json");
  EXPECT_EQ(answer.status, 200);
  const Json image = Json::parse(answer.body);
  EXPECT_EQ(image["Config"]["Cmd"], Json({"/bin/sh", "-c", "run"}));
  EXPECT_EQ(image["Config"]["ExposedPorts"], Json({{"80/tcp", Json::object()}}));
  EXPECT_TRUE(image["Config"]["Entrypoint"].is_null());
  EXPECT_EQ(image["RootFS"]["Layers"].size(), 1u);
}

TEST_F(ImageCalls, OldClientsGetTheOldNamesOfWhatHasNone) {
  import("repo=", "x");
  const Json old = Json::parse(ask("GET", "/v1.40/images/json").body)[0];
  EXPECT_EQ(old["RepoTags"], Json({"<none>:<none>"}));
  EXPECT_EQ(old["VirtualSize"], 1);
  const Json fresh = Json::parse(ask("GET", "/v1.50/images/json").body)[0];
  EXPECT_EQ(fresh["RepoTags"], Json::array());
}

TEST_F(ImageCalls, TagAndRemoveAnswerAndAreToldAsEvents) {
  const std::string id = import("repo=web", "x");
  const auto listener = events_.listen();
  EXPECT_EQ(ask("POST", "/images/web/tag?repo=host:5000/team/web&tag=2").status, 201);
  const Answer untagged = ask("DELETE", "/images/host:5000/team/web:2");
  EXPECT_EQ(untagged.status, 200);
  EXPECT_EQ(Json::parse(untagged.body), Json::parse(R"([{"Untagged":"host:5000/team/web:2"}])"));
  const Json deleted = Json::parse(ask("DELETE", "/images/web").body);
  EXPECT_EQ(deleted[0]["Untagged"], "web:latest");
  EXPECT_EQ(deleted[1]["Deleted"], id);
  auto actions = [](os::Loop& loop, EventBus::Listener& from,
                    std::vector<std::string>& seen) -> os::Co<> {
    const os::StopToken never;
    for (int i = 0; i < 4; ++i) {
      const auto event = co_await from.next(never);
      seen.push_back(event->action);
    }
    loop.stop();
  };
  std::vector<std::string> seen;
  loop_.post([&] { os::spawn(actions(loop_, *listener, seen)); });
  loop_.run();
  EXPECT_THAT(seen, ElementsAre("tag", "untag", "untag", "delete"));
}

TEST_F(ImageCalls, ErrorsHaveDockersStatusAndWords) {
  import("repo=web", "x");
  const Answer missing = ask("GET", "/images/none/json");
  EXPECT_EQ(missing.status, 404);
  EXPECT_EQ(message(missing), "No such image: none:latest");
  const Answer bad = ask("POST", "/images/web/tag?repo=Bad");
  EXPECT_EQ(bad.status, 400);
  EXPECT_EQ(message(bad),
            "invalid reference format: repository name (library/Bad) must be lowercase");
  users_ = {{std::string(64, 'c'), true}};
  const Answer used = ask("DELETE", "/images/web");
  EXPECT_EQ(used.status, 409);
  EXPECT_THAT(message(used), HasSubstr("container cccccccccccc is using its referenced image"));
  EXPECT_EQ(ask("GET", "/images/json?filters=%7B%22no%22%3A%5B%22x%22%5D%7D").status, 400);
  EXPECT_EQ(ask("POST", "/images/create?fromImage=Web").status, 400);
  EXPECT_EQ(ask("POST", "/images/create?fromSrc=http://x/y").status, 501);
  EXPECT_EQ(ask("POST", "/images/load", std::string(2000, 'x')).status, 400);
  EXPECT_EQ(ask("GET", "/images/get?names=none").status, 404);
  EXPECT_EQ(ask("POST", "/images/web/push").status, 501);
}

TEST_F(ImageCalls, WhatIsSavedCanBeLoadedAgainWithTheSameId) {
  const std::string id = import("repo=web&tag=2&message=made%20here", "hello");
  const Answer saved = ask("GET", "/images/web:2/get");
  ASSERT_EQ(saved.status, 200);
  EXPECT_EQ(ask("DELETE", "/images/web:2").status, 200);
  EXPECT_EQ(ask("GET", "/images/web:2/json").status, 404);
  const Answer loaded = ask("POST", "/images/load", saved.body);
  EXPECT_EQ(loaded.status, 200);
  EXPECT_EQ(Json::parse(loaded.body)["stream"], "Loaded image: web:2\n");
  EXPECT_EQ(Json::parse(ask("GET", "/images/web:2/json").body)["Id"], id);
  const Json history = Json::parse(ask("GET", "/images/web:2/history").body);
  ASSERT_EQ(history.size(), 1u);
  EXPECT_EQ(history[0]["Comment"], "made here");
  EXPECT_EQ(history[0]["Size"], 5);
}

TEST_F(ImageCalls, AnArchiveThatIsCutLoadsNothing) {
  import("repo=web", std::string(20'000, 'x'));
  const std::string whole = ask("GET", "/images/web/get").body;
  EXPECT_EQ(ask("DELETE", "/images/web").status, 200);
  for (const size_t size : {whole.size() / 4, whole.size() / 2}) {
    const Answer answer = ask("POST", "/images/load", whole.substr(0, size));
    EXPECT_EQ(answer.status, 400) << answer.body;
  }
  EXPECT_EQ(Json::parse(ask("GET", "/images/json").body).size(), 0u);
}

TEST_F(ImageCalls, PruneSaysWhatWentAndHowMuch) {
  import("repo=web", "old!");
  import("repo=web", "new");
  const Json report = Json::parse(ask("POST", "/images/prune").body);
  EXPECT_EQ(report["SpaceReclaimed"], 4);
  EXPECT_EQ(report["ImagesDeleted"].size(), 2u);
  EXPECT_TRUE(Json::parse(ask("POST", "/images/prune").body)["ImagesDeleted"].is_null());
}

TEST_F(ImageCalls, LoginNeedsAUserAPasswordAndAServerThatCanBeOne) {
  const auto message_of = [](const auto& answer) {
    return Json::parse(answer.body)["message"].template get<std::string>();
  };
  const auto nobody = ask("POST", "/auth", R"({"serveraddress": "http://127.0.0.1:1/v1/"})");
  EXPECT_EQ(nobody.status, 401);
  EXPECT_EQ(message_of(nobody),
            "login attempt to http://127.0.0.1:1/v2/ failed with status: 401 Unauthorized");
  const auto odd = ask("POST", "/auth", R"({"username": "a", "password": "b",
                                            "serveraddress": "--help"})");
  EXPECT_EQ(odd.status, 400);
  EXPECT_EQ(message_of(odd), "invalid server address: --help");
  EXPECT_EQ(ask("POST", "/auth", R"({"username": 5})").status, 400);
}

}  // namespace
}  // namespace shoal::api
