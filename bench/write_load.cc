// bench-write-load: durable 1 KB writes through an engine's API (P9): services with a label of that
// size and no replicas, created over its unix socket by clients side by side, each the next as soon
// as the last was answered. Works against any Docker Engine that manages a swarm.
//
//   bench-write-load SOCKET [clients] [seconds]
//
// Prints writes a second and the median and 99th percentile of an answer's time. The services stay.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "os/fd.h"

namespace shoal {
namespace {
using Clock = std::chrono::steady_clock;

constexpr size_t kLabelBytes = 1024;

// Non-blocking: writes its request, then collects the answer.
class Client {
 public:
  Client(const std::string& path, int epoll, size_t number)
      : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)), number_(number) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    CHECK(path.size() < sizeof address.sun_path, "the socket's path is too long");
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const auto* target = reinterpret_cast<const sockaddr*>(&address);
    CHECK(::connect(fd_.get(), target, sizeof address) == 0, "{}: {}", path, std::strerror(errno));
    epoll_event event{.events = EPOLLIN, .data = {.ptr = this}};
    CHECK(::epoll_ctl(epoll, EPOLL_CTL_ADD, fd_.get(), &event) == 0);
  }

  void ask(const std::string& prefix) {
    const std::string body =
        "{\"Name\":\"" + prefix + "-" + std::to_string(number_) + "-" + std::to_string(++asked_) +
        "\",\"Labels\":{\"payload\":\"" + std::string(kLabelBytes, 'x') +
        "\"},\"TaskTemplate\":{\"ContainerSpec\":{\"Image\":\"busybox:demo\"}},"
        "\"Mode\":{\"Replicated\":{\"Replicas\":0}}}";
    const std::string request =
        "POST /v1.41/services/create HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        "Content-Length: " +
        std::to_string(body.size()) + "\r\n\r\n" + body;
    answer_.clear();
    began_ = Clock::now();
    CHECK(::send(fd_.get(), request.data(), request.size(), 0) == ssize_t(request.size()));
  }

  // True when the answer is whole. Ends the program when it is an error.
  bool collect() {
    char buffer[16384];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    CHECK(got > 0, "the engine closed a connection");
    answer_.append(buffer, size_t(got));
    const size_t head = answer_.find("\r\n\r\n");
    if (head == std::string::npos) return false;
    const size_t length = answer_.find("Content-Length: ");
    CHECK(length < head, "an answer without its length: {}", answer_);
    if (answer_.size() < head + 4 + std::stoul(answer_.substr(length + 16))) return false;
    CHECK(answer_.substr(9, 3) == "201", "{}", answer_);
    return true;
  }

  double took_ms() const {
    return std::chrono::duration<double, std::milli>(Clock::now() - began_).count();
  }

 private:
  os::Fd fd_;
  const size_t number_;
  size_t asked_ = 0;
  std::string answer_;
  Clock::time_point began_;
};

int run(const std::string& path, size_t client_count, double seconds) {
  const os::Fd epoll(::epoll_create1(EPOLL_CLOEXEC));
  const std::string prefix = "load" + std::to_string(::getpid());
  std::vector<std::unique_ptr<Client>> clients;
  for (size_t i = 0; i < client_count; ++i) {
    clients.push_back(std::make_unique<Client>(path, epoll.get(), i));
  }
  const auto began = Clock::now();
  const auto until = began + std::chrono::duration<double>(seconds);
  for (auto& client : clients) client->ask(prefix);
  std::vector<double> times_ms;
  size_t running = client_count;
  while (running > 0) {
    epoll_event events[64];
    const int ready = ::epoll_wait(epoll.get(), events, std::size(events), 60'000);
    CHECK(ready > 0, "the engine does not answer");
    for (int i = 0; i < ready; ++i) {
      auto* client = static_cast<Client*>(events[i].data.ptr);
      if (!client->collect()) continue;
      times_ms.push_back(client->took_ms());
      if (Clock::now() < until) {
        client->ask(prefix);
      } else {
        --running;
      }
    }
  }
  const double took = std::chrono::duration<double>(Clock::now() - began).count();
  std::sort(times_ms.begin(), times_ms.end());
  fmt::print(
      "{:.0f} writes/s with {} clients; answered after {:.2f} ms (median), {:.2f} ms (p99)\n",
      double(times_ms.size()) / took, client_count, times_ms[times_ms.size() / 2],
      times_ms[times_ms.size() * 99 / 100]);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int count, char** arguments) {
  if (count < 2 || std::string_view(arguments[1]) == "--help") {
    fmt::print("bench-write-load SOCKET [clients, 32] [seconds, 5]\n");
    return count < 2 ? 2 : 0;
  }
  const size_t clients = count > 2 ? std::stoul(arguments[2]) : 32;
  const double seconds = count > 3 ? std::stod(arguments[3]) : 5;
  return shoal::run(arguments[1], clients, seconds);
}
