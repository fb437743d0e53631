// For tests and benchmarks: a machine of its own made of network namespaces. Needs root.
#pragma once

#include <netinet/in.h>

#include <functional>
#include <future>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "netdriver/namespaces.h"
#include "netdriver/node_network.h"
#include "os/fd.h"

namespace shoal::netdriver::testing {

// Moves the calling thread into a new network and mount namespace: the "host". Its eth0 has
// 192.0.2.1/24 and leads to another namespace, "outside", which has 192.0.2.2 and no route to
// anything else. Threads that are started afterwards are on this host too.
class Host {
 public:
  Host();
  ~Host();
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  const std::string& folder() const { return folder_; }  // a tmpfs of its own
  const os::Fd& outside() const { return outside_; }
  const os::Fd& inside() const { return inside_; }

 private:
  std::string folder_;
  os::Fd inside_;
  os::Fd outside_;
};

inline constexpr auto kHostAddress = "192.0.2.1";
inline constexpr auto kOutsideAddress = "192.0.2.2";

// Runs `work` in the network namespace and comes back.
void in_namespace(const os::Fd& space, const std::function<void()>& work);
void in_namespace(const std::string& path, const std::function<void()>& work);

// A control thread with its loop.
class ControlThread {
 public:
  ControlThread() : thread_([this] { loop.run(); }) {}
  ~ControlThread();
  ControlThread(const ControlThread&) = delete;
  ControlThread& operator=(const ControlThread&) = delete;

  // Runs the coroutine on the control thread and waits for what it returns.
  template <class T>
  T run(os::Co<T> co) {
    auto done = std::make_shared<std::promise<T>>();
    auto answer = done->get_future();
    loop.post([&co, done] { os::spawn(fulfil(std::move(co), done)); });
    return answer.get();
  }
  // Runs the function there and waits for its end.
  void call(const std::function<void()>& work);

  os::Loop loop{2};
  NullLog log;

 private:
  template <class T>
  static os::Co<> fulfil(os::Co<T> co, std::shared_ptr<std::promise<T>> done) {
    done->set_value(co_await co);
  }
  std::thread thread_;
};

// One with a NodeNetwork on it (not started).
class Control : public ControlThread {
 public:
  explicit Control(const Host& host, int ready_namespaces = 2);
  ~Control();

  Rng rng{++seeds_};  // No two daemons of a test make the same ids.
  std::unique_ptr<NodeNetwork> owned;
  NodeNetwork& network;

 private:
  static inline uint64_t seeds_ = 0;
};

// The links in the calling thread's namespace.
std::vector<std::string> link_names();

// A server in a namespace, on a thread of its own: it answers each line (or datagram) with
// "NAME ADDRESS-OF-CLIENT\n", until destroyed.
class Server {
 public:
  enum class Kind { Tcp, Udp };
  Server(const os::Fd& space, Kind kind, uint16_t port, std::string name,
         network::Family family = network::Family::V4);
  Server(const std::string& netns_path, Kind kind, uint16_t port, std::string name,
         network::Family family = network::Family::V4);
  ~Server();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// A client's socket in a namespace.
class Client {
 public:
  // How long an answer may take on a busy machine.
  static constexpr int kAnswerMilliseconds = 30000;
  // Silence that shows a drop: namespaces of one host are microseconds apart, and TCP has asked
  // again by then.
  static constexpr int kSilenceMilliseconds = 1500;

  // Not connected (ok() is false) when that fails, or has not happened after `wait_milliseconds`.
  static Client tcp(const os::Fd& space, const std::string& address, uint16_t port,
                    int wait_milliseconds = kAnswerMilliseconds);
  static Client udp(const os::Fd& space, const std::string& address, uint16_t port);
  static Client tcp(const std::string& netns_path, const std::string& address, uint16_t port);
  static Client udp(const std::string& netns_path, const std::string& address, uint16_t port);

  bool ok() const { return bool(fd_); }
  int error() const { return error_; }  // of connecting
  // Sends a line and returns the answer without the line's end; empty when there is none.
  std::string ask();
  // Sends so many bytes, which must not be cut into fragments: 0, or the error.
  int send_whole(size_t bytes);

 private:
  os::Fd fd_;
  int error_ = 0;
};

}  // namespace shoal::netdriver::testing
