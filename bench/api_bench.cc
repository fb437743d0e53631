// bench-api: requests a second of the API over a unix socket, with the store on SQLite: GET /_ping,
// durable service creations of 1 KB (no replicas), and lists. One line a figure.
//
//   bench-api [clients] [requests a client]
#include <sys/socket.h>
#include <sys/un.h>

#include <chrono>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <thread>

#include "api/http/ping.h"
#include "api/http/server.h"
#include "api/services.h"
#include "api/testing.h"
#include "state/sqlite/engine.h"

namespace shoal {
namespace {

// One connection that sends a request and reads its answer, blocking.
class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const auto* target = reinterpret_cast<const sockaddr*>(&address);
    CHECK(::connect(fd_.get(), target, sizeof address) == 0, "{}", std::strerror(errno));
  }

  // The whole answer. Ends the program unless its status is `status`.
  std::string ask(const std::string& request, std::string_view status) {
    CHECK(::send(fd_.get(), request.data(), request.size(), 0) == ssize_t(request.size()));
    std::string answer;
    size_t wanted = std::string::npos;
    while (answer.size() < wanted) {
      char buffer[65536];
      const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
      CHECK(got > 0, "the server closed the connection");
      answer.append(buffer, size_t(got));
      const size_t head = answer.find("\r\n\r\n");
      if (wanted == std::string::npos && head != std::string::npos) {
        wanted = head + 4 + std::stoul(answer.substr(answer.find("Content-Length: ") + 16));
      }
    }
    CHECK(answer.substr(9, 3) == status, "{}", answer);
    return answer;
  }

 private:
  os::Fd fd_;
};

struct Manager {
  explicit Manager(const std::string& folder) : path(folder + "/api.sock") {
    auto opened = state::SqliteEngine::open({.path = folder + "/state.db"},
                                            [this](auto work) { loop.post(std::move(work)); });
    CHECK(opened, "{}", opened ? "" : opened.error().message);
    engine = std::move(*opened);
    store = std::make_unique<store::Store>(*engine);
    CHECK(store->load());
    backend.store_now = store.get();
    services.add_routes(router);
    api::add_ping(router, [] { return std::string("active/manager"); });
    CHECK(server.listen_unix(path));
    thread = std::thread([this] { loop.run(); });
  }
  ~Manager() {
    loop.post([this] { os::spawn(end()); });
    thread.join();
  }
  os::Co<> end() {
    co_await server.close();
    loop.stop();
  }

  os::Loop loop{2};
  NullLog log;
  std::unique_ptr<state::SqliteEngine> engine;
  std::unique_ptr<store::Store> store;
  api::FakeBackend backend;
  api::Router router{"bench"};
  api::ServicesApi services{{loop, log, backend}};
  api::Server server{loop, log, [this](api::Request& request, api::Responder& responder) {
                       return router.handle(request, responder);
                     }};
  std::string path;
  std::thread thread;
};

std::string get(std::string_view path) {
  return fmt::format("GET {} HTTP/1.1\r\nHost: docker\r\n\r\n", path);
}

std::string create(int client, int number) {
  static const std::string kFill(1000, 'x');
  const std::string body = fmt::format(
      R"({{"Name":"s-{}-{}","Labels":{{"fill":"{}"}},"Mode":{{"Replicated":{{"Replicas":0}}}},)"
      R"("TaskTemplate":{{"ContainerSpec":{{"Image":"demo:v1"}}}}}})",
      client, number, kFill);
  return fmt::format(
      "POST /v1.41/services/create HTTP/1.1\r\nHost: docker\r\nContent-Type: "
      "application/json\r\nContent-Length: {}\r\n\r\n{}",
      body.size(), body);
}

template <class Request>
void measure(std::string_view name, const Manager& manager, int clients, int requests,
             std::string_view status, Request request) {
  const auto begin = std::chrono::steady_clock::now();
  std::vector<std::thread> threads;
  for (int c = 0; c < clients; ++c) {
    threads.emplace_back([&, c] {
      Client client(manager.path);
      for (int n = 0; n < requests; ++n) client.ask(request(c, n), status);
    });
  }
  for (auto& thread : threads) thread.join();
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  fmt::print("{}: {:.0f} requests/s ({} clients, {} requests, {:.2f} s)\n", name,
             clients * requests / took.count(), clients, clients * requests, took.count());
}

int run(int clients, int requests) {
  char name[] = "/tmp/shoal-bench-api-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  {
    const Manager manager(folder);
    measure("GET /_ping", manager, clients, requests, "200",
            [](int, int) { return get("/_ping"); });
    measure("POST /services/create, durable, 1 KB", manager, clients, requests, "201", create);
    measure("GET /services/{name}", manager, clients, requests, "200",
            [](int c, int n) { return get(fmt::format("/services/s-{}-{}", c, n)); });
    measure(fmt::format("GET /services of {}", clients * requests), manager, 2, 5, "200",
            [](int, int) { return get("/services"); });
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  return shoal::run(argc > 1 ? std::atoi(argv[1]) : 32, argc > 2 ? std::atoi(argv[2]) : 500);
}
