#include "images/image_store.h"

#include <gmock/gmock.h>

#include <chrono>

#include "images/testing.h"

namespace shoal::images {
namespace {
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::TarBuilder;
namespace fs = std::filesystem;

// Before main and so before any thread: the mounts of these tests are seen by nobody else.
[[maybe_unused]] const bool kOwnMounts = [] {
  CHECK(::unshare(CLONE_NEWNS) == 0, "these tests need root");
  CHECK(::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0);
  return true;
}();

class Store : public ::testing::Test {
 protected:
  Store() { open(); }
  ~Store() override {
    for (const auto& id : store_->rootfs_containers()) (void)run(store_->remove_rootfs(id));
    store_.reset();
  }

  void open() {
    store_.reset();
    loop_ = std::make_unique<os::Loop>(testing::kPoolThreads);
    auto opened = ImageStore::open(*loop_, log_, {.data_root = root_});
    ASSERT_TRUE(opened) << opened.error().message;
    store_ = std::move(*opened);
  }
  template <class T>
  T run(os::Co<T> co) {
    return testing::run_on(*loop_, std::move(co));
  }
  ImagePtr import(const std::string& name, std::string tar, std::vector<std::string> changes = {}) {
    ImportRequest request{.repository = name, .changes = std::move(changes)};
    auto image = run(store_->import_rootfs(request, testing::source_of(std::move(tar)), {}));
    EXPECT_TRUE(image) << image.error().message;
    return image.value_or(nullptr);
  }
  ImagePtr import_file(const std::string& name, const std::string& text) {
    TarBuilder tar;
    return import(name, tar.file("file", text).finish());
  }
  auto remove(const std::string& name, bool force = false, std::vector<ImageUser> users = {}) {
    const ImageUsers asked = [users](const std::string&) { return users; };
    return run(store_->remove(name, force, asked));
  }
  size_t layer_count() const {
    return size_t(std::distance(fs::directory_iterator(root_ + "/layers"), {}));
  }
  // Waits for what the store deletes in the background.
  void wait_until(std::function<bool()> holds) {
    auto body = [](os::Loop& loop, std::function<bool()> done) -> os::Co<bool> {
      const Time deadline = loop.now() + std::chrono::seconds(30);
      while (!done() && loop.now() < deadline) co_await loop.sleep(std::chrono::milliseconds(1));
      co_return done();
    };
    EXPECT_TRUE(run(body(*loop_, std::move(holds))));
  }
  void expect_layers(size_t count) {
    wait_until([this, count] { return layer_count() == count; });
    wait_until([this] { return fs::is_empty(root_ + "/scratch"); });
  }

