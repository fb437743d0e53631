// rpc-peer: Shoal's gRPC server and client as a program, for tests against foreign implementations.
#include <fmt/core.h>
#include <signal.h>
#include <unistd.h>

#include <cstdio>
#include <filesystem>
#include <iostream>

#include "os/file.h"
#include "peer_calls.h"
#include "rpc/testing_pair.h"

namespace shoal::rpc {
namespace {

constexpr const char* kHelp = R"(rpc-peer: Shoal's gRPC server and client, for tests.

  rpc-peer certificates FOLDER
      Makes a swarm: roots.pem; manager1, manager2, worker1, expired (NAME.pem, NAME.key);
      and a stranger's: foreign-roots.pem, foreign.
  rpc-peer serve FOLDER NAME [PORT]
      Serves the methods of rpc/testing_pair.h with the certificate NAME. Prints "port N", then one
      line for each line of its input: "use NAME" takes another certificate for new connections.
      Ends with its input. Its log goes to the error output.
  rpc-peer call FOLDER NAME ADDRESS [connect]
      Calls the same methods of a server with the certificate NAME ("none": without). Prints one
      line for each check, "ok WHAT" or "bad WHAT: …"; fails when one is bad.
)";

class ErrorLog final : public Log {
 public:
  void write(LogLevel, std::string_view sentence, Fields fields) override {
    std::string line(sentence);
    for (const LogField& field : fields) line += fmt::format(" {}={}", field.key, field.value);
    fmt::print(stderr, "{}\n", line);
  }
};

CredentialsPem load(const std::string& folder, const std::string& name) {
  CredentialsPem pem;
  pem.roots = must(os::read_file(folder + "/roots.pem"));
  if (name == "none") return pem;
  pem.certificates = must(os::read_file(folder + "/" + name + ".pem"));
  pem.key = must(os::read_file(folder + "/" + name + ".key"));
  return pem;
}

void save(const std::string& folder, const std::string& name, const CredentialsPem& pem) {
  must(os::write_file(folder + "/" + name + ".pem", pem.certificates));
  must(os::write_file(folder + "/" + name + ".key", pem.key));
}

int make_certificates(const std::string& folder) {
  const os::Loop loop(1);
  const TestSwarm swarm(loop.now()), stranger(loop.now());
  must(os::write_file(folder + "/roots.pem", swarm.roots()));
  save(folder, "manager1", swarm.manager("manager1"));
  save(folder, "manager2", swarm.manager("manager2"));
  save(folder, "worker1", swarm.node("worker1"));
  save(folder, "expired", swarm.expired("worker2"));
  must(os::write_file(folder + "/foreign-roots.pem", stranger.roots()));
  save(folder, "foreign", stranger.manager("manager9"));
  return 0;
}

os::Co<> obey(os::Loop& loop, TestServer& server, std::string folder) {
  std::string input;
  char buffer[4096];
  while (co_await loop.readable(STDIN_FILENO)) {
    const ssize_t got = ::read(STDIN_FILENO, buffer, sizeof buffer);
    if (got <= 0) break;
    input.append(buffer, size_t(got));
    for (size_t end; (end = input.find('\n')) != std::string::npos; input.erase(0, end + 1)) {
      CHECK(input.starts_with("use "), "what is \"{}\"?", input);
      const Result<void> used = server.credentials->replace(load(folder, input.substr(4, end - 4)));
      fmt::print("{}\n", used ? "used" : used.error().message);
      std::fflush(stdout);
    }
  }
  co_await server.server.close(0s);
  loop.stop();
}

int serve(const std::string& folder, const std::string& name, int port) {
  os::Loop loop(2);
  ErrorLog log;
  TestServer server(loop, log, load(folder, name), {}, fmt::format("127.0.0.1:{}", port));
  fmt::print("port {}\n", server.server.port());
  std::fflush(stdout);
  os::spawn(obey(loop, server, folder));
  loop.run();
  return 0;
}

int run(int argc, char** argv) {
  const std::vector<std::string> words(argv + 1, argv + argc);
  if (words.size() == 2 && words[0] == "certificates") return make_certificates(words[1]);
  if ((words.size() == 3 || words.size() == 4) && words[0] == "serve") {
    return serve(words[1], words[2], words.size() == 4 ? std::stoi(words[3]) : 0);
  }
  if (words.size() >= 4 && words[0] == "call") {
    const bool all = words.size() == 4;
    return call_all(load(words[1], words[2]), words[3], all);
  }
  const bool asked = words == std::vector<std::string>{"--help"};
  fmt::print(asked ? stdout : stderr, "{}", kHelp);
  return asked ? 0 : 2;
}

}  // namespace
}  // namespace shoal::rpc

int main(int argc, char** argv) {
  ::signal(SIGPIPE, SIG_IGN);
  return shoal::rpc::run(argc, argv);
}
