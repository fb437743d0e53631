#include "containers/support_test.h"

#include <stdlib.h>
#include <sys/mount.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "engine/cgroup.h"
#include "os/file.h"
#include "os/process.h"

namespace shoal::containers::testing {
namespace fs = std::filesystem;
namespace {

constexpr int kMountPointField = 5;  // of a line of mountinfo

void make_root(const std::string& root) {
  for (const char* name : {"bin", "etc", "proc", "sys", "dev", "tmp", "root", "data"}) {
    fs::create_directories(root + "/" + name);
  }
  fs::copy_file("/bin/busybox", root + "/bin/busybox");
  for (const char* name : {"sh", "cat", "echo", "sleep", "true", "false", "id", "kill", "ls",
                           "touch", "hostname", "ps", "env", "test", "mkdir", "usleep"}) {
    fs::create_symlink("busybox", root + "/bin/" + name);
  }
  std::ofstream(root + "/etc/passwd") << "root:x:0:0:root:/root:/bin/sh\n";
  std::ofstream(root + "/etc/group") << "root:x:0:\n";
  std::ofstream(root + "/data/from_image") << "hello from the image\n";
}

std::string whole_file(const std::string& path) {
  std::ifstream in(path);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

// The image "busybox", of a tar that is made once for all tests of this process.
void import_image(Daemon& daemon, const std::string& folder) {
  const std::string root = folder + "/image", tar = folder + "/image.tar";
  make_root(root);
  const auto packed = run_on(
      daemon.loop, os::run(daemon.loop, {.argv = {"tar", "-C", root, "-cf", tar, "."}, .env = {}}));
  ASSERT_TRUE(packed && packed->ok());
  auto rest = std::make_shared<std::string>(whole_file(tar));
  const images::ByteSource body = [rest]() {
    return [](std::shared_ptr<std::string> bytes) -> os::Co<Result<std::string>> {
      co_return std::exchange(*bytes, {});
    }(rest);
  };
  images::ImportRequest request{.repository = "busybox"};
  auto imported = run_on(daemon.loop, daemon.images->import_rootfs(std::move(request), body, {}));
  ASSERT_TRUE(imported) << imported.error().message;
}

// The lines of this process's mounts below the folder.
std::vector<std::string> mounts_below(const std::string& folder) {
  std::vector<std::string> found;
  std::istringstream lines(whole_file("/proc/self/mountinfo"));
  for (std::string line; std::getline(lines, line);) {
    if (line.find(folder) != std::string::npos) found.push_back(line);
  }
  return found;
}

std::vector<std::string> names_in(const std::string& folder) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& item : fs::directory_iterator(folder, error)) {
    names.push_back(item.path().filename());
  }
  return names;
}

}  // namespace

Daemon::Daemon(const std::string& folder) {
  const auto facts = engine::read_host_facts();
  EXPECT_TRUE(facts);
  const std::string cgroup = "/" + fs::path(folder).filename().string();
  auto opened = engine::Engine::open(loop, log, *facts,
                                     {.run_root = folder + "/run/engine", .cgroup_parent = cgroup});
  EXPECT_TRUE(opened) << opened.error().message;
  engine = std::move(*opened);
  auto store = images::ImageStore::open(loop, log, {.data_root = folder + "/data"});
  EXPECT_TRUE(store) << store.error().message;
  images = std::move(*store);
  network = std::make_unique<netdriver::NodeNetwork>(
      loop, log, rng,
      netdriver::NodeNetworkOptions{.run_dir = folder + "/run", .ready_namespaces = 4});
  dns = std::make_unique<netdriver::DnsServers>(loop, log, rng, names);
  containers = std::make_unique<Containers>(Machine{.loop = loop,
                                                    .engine = *engine,
                                                    .images = *images,
                                                    .network = *network,
                                                    .rng = rng,
                                                    .log = log,
                                                    .dns = dns.get(),
                                                    .names = &names,
                                                    .data_root = folder + "/data",
                                                    .api_socket = {}});
  containers->on_event([this](const Event& event) {
    std::string line = event.action + " " + event.container->name;
    const auto code = event.attributes.find("exitCode");
    if (code != event.attributes.end()) line += " exitCode=" + code->second;
    events.push_back(std::move(line));
  });
  containers->networks().on_event([this](const NetworkEvent& event) {
    network_events.push_back(event.action + " " + event.name);
  });
  const auto ready = run_on(loop, containers->open());
  EXPECT_TRUE(ready) << ready.error().message;
}

NodeTest::NodeTest() {
  char name[] = "/tmp/shoal-containers-XXXXXX";
  folder_ = ::mkdtemp(name);
  os::make_folders(folder_ + "/run");
  daemon_ = std::make_unique<Daemon>(folder_);
  import_image(*daemon_, folder_);
}