  testing::Folder temp_;
  const std::string root_ = temp_.path + "/data, with: odd name";
  NullLog log_;
  std::unique_ptr<os::Loop> loop_;
  std::unique_ptr<ImageStore> store_;
};

TEST_F(Store, ImportsATarAsAnImageWithOneLayer) {
  const ImagePtr image = import_file("web:2", "hello");
  ASSERT_TRUE(image);
  EXPECT_THAT(image->repo_tags, ElementsAre("web:2"));
  EXPECT_EQ(image->os, "linux");
  EXPECT_EQ(image->size_bytes, 5u);
  EXPECT_EQ(image->layers.size(), 1u);
  EXPECT_EQ(*store_->resolve("web:2"), image);
  EXPECT_EQ(*store_->resolve(image->id), image);
  EXPECT_EQ(*store_->resolve(image->id.substr(7, 12)), image);
  EXPECT_EQ(store_->resolve("web").error().message, "No such image: web:latest");
  EXPECT_EQ(store_->resolve("Web").error().code, ErrorCode::InvalidArgument);
}

TEST_F(Store, ImportAppliesChanges) {
  TarBuilder tar;
  const ImagePtr image =
      import("web", tar.file("f", "").finish(),
             {"CMD [\"nginx\", \"-g\"]", "entrypoint run it", "ENV A=1 B=\"two words\"",
              "EXPOSE 80", "EXPOSE 53/udp", "STOPSIGNAL SIGQUIT", "LABEL k=v", "WORKDIR /srv",
              "USER web", "VOLUME /data", "HEALTHCHECK CMD true"});
  ASSERT_TRUE(image);
  const ImageConfig& config = image->config;
  EXPECT_THAT(config.command, ElementsAre("nginx", "-g"));
  EXPECT_THAT(config.entrypoint, ElementsAre("/bin/sh", "-c", "run it"));
  EXPECT_THAT(config.env, ElementsAre("A=1", "B=two words"));
  EXPECT_THAT(config.exposed_ports, ElementsAre("53/udp", "80/tcp"));
  EXPECT_EQ(config.stop_signal, "SIGQUIT");
  EXPECT_EQ(config.labels.at("k"), "v");
  EXPECT_EQ(config.working_dir, "/srv");
  EXPECT_EQ(config.user, "web");
  EXPECT_THAT(config.volumes, ElementsAre("/data"));
  EXPECT_THAT(config.healthcheck->test, ElementsAre("CMD-SHELL", "true"));
}

TEST_F(Store, ARefusedChangeOrNameImportsNothing) {
  for (const std::string change : {"RUN true", "EXPOSE 70000", "ENV x", "LABEL a='b", "CMDX", ""}) {
    ImportRequest request{.repository = "web", .changes = {change}};
    const auto result = run(store_->import_rootfs(request, testing::source_of(""), {}));
    ASSERT_FALSE(result) << change;
    EXPECT_EQ(result.error().code, ErrorCode::InvalidArgument);
  }
  ImportRequest request{.repository = "Bad Name"};
  EXPECT_FALSE(run(store_->import_rootfs(request, testing::source_of(""), {})));
  EXPECT_EQ(layer_count(), 0u);
}

TEST_F(Store, ADamagedTarLeavesNothingBehind) {
  TarBuilder tar(testing::Packing::Gzip);
  const std::string whole = tar.file("a", std::string(100'000, 'a')).finish();
  ImportRequest request{.repository = "web"};
  const std::string cut = whole.substr(0, whole.size() / 2);
  const auto result = run(store_->import_rootfs(request, testing::source_of(cut), {}));
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().message, HasSubstr("damaged archive"));
  expect_layers(0);
}

TEST_F(Store, ImagesAndNamesAreThereAfterARestart) {
  const ImagePtr image = import_file("web:2", "hello");
  ASSERT_TRUE(run(store_->tag("web:2", "host:5000/team/web")));
  open();
  const auto again = store_->resolve("host:5000/team/web");
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ((*again)->id, image->id);
  EXPECT_EQ((*again)->size_bytes, 5u);
  EXPECT_THAT((*again)->repo_tags, ElementsAre("host:5000/team/web:latest", "web:2"));
}

TEST_F(Store, OpeningForgetsWhatACrashLeftHalfDone) {
  import_file("web", "hello");
  fs::create_directories(root_ + "/scratch/17/diff/etc");
  const std::string orphan = root_ + "/layers/" + std::string(64, 'a');
  fs::create_directories(orphan + "/diff");
  testing::write_file(orphan + "/meta", "9 0");
  const std::string damaged = root_ + "/layers/" + std::string(64, 'b');
  fs::create_directories(damaged + "/diff");
  testing::write_file(damaged + "/meta", "");  // As a power failure leaves it.
  fs::create_symlink("../layers/nowhere/diff", root_ + "/l/zz");
  const std::string config = root_ + "/images/" + std::string(64, 'c') + ".json";
  testing::write_file(config, "{}");
  testing::write_file(config + ".new", "{");
  open();
  expect_layers(1);
  EXPECT_FALSE(fs::exists(config));
  EXPECT_FALSE(fs::exists(config + ".new"));
  EXPECT_FALSE(fs::is_symlink(root_ + "/l/zz"));
  EXPECT_TRUE(store_->resolve("web"));
}

TEST_F(Store, ARootfsThatWasCutOffBeforeItsFirstMountIsMadeAnew) {
  const ImagePtr image = import_file("web", "lower");
  for (const char* part : {"upper", "work", "merged"}) {
    fs::create_directories(root_ + "/rootfs/c1/" + part);
  }
  open();
  EXPECT_THAT(store_->rootfs_containers(), ::testing::IsEmpty());
  EXPECT_FALSE(fs::exists(root_ + "/rootfs/c1"));
  const auto rootfs = run(store_->mount_rootfs("c1", *store_->resolve("web")));
  ASSERT_TRUE(rootfs) << rootfs.error().message;
  EXPECT_EQ(testing::read_file(rootfs->path + "/file"), "lower");
  EXPECT_TRUE(run(store_->remove_rootfs("c1")));
}

TEST_F(Store, AListOfImagesThatCannotBeReadIsAnErrorAndCostsNoLayer) {
  import_file("web", "hello");
  store_.reset();
  const std::string list = root_ + "/images/repositories.json";
  const std::string text = testing::read_file(list);
  testing::write_file(list, "{");
  EXPECT_FALSE(ImageStore::open(*loop_, log_, {.data_root = root_}));
  testing::write_file(list, text);
  open();
  EXPECT_TRUE(store_->resolve("web"));
}

TEST_F(Store, TwoImportsOfTheSameContentShareTheLayer) {
  import_file("a", "same");
  import_file("b", "same");
  EXPECT_EQ(layer_count(), 1u);
  EXPECT_EQ(store_->layers_size_bytes(), 4u);
  ASSERT_TRUE(remove("a"));
  expect_layers(1);
  ASSERT_TRUE(remove("b"));
  expect_layers(0);
}

TEST_F(Store, TheSameLayerAddedWhileItIsBeingDeletedIsThereInTheEnd) {
  import_file("a", "same");
  ASSERT_TRUE(remove("a"));
  const ImagePtr image = import_file("b", "same");
  ASSERT_TRUE(image);
  expect_layers(1);
  const auto rootfs = run(store_->mount_rootfs("c1", image));
  ASSERT_TRUE(rootfs) << rootfs.error().message;
  EXPECT_EQ(testing::read_file(rootfs->path + "/file"), "same");
}

TEST_F(Store, ATagMovesToTheImageThatIsGivenIt) {
  const ImagePtr old = import_file("web", "old");
  const ImagePtr fresh = import_file("web", "new");
  EXPECT_EQ(*store_->resolve("web"), fresh);
  const auto dangling = store_->list({.dangling = true});
  ASSERT_EQ(dangling->size(), 1u);
  EXPECT_EQ(dangling->front()->id, old->id);
}

TEST_F(Store, RmiTakesTheNameAndWithTheLastOneTheImage) {
  const ImagePtr image = import_file("web", "x");
  ASSERT_TRUE(run(store_->tag("web", "web:2")));
  const auto first = remove("web:2");
  ASSERT_TRUE(first);
  EXPECT_THAT(*first, ElementsAre(RemovedItem{.untagged = "web:2"}));
  const auto second = remove("web");
  ASSERT_TRUE(second);
  EXPECT_THAT(*second,
              ElementsAre(RemovedItem{.untagged = "web:latest"}, RemovedItem{.deleted = image->id},
                          RemovedItem{.deleted = image->layers[0].diff_id}));
  EXPECT_EQ(remove("web").error().message, "No such image: web:latest");
  open();
  EXPECT_FALSE(store_->resolve(image->id));
}

TEST_F(Store, RmiByIdRefusesAnImageWithSeveralNamesUnlessForced) {
  const ImagePtr image = import_file("web", "x");
  ASSERT_TRUE(run(store_->tag("web", "other")));
  const std::string id = image->id.substr(7, 12);
  const auto refused = remove(id);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::Conflict);
  EXPECT_EQ(refused.error().message,
            "conflict: unable to delete " + id +
                " (must be forced) - image is referenced in multiple repositories");
  EXPECT_TRUE(remove(id, true));
  EXPECT_FALSE(store_->resolve("other"));
}

TEST_F(Store, RmiKeepsAnImageThatContainersUse) {
  const ImagePtr image = import_file("web", "x");
  const std::string id = image->id.substr(7, 12);
  const std::string container(64, 'c');
  const ImageUser stopped{container, false};
  const ImageUser running{container, true};
  EXPECT_EQ(remove("web", false, {stopped}).error().message,
            "conflict: unable to remove repository reference \"web\" (must force) - container "
            "cccccccccccc is using its referenced image " +
                id);
  EXPECT_EQ(remove(id, false, {stopped}).error().message,
            "conflict: unable to delete " + id +
                " (must be forced) - image is being used by stopped container cccccccccccc");
  EXPECT_EQ(remove(id, true, {running}).error().message,
            "conflict: unable to delete " + id +
                " (cannot be forced) - image is being used by running container cccccccccccc");
  const auto untagged = remove("web", true, {running});
  ASSERT_TRUE(untagged);
  EXPECT_THAT(*untagged, ElementsAre(RemovedItem{.untagged = "web:latest"}));
  EXPECT_TRUE(store_->resolve(id));
}

TEST_F(Store, PruneTakesWhatHasNoNameAndNoContainer) {
  const ImagePtr used = import_file("web", "first");
  const ImagePtr unused = import_file("web", "second!");
  import_file("web", "third");
  const ImageUsers users = [&](const std::string& id) {
    return id == used->id ? std::vector<ImageUser>{{"c", false}} : std::vector<ImageUser>{};
  };
  const auto report = run(store_->prune({}, users));
  ASSERT_TRUE(report);
  EXPECT_EQ(report->reclaimed_bytes, 7u);
  EXPECT_EQ(report->removed.front(), (RemovedItem{.deleted = unused->id}));
  EXPECT_TRUE(store_->resolve(used->id));
  const auto all = run(store_->prune({.dangling = false}, users));
  ASSERT_TRUE(all);
  EXPECT_EQ(all->removed.front(), (RemovedItem{.untagged = "web:latest"}));
  EXPECT_FALSE(store_->resolve("web"));
}

TEST_F(Store, ListFiltersByReferenceLabelAndAge) {
  TarBuilder one, two;
  import("team/web:1", one.file("f", "1").finish(), {"LABEL tier=front"});
  import("db:1", two.file("f", "2").finish());
  const auto names = [&](const ImageFilter& filter) {
    std::vector<std::string> found;
    const auto images = store_->list(filter);
    EXPECT_TRUE(images);
    for (const auto& image : images.value_or(std::vector<ImagePtr>{})) {
      found.push_back(image->repo_tags.front());
    }
    return found;
  };
  EXPECT_THAT(names({}), ElementsAre("db:1", "team/web:1"));
  EXPECT_THAT(names({.references = {"team/*"}}), ElementsAre("team/web:1"));
  EXPECT_THAT(names({.references = {"*:1"}}), ElementsAre("db:1"));
  EXPECT_THAT(names({.labels = {"tier"}}), ElementsAre("team/web:1"));
  EXPECT_THAT(names({.labels = {"tier=back"}}), IsEmpty());
  EXPECT_THAT(names({.before = "db:1"}), ElementsAre("team/web:1"));
  EXPECT_THAT(names({.since = "team/web:1"}), ElementsAre("db:1"));
  EXPECT_EQ(store_->list({.before = "none"}).error().code, ErrorCode::NotFound);
}

TEST_F(Store, ARootfsIsTheImageWithAWritableLayerThatOutlivesRestarts) {
  const ImagePtr image = import_file("web", "lower");
  const auto rootfs = run(store_->mount_rootfs("c1", image));
  ASSERT_TRUE(rootfs) << rootfs.error().message;
  EXPECT_EQ(testing::read_file(rootfs->path + "/file"), "lower");
  testing::write_file(rootfs->path + "/file", "written");
  EXPECT_TRUE(run(store_->mount_rootfs("c1", image)));  // Mounted already.
  EXPECT_EQ(*run(store_->rootfs_size_bytes("c1")), 7u);

  ASSERT_TRUE(run(store_->unmount_rootfs("c1")));
  EXPECT_FALSE(fs::exists(rootfs->path + "/file"));
  open();
  EXPECT_THAT(store_->rootfs_containers(), ElementsAre("c1"));
  ASSERT_TRUE(run(store_->mount_rootfs("c1", *store_->resolve("web"))));
  EXPECT_EQ(testing::read_file(rootfs->path + "/file"), "written");

  ASSERT_TRUE(run(store_->remove_rootfs("c1")));
  EXPECT_FALSE(fs::exists(root_ + "/rootfs/c1"));
  EXPECT_TRUE(run(store_->remove_rootfs("c1")));
  EXPECT_EQ(run(store_->rootfs_size_bytes("c1")).error().code, ErrorCode::NotFound);
}

TEST_F(Store, ATransientRootfsCanBeMountedAgainWhileTheDaemonLives) {
  const ImagePtr image = import_file("web", "lower");
  ASSERT_TRUE(run(store_->mount_rootfs("c1", image, true)));
  ASSERT_TRUE(run(store_->unmount_rootfs("c1")));
  const auto again = run(store_->mount_rootfs("c1", image, true));
  ASSERT_TRUE(again) << again.error().message;
  EXPECT_EQ(testing::read_file(again->path + "/file"), "lower");
}

TEST_F(Store, LayersStayWhileAContainerStandsOnThem) {
  const ImagePtr image = import_file("web", "x");
  ASSERT_TRUE(run(store_->mount_rootfs("c1", image)));
  const auto removed = remove("web", true, {{"c1", false}});
  ASSERT_TRUE(removed);
  EXPECT_THAT(*removed, ElementsAre(RemovedItem{.untagged = "web:latest"},
                                    RemovedItem{.deleted = image->id}));
  expect_layers(1);
  EXPECT_EQ(run(store_->mount_rootfs("c2", image)).error().code, ErrorCode::NotFound);
  ASSERT_TRUE(run(store_->remove_rootfs("c1")));
  expect_layers(0);
}

TEST_F(Store, RefusesContainerIdsThatArePaths) {
  const ImagePtr image = import_file("web", "x");
  for (const std::string id : {"", "..", "a/b", "../../etc", ".hidden"}) {
    EXPECT_EQ(run(store_->mount_rootfs(id, image)).error().code, ErrorCode::InvalidArgument) << id;
    EXPECT_EQ(run(store_->remove_rootfs(id)).error().code, ErrorCode::InvalidArgument) << id;
  }
}

TEST_F(Store, AnImportWhoseClientGoesAwayLeavesNothing) {
  os::StopSource stop;
  stop.stop();
  TarBuilder tar;
  ImportRequest request{.repository = "web"};
  auto body = testing::source_of(tar.file("f", "x").finish());
  const auto result = run(store_->import_rootfs(request, body, stop.token()));
  EXPECT_EQ(result.error().code, ErrorCode::Cancelled);
  EXPECT_FALSE(store_->resolve("web"));
  expect_layers(0);
}

}  // namespace
}  // namespace shoal::images
