// bench-rpc: calls, streams, bytes and handshakes a second of rpc/ over mutual TLS on loopback, and
// what an idle connection costs. The server has a process of its own. One line a figure.
//
//   bench-rpc            all figures
//   bench-rpc serve      the server's half: prints its port, ends with its input
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "os/file.h"
#include "rpc/testing_pair.h"
#include "support.h"

namespace shoal {
namespace {

using bench::figure;
using rpc::must;
using rpc::run_on;

// A second process running this program as `serve`.
class ServerProcess {
 public:
  explicit ServerProcess(const std::string& folder) {
    CHECK(::pipe(input_) == 0 && ::pipe(output_) == 0);
    pid_ = ::fork();
    if (pid_ == 0) {
      ::dup2(input_[0], STDIN_FILENO);
      ::dup2(output_[1], STDOUT_FILENO);
      for (const int fd : {input_[0], input_[1], output_[0], output_[1]}) ::close(fd);
      ::execl("/proc/self/exe", "bench-rpc", "serve", folder.c_str(), nullptr);
      ::_exit(127);
    }
    ::close(input_[0]);
    ::close(output_[1]);
    FILE* lines = ::fdopen(output_[0], "r");
    CHECK(std::fscanf(lines, "%d", &port_) == 1, "the server does not start");
  }
  ~ServerProcess() {
    ::close(input_[1]);
    ::waitpid(pid_, nullptr, 0);
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", port_); }
  size_t resident_bytes() const {
    size_t total = 0, resident = 0;
    std::ifstream(fmt::format("/proc/{}/statm", pid_)) >> total >> resident;
    return resident * size_t(::sysconf(_SC_PAGESIZE));
  }
  // Seconds of the processor so far.
  double cpu_seconds() const {
    std::ifstream file(fmt::format("/proc/{}/stat", pid_));
    std::string text((std::istreambuf_iterator<char>(file)), {});
    text.erase(0, text.rfind(')') + 2);
    unsigned long user = 0, system = 0;
    std::sscanf(text.c_str(), "%*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                &system);
    return double(user + system) / double(::sysconf(_SC_CLK_TCK));
  }

 private:
  int input_[2], output_[2];
  pid_t pid_ = 0;
  int port_ = 0;
};

int serve(const std::string& folder) {
  os::Loop loop(2);
  NullLog log;
  rpc::CredentialsPem pem{.key = must(os::read_file(folder + "/key")),
                          .certificates = must(os::read_file(folder + "/certificate")),
                          .roots = must(os::read_file(folder + "/roots"))};
  rpc::ServerLimits limits;
  limits.per_node_max = 100'000;
  limits.unidentified_per_address_max = 100'000;
  rpc::TestServer server(loop, log, pem, limits);
  fmt::print("{}\n", server.server.port());
  std::fflush(stdout);
  const auto until_end = [&]() -> os::Co<> {
    co_await loop.readable(STDIN_FILENO);
    co_await server.server.close(0s);
    loop.stop();
  };
  loop.post([&] { os::spawn(until_end()); });
  loop.run();
  return 0;
}

class Bench {
 public:
  Bench(const std::string& folder, const rpc::TestSwarm& swarm)
      : server_(folder), pem_(swarm.node("worker1")) {
    credentials_ = must(rpc::Credentials::make(pem_));
  }

  std::unique_ptr<rpc::Channel> channel() {
    return std::make_unique<rpc::Channel>(
        loop_, log_,
        rpc::ChannelOptions{.address = server_.address(), .credentials = credentials_});
  }

  void unary(size_t connections, int in_flight, int calls) {
    std::vector<std::unique_ptr<rpc::Channel>> channels;
    for (size_t i = 0; i < connections; ++i) channels.push_back(channel());
    run_on(loop_, warm(channels));
    std::vector<double> latencies;
    latencies.reserve(size_t(calls));
    const double cpu = server_.cpu_seconds();
    const auto begin = bench::Clock::now();
    run_on(loop_, call_all(channels, in_flight, calls, latencies));
    const double took = bench::seconds_since(begin);
    std::sort(latencies.begin(), latencies.end());
    const auto at = [&](double share) {
      return latencies[size_t(share * double(calls - 1))] * 1e6;
    };
    figure(
        "unary, {} connections, {} in flight: {:.0f} calls/s, p50 {:.0f} us, p99 {:.0f} us, "
        "server {:.1f} us of processor a call",
        connections, in_flight, calls / took, at(0.5), at(0.99),
        (server_.cpu_seconds() - cpu) / calls * 1e6);
  }

  void stream(int messages) {
    const auto one = channel();
    run_on(loop_, count(*one, 1));
    const auto begin = bench::Clock::now();
    run_on(loop_, count(*one, messages));
    figure("stream of small messages: {:.0f} messages/s", messages / bench::seconds_since(begin));
  }

  void megabytes(int messages) {
    const auto one = channel();
    run_on(loop_, talk(*one, 1));
    const auto begin = bench::Clock::now();
    run_on(loop_, talk(*one, messages));
    figure("stream of 1 MB messages, there and back: {:.0f} MB/s each way",
           messages / bench::seconds_since(begin));
  }

  void handshakes(int count) {
    const double cpu = server_.cpu_seconds();
    const auto begin = bench::Clock::now();
    run_on(loop_, connect_all(count, 32));
    figure("handshakes (one call each): {:.0f}/s, server {:.0f} us of processor each",
           count / bench::seconds_since(begin), (server_.cpu_seconds() - cpu) / count * 1e6);
  }

  void idle(int connections) {
    const size_t before = server_.resident_bytes();
    std::vector<std::unique_ptr<rpc::Channel>> channels;
    std::vector<std::unique_ptr<rpc::ClientCall>> calls;
    run_on(loop_, open_streams(connections, channels, calls));
    figure("{} idle connections with 4 open streams each: {:.1f} KB of the server each",
           connections, double(server_.resident_bytes() - before) / 1024 / connections);
  }

 private:
  os::Co<> warm(std::vector<std::unique_ptr<rpc::Channel>>& channels) {
    for (const auto& each : channels) must(co_await each->call("/t.T/Echo", "warm"));
  }

  os::Co<> call_all(std::vector<std::unique_ptr<rpc::Channel>>& channels, int in_flight, int calls,
                    std::vector<double>& latencies) {
    int left = calls, running = in_flight;
    os::OneShot<bool> done;
    const auto caller = [&](rpc::Channel& to) -> os::Co<> {
      const std::string request(100, 'r');
      while (left-- > 0) {
        const auto begin = bench::Clock::now();
        must(co_await to.call("/t.T/Echo", request));
        latencies.push_back(bench::seconds_since(begin));
      }
      if (--running == 0) done.set(true);
    };
    for (int i = 0; i < in_flight; ++i) os::spawn(caller(*channels[size_t(i) % channels.size()]));
    co_await done;
  }

  os::Co<> count(rpc::Channel& to, int messages) {
    const auto call = must(co_await to.open("/t.T/Count"));
    must(co_await call->write(std::to_string(messages)));
    call->finish_writing();
    while (must(co_await call->read())) {
    }
  }

  os::Co<> talk(rpc::Channel& to, int messages) {
    const auto call = must(co_await to.open("/t.T/Talk"));
    const std::string megabyte(size_t{1} << 20, 'm');
    const auto write = [&]() -> os::Co<> {
      for (int i = 0; i < messages; ++i) must(co_await call->write(megabyte));
      call->finish_writing();
    };
    os::spawn(write());
    while (must(co_await call->read())) {
    }
  }

  os::Co<> connect_all(int count, int at_a_time) {
    int left = count, running = at_a_time;
    os::OneShot<bool> done;
    const auto connector = [&]() -> os::Co<> {
      while (left-- > 0) {
        const auto one = channel();
        must(co_await one->call("/t.T/Echo", ""));
      }
      if (--running == 0) done.set(true);
    };
    for (int i = 0; i < at_a_time; ++i) os::spawn(connector());
    co_await done;
  }

  os::Co<> open_streams(int connections, std::vector<std::unique_ptr<rpc::Channel>>& channels,
                        std::vector<std::unique_ptr<rpc::ClientCall>>& calls) {
    for (int i = 0; i < connections; ++i) {
      channels.push_back(channel());
      for (int s = 0; s < 4; ++s) {
        calls.push_back(must(co_await channels.back()->open("/t.T/Talk")));
        must(co_await calls.back()->write("a task has changed"));
        must(co_await calls.back()->read());
      }
    }
  }

  os::Loop loop_{2};
  NullLog log_;
  ServerProcess server_;
  rpc::CredentialsPem pem_;
  std::shared_ptr<rpc::Credentials> credentials_;
};

int run() {
  char name[] = "/tmp/shoal-bench-rpc-XXXXXX";
  const std::string folder = ::mkdtemp(name);
  const rpc::TestSwarm swarm(os::Loop(1).now());
  const rpc::CredentialsPem manager = swarm.manager();
  must(os::write_file(folder + "/key", manager.key));
  must(os::write_file(folder + "/certificate", manager.certificates));
  must(os::write_file(folder + "/roots", manager.roots));
  {
    Bench bench(folder, swarm);
    bench.idle(2000);  // First, before the server's heap has grown.
    bench.unary(1, 1, 10'000);
    bench.unary(1, 64, 200'000);
    bench.unary(1, 1000, 200'000);
    bench.unary(64, 64, 200'000);
    bench.unary(64, 1000, 200'000);
    bench.stream(1'000'000);
    bench.megabytes(1000);
    bench.handshakes(3000);
  }
  std::filesystem::remove_all(folder);
  return 0;
}

}  // namespace
}  // namespace shoal

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  if (argc == 3 && std::string_view(argv[1]) == "serve") return shoal::serve(argv[2]);
  return shoal::run();
}