NodeTest::~NodeTest() {
  for (const auto& container : containers().list()) {
    EXPECT_TRUE(run(containers().remove(container->id, {.force = true, .volumes = true})));
  }
  for (const auto& volume : containers().volumes().list()) {
    EXPECT_TRUE(run(containers().volumes().remove(volume->name, true)));
  }
  for (const auto& network : containers().networks().list()) {
    if (network->predefined) continue;
    EXPECT_TRUE(run(containers().networks().remove(network->id)));
  }
  EXPECT_THAT(run(daemon_->engine->list()).value_or(std::vector<std::string>{"?"}),
              ::testing::IsEmpty());
  EXPECT_THAT(daemon_->images->rootfs_containers(), ::testing::IsEmpty());
  EXPECT_THAT(daemon_->network->endpoints(), ::testing::IsEmpty());
  EXPECT_THAT(names_in(folder_ + "/data/containers"), ::testing::IsEmpty());
  EXPECT_THAT(names_in(folder_ + "/data/volumes"), ::testing::IsEmpty());
  EXPECT_TRUE(run(daemon_->network->remove_all()));
  EXPECT_THAT(names_in(folder_ + "/run/netns"), ::testing::IsEmpty());
  daemon_.reset();
  EXPECT_THAT(mounts_below(folder_), ::testing::IsEmpty());
  const auto cgroups = engine::Cgroups::open();
  EXPECT_TRUE(cgroups && cgroups->destroy("/" + fs::path(folder_).filename().string()));
  const auto removed = os::remove_tree(folder_);
  EXPECT_TRUE(removed) << removed.error().message;
}

model::ContainerConfig NodeTest::config(std::vector<std::string> argv, std::string name) {
  model::ContainerConfig wanted;
  wanted.name = std::move(name);
  wanted.spec.image = "busybox";
  wanted.spec.args = std::move(argv);
  return wanted;
}

std::string NodeTest::create(model::ContainerConfig wanted) {
  const auto created = run(containers().create(std::move(wanted)));
  EXPECT_TRUE(created) << created.error().message;
  return created ? created->id : "";
}

std::string NodeTest::start(model::ContainerConfig wanted) {
  const std::string id = create(std::move(wanted));
  const auto started = run(containers().start(id));
  EXPECT_TRUE(started && *started) << (started ? "" : started.error().message);
  return id;
}

int NodeTest::wait(const std::string& ref, WaitCondition condition) {
  const os::StopSource late;
  const auto timer = loop().at(loop().now() + kPatience, [late] { late.stop(); });
  const auto exit = run(containers().wait(ref, condition, late.token()));
  EXPECT_TRUE(exit) << exit.error().message;
  return exit ? exit->code : -1;
}

void NodeTest::remove(const std::string& ref) {
  const auto removed = run(containers().remove(ref, {.force = true, .volumes = true}));
  EXPECT_TRUE(removed) << removed.error().message;
}

std::string NodeTest::make_network(std::string name, std::string subnet, bool internal) {
  model::NetworkSpec spec;
  spec.annotations.name = std::move(name);
  spec.internal = internal;
  if (!subnet.empty())
    spec.ipam = {{.subnet = subnet, .range = {}, .gateway = {}, .auxiliary = {}}};
  const auto made = run(containers().networks().create(std::move(spec)));
  EXPECT_TRUE(made) << made.error().message;
  return made ? (*made)->id : "";
}

std::string NodeTest::log(const std::string& ref) {
  auto reader = containers().logs(ref, {});
  EXPECT_TRUE(reader) << reader.error().message;
  std::string text;
  while (reader) {
    auto line = run((*reader)->next());
    if (!line || !*line) break;
    text += (*line)->bytes;
  }
  return text;
}

ContainerRef NodeTest::find(const std::string& ref) {
  const auto found = containers().find(ref);
  EXPECT_TRUE(found) << found.error().message;
  return *found;
}

void NodeTest::await_status(const std::string& ref, Status status) {
  const auto container = find(ref);
  const Time deadline = loop().now() + kPatience;
  while (container->state.status != status && loop().now() < deadline) run(loop().sleep(5ms));
  EXPECT_EQ(status_name(container->state.status), status_name(status));
}

void NodeTest::crash_and_restart() {
  daemon_.reset();
  daemon_ = std::make_unique<Daemon>(folder_);
}

void NodeTest::reboot() {
  daemon_.reset();  // First: it must not see the ends.
  const auto cgroups = engine::Cgroups::open();
  EXPECT_TRUE(cgroups && cgroups->destroy("/" + fs::path(folder_).filename().string()));
  for (const auto& line : mounts_below(folder_)) {
    std::istringstream words(line);
    std::string path;
    for (int field = 0; field < kMountPointField; ++field) words >> path;
    EXPECT_EQ(::umount2(path.c_str(), MNT_DETACH), 0) << path;
  }
  {
    os::Loop loop(2);
    NullLog log;
    Rng rng(1);
    netdriver::NodeNetwork network(loop, log, rng, {.run_dir = folder_ + "/run"});
    const auto started = run_on(loop, network.start({}));
    EXPECT_TRUE(started) << started.error().message;
    EXPECT_TRUE(run_on(loop, network.remove_all()));
  }
  EXPECT_TRUE(os::remove_tree(folder_ + "/run"));
  os::make_folders(folder_ + "/run");
  daemon_ = std::make_unique<Daemon>(folder_);
}

}  // namespace shoal::containers::testing
