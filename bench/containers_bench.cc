// bench-containers: what one run of a container costs on this machine, step by step, without client
// and API; and thirty starts at once. Needs root and busybox-static; works in a folder of /tmp and
// in namespaces of its own, and leaves nothing.
//
//   bench-containers [rounds]
#include <net/if.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <map>

#include "containers/containers.h"
#include "containers/parallel.h"
#include "engine/cgroup.h"
#include "engine/engine.h"
#include "images/image_store.h"
#include "netdriver/node_network.h"
#include "os/file.h"
#include "os/process.h"

namespace shoal {
namespace {

namespace fs = std::filesystem;

struct Node {
  NullLog log;
  Rng rng{uint64_t(::getpid())};
  os::Loop loop{8};
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<images::ImageStore> images;
  std::unique_ptr<netdriver::NodeNetwork> network;
  std::unique_ptr<containers::Containers> containers;
};

// Medians, in the order in which the steps were first seen.
class Figures {
 public:
  void add(const std::string& step, Duration duration) {
    if (!samples_.contains(step)) order_.push_back(step);
    samples_[step].push_back(double(duration.count()) / 1e6);
  }
  void print() {
    for (const auto& step : order_) {
      auto& list = samples_[step];
      std::sort(list.begin(), list.end());
      fmt::print("{:<28} median {:8.2f} ms   p90 {:8.2f} ms   n {}\n", step, list[list.size() / 2],
                 list[list.size() * 9 / 10], list.size());
    }
  }

