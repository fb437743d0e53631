// What the room's tests with real containers share: a node in a folder of its own, with an image
// "busybox", on a loop.
#pragma once

#include <gmock/gmock.h>

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "containers/containers.h"
#include "engine/engine.h"
#include "images/image_store.h"
#include "netdriver/dns_server.h"
#include "netdriver/node_network.h"

namespace shoal::containers::testing {

inline constexpr Duration kPatience = 30s;
inline constexpr int kPoolThreads = 4;

// Runs a coroutine to its end on the loop.
template <class T>
T run_on(os::Loop& loop, os::Co<T> co) {
  std::optional<T> value;
  auto body = [](os::Loop& l, os::Co<T> inner, std::optional<T>& out) -> os::Co<> {
    out.emplace(co_await inner);
    l.stop();
  };
  loop.post([&] { os::spawn(body(loop, std::move(co), value)); });
  loop.run();
  return std::move(*value);
}

// One life of the daemon: the rooms put together over folders that outlive it.
struct Daemon {
  explicit Daemon(const std::string& folder);

  NullLog log;
  Rng rng{uint64_t(::getpid())};
  os::Loop loop{kPoolThreads};
  std::unique_ptr<engine::Engine> engine;
  std::unique_ptr<images::ImageStore> images;
  network::NameTable names;
  std::unique_ptr<netdriver::NodeNetwork> network;
  std::unique_ptr<netdriver::DnsServers> dns;
  std::unique_ptr<Containers> containers;
  std::vector<std::string> events;          // "create web", "die web exitCode=1" …
  std::vector<std::string> network_events;  // "create front", "connect front" …
};

// A node for one test. At its end everything is removed, and whatever a container left behind
// (mounts, namespaces, cgroups, processes, folders) fails the test.
class NodeTest : public ::testing::Test {
 protected:
  NodeTest();
  ~NodeTest() override;

  Containers& containers() { return *daemon_->containers; }
  os::Loop& loop() { return daemon_->loop; }
  template <class T>
  T run(os::Co<T> co) {
    return run_on(daemon_->loop, std::move(co));
  }

  // `docker run IMAGE argv…`
  model::ContainerConfig config(std::vector<std::string> argv, std::string name = "");
  // Fails the test when it cannot; returns the id.
  std::string create(model::ContainerConfig config);
  std::string start(model::ContainerConfig config);
  // Its exit code, once it does not run.
  int wait(const std::string& ref, WaitCondition condition = WaitCondition::NotRunning);
  void remove(const std::string& ref);
  // A bridge network; fails the test when it cannot be made. Returns its id.
  std::string make_network(std::string name, std::string subnet = "", bool internal = false);
  std::string log(const std::string& ref);
  ContainerRef find(const std::string& ref);
  // Waits until the container's status is that.
  void await_status(const std::string& ref, Status status);
  // The daemon is gone without a word, and a new one takes over.
  void crash_and_restart();
  // The machine is gone without a word: its processes, mounts and run folder. A new daemon begins.
  void reboot();

  std::string folder_;
  std::unique_ptr<Daemon> daemon_;
};

}  // namespace shoal::containers::testing
