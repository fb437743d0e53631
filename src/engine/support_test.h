// What the room's tests share: a process of its own with private mounts and its own cgroup parent,
// a busybox root file system, and an engine on a loop.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/engine.h"
#include "os/loop.h"

namespace shoal::engine::testing {

inline constexpr Duration kPatience = 30s;

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

// A folder with a machine for containers in it: root file system, run root, log. Everything is
// removed with the object; what a container left behind fails the test.
class Machine {
 public:
  Machine();
  ~Machine();

  // A description that runs `argv` in a root file system of busybox.
  ContainerDescription describe(std::vector<std::string> argv);
  // Creates; fails the test when that fails.
  std::shared_ptr<Container> create(const ContainerDescription& description);
  // Creates and starts.
  std::shared_ptr<Container> start(const ContainerDescription& description);
  // Creates, starts, waits for the end, removes.
  ExitStatus run(const ContainerDescription& description);
  // The same; what it wrote to its standard output.
  std::string output(const ContainerDescription& description);
  std::string output_of(std::vector<std::string> argv) { return output(describe(std::move(argv))); }
  // What the log holds.
  std::string log(const ContainerDescription& description);
  // Waits until the container has written `text` to its log.
  void await_log(Container& container, const std::string& text);
  void open_engine();  // a new one, as after a restart of the daemon

  std::string folder;
  std::string rootfs;
  std::string cgroup;
  EngineOptions options;
  NullLog null_log;
  os::Loop loop{4};
  std::unique_ptr<Engine> engine;

 private:
  int next_id_ = 1;
};

// Whether the test may make containers at all: it is root. Everything else is a failure.
std::string whole_file(const std::string& path);

}  // namespace shoal::engine::testing