 private:
  std::map<std::string, std::vector<double>> samples_;
  std::vector<std::string> order_;
};

void make_root(const std::string& root) {
  for (const char* name : {"bin", "etc", "proc", "sys", "dev", "tmp"}) {
    fs::create_directories(root + "/" + name);
  }
  fs::copy_file("/bin/busybox", root + "/bin/busybox");
  for (const char* name : {"sh", "true", "sleep"})
    fs::create_symlink("busybox", root + "/bin/" + name);
}

os::Co<Result<void>> import(Node& node, std::string folder) {
  make_root(folder + "/image");
  const std::string tar = folder + "/image.tar";
  os::Command pack{.argv = {"tar", "-C", folder + "/image", "-cf", tar, "."}};
  CO_ASSIGN_OR_RETURN(const auto packed, co_await os::run(node.loop, std::move(pack)));
  if (!packed.ok()) co_return internal_error("tar: {}", packed.err);
  CO_ASSIGN_OR_RETURN(auto text, os::read_file(tar));
  auto rest = std::make_shared<std::string>(std::move(text));
  const images::ByteSource body = [rest]() {
    return [](std::shared_ptr<std::string> bytes) -> os::Co<Result<std::string>> {
      co_return std::exchange(*bytes, {});
    }(rest);
  };
  images::ImportRequest request{.repository = "busybox"};
  const os::StopToken never;
  CO_RETURN_IF_ERROR(co_await node.images->import_rootfs(std::move(request), body, never));
  co_return Result<void>{};
}

model::ContainerConfig config(std::vector<std::string> argv, bool auto_remove) {
  model::ContainerConfig wanted;
  wanted.spec.image = "busybox";
  wanted.spec.args = std::move(argv);
  wanted.auto_remove = auto_remove;
  return wanted;
}

// docker run --rm busybox true, without the client.
os::Co<Result<void>> run_once(Node& node, Figures& figures) {
  const Time begin = node.loop.now();
  auto wanted = config({"true"}, true);
  CO_ASSIGN_OR_RETURN(const auto created, co_await node.containers->create(std::move(wanted)));
  const Time made = node.loop.now();
  const auto next =
      containers::begin(node.containers->wait(created.id, containers::WaitCondition::NextExit));
  const auto removed =
      containers::begin(node.containers->wait(created.id, containers::WaitCondition::Removed));
  CO_RETURN_IF_ERROR(co_await node.containers->start(created.id));
  const Time started = node.loop.now();
  CO_RETURN_IF_ERROR(co_await next);
  const Time ended = node.loop.now();
  CO_RETURN_IF_ERROR(co_await removed);
  const Time gone = node.loop.now();
  figures.add("run --rm: create", made - begin);
  figures.add("run --rm: start", started - made);
  figures.add("run --rm: until its end", ended - started);
  figures.add("run --rm: until removed", gone - ended);
  figures.add("run --rm: together", gone - begin);
  co_return Result<void>{};
}

// The steps of a start, one after the other.
os::Co<Result<void>> step_by_step(Node& node, Figures& figures, std::string id) {
  Time last = node.loop.now();
  const auto step = [&](const char* name) {
    const Time now = node.loop.now();
    figures.add(std::string("step: ") + name, now - last);
    last = node.loop.now();
  };
  CO_ASSIGN_OR_RETURN(const auto image, node.images->resolve("busybox"));
  CO_ASSIGN_OR_RETURN(const auto rootfs, co_await node.images->mount_rootfs(id, image));
  step("mount root");
  netdriver::EndpointRequest request{.container_id = id, .container_name = id};
  CO_ASSIGN_OR_RETURN(const auto endpoint, co_await node.network->connect(std::move(request)));
  step("connect");
  engine::ContainerDescription description{.id = id};
  description.config = config({"true"}, false);
  description.config.spec.env = {"PATH=/bin"};
  description.rootfs = rootfs.path;
  description.network_namespace = endpoint.netns_path;
  CO_ASSIGN_OR_RETURN(const auto run, co_await node.engine->create(std::move(description)));
  step("engine create");
  CO_RETURN_IF_ERROR(co_await run->start());
  step("engine start");
  CO_RETURN_IF_ERROR(co_await run->wait());
  step("wait for the end");
  CO_RETURN_IF_ERROR(co_await run->remove());
  step("engine remove");
  CO_RETURN_IF_ERROR(co_await node.network->disconnect(id));
  step("disconnect");
  CO_RETURN_IF_ERROR(co_await node.images->remove_rootfs(id));
  step("remove root");
  co_return Result<void>{};
}

os::Co<Result<void>> thirty(Node& node, Figures& figures) {
  constexpr int kCount = 30;
  const Time begin = node.loop.now();
  std::vector<std::string> ids;
  for (int i = 0; i < kCount; ++i) {
    auto wanted = config({"sleep", "1000"}, true);
    CO_ASSIGN_OR_RETURN(const auto created, co_await node.containers->create(std::move(wanted)));
    ids.push_back(created.id);
  }
  figures.add("thirty: create", node.loop.now() - begin);
  const Time made = node.loop.now();
  std::vector<os::OneShot<Result<bool>>> starting;
  for (const auto& id : ids) starting.push_back(containers::begin(node.containers->start(id)));
  for (const auto& one : starting) CO_RETURN_IF_ERROR(co_await one);
  figures.add("thirty: start", node.loop.now() - made);
  const Time all_run = node.loop.now();
  std::vector<os::OneShot<Result<void>>> removing;
  for (const auto& id : ids) {
    removing.push_back(containers::begin(node.containers->remove(id, {.force = true})));
  }
  for (const auto& one : removing) CO_RETURN_IF_ERROR(co_await one);
  figures.add("thirty: rm -f", node.loop.now() - all_run);
  co_return Result<void>{};
}

os::Co<Result<void>> measure(Node& node, Figures& figures, std::string folder, int rounds) {
  CO_RETURN_IF_ERROR(co_await node.containers->open());
  CO_RETURN_IF_ERROR(co_await import(node, std::move(folder)));
  for (int i = 0; i < rounds; ++i) CO_RETURN_IF_ERROR(co_await run_once(node, figures));
  for (int i = 0; i < rounds; ++i) {
    std::string id = fmt::format("{:064x}", i + 1);
    CO_RETURN_IF_ERROR(co_await step_by_step(node, figures, std::move(id)));
  }
  for (int i = 0; i < 3; ++i) CO_RETURN_IF_ERROR(co_await thirty(node, figures));
  CO_RETURN_IF_ERROR(co_await node.network->remove_all());
  co_return Result<void>{};
}

os::Co<> measure_and_stop(Node& node, Figures& figures, std::string folder, int rounds,
                          Result<void>& result) {
  result = co_await measure(node, figures, std::move(folder), rounds);
  node.loop.stop();
}

Result<void> put_together(Node& node, const std::string& folder, const std::string& cgroup) {
  ASSIGN_OR_RETURN(const auto facts, engine::read_host_facts());
  ASSIGN_OR_RETURN(node.engine, engine::Engine::open(
                                    node.loop, node.log, facts,
                                    {.run_root = folder + "/run/engine", .cgroup_parent = cgroup}));
  ASSIGN_OR_RETURN(node.images,
                   images::ImageStore::open(node.loop, node.log, {.data_root = folder + "/data"}));
  node.network = std::make_unique<netdriver::NodeNetwork>(
      node.loop, node.log, node.rng, netdriver::NodeNetworkOptions{.run_dir = folder + "/run"});
  node.containers =
      std::make_unique<containers::Containers>(containers::Machine{.loop = node.loop,
                                                                   .engine = *node.engine,
                                                                   .images = *node.images,
                                                                   .network = *node.network,
                                                                   .rng = node.rng,
                                                                   .log = node.log,
                                                                   .data_root = folder + "/data",
                                                                   .api_socket = {}});
  return {};
}

Result<void> bench(int rounds) {
  RETURN_IF_ERROR(engine::enter_private_mounts());
  if (::unshare(CLONE_NEWNET) != 0) return internal_error("unshare: {}", std::strerror(errno));
  char name[] = "/tmp/shoal-bench-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const std::string cgroup = "/" + fs::path(folder).filename().string();
  RETURN_IF_ERROR(os::make_folders(folder + "/run"));
  Result<void> result;
  {
    Node node;
    RETURN_IF_ERROR(put_together(node, folder, cgroup));
    Figures figures;
    node.loop.post([&] { os::spawn(measure_and_stop(node, figures, folder, rounds, result)); });
    node.loop.run();
    figures.print();
  }
  ASSIGN_OR_RETURN(const auto cgroups, engine::Cgroups::open());
  RETURN_IF_ERROR(cgroups.destroy(cgroup));
  RETURN_IF_ERROR(os::remove_tree(folder));
  return result;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  const auto done = shoal::bench(argc > 1 ? std::atoi(argv[1]) : 30);
  if (!done) std::fprintf(stderr, "bench-containers: %s\n", done.error().message.c_str());
  return done ? 0 : 1;
}
