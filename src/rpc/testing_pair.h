// A server with a few methods and channels to it, on one loop. For tests.
#pragma once

#include "rpc/client.h"
#include "rpc/server.h"
#include "rpc/testing.h"

namespace shoal::rpc {

// On every server of the tests:
//   /t.T/Echo     unary; answers what it was asked
//   /t.T/Open     the same without a certificate
//   /t.T/Fail     unary; fails with FailedPrecondition and the request as the message
//   /t.T/Managers unary; for managers only
//   /t.T/Count    server stream; "n" is answered by the messages 1 … n
//   /t.T/Sum      client stream; the number of bytes
//   /t.T/Talk     both; each message comes back
//   /t.T/Drop     both; after the first message it sends one back and cancels itself
//   /t.T/Wait     unary; answers when it is cancelled, or released by the test
class TestServer {
 public:
  TestServer(os::Loop& loop, Log& log, const CredentialsPem& pem, ServerLimits limits = {},
             const std::string& listen_on = "127.0.0.1:0")
      : credentials(must(Credentials::make(pem))),
        server_loop(loop),
        server(loop, log, credentials, limits) {
    add_unary();
    add_streams();
    must(server.listen(listen_on));
  }

  std::string address() const { return fmt::format("127.0.0.1:{}", server.port()); }

  std::shared_ptr<Credentials> credentials;
  os::Loop& server_loop;
  Server server;
  os::Signal changed;  // one of the following counts grew
  int waiting = 0;     // calls of Wait that began
  int cancelled = 0;   // calls of Wait and Talk that saw their end
  os::Signal release;
  Error dropped;                  // what Drop's reader got
  std::vector<Peer> peers;        // of Echo, in order
  std::vector<std::string> seen;  // metadata "x-note" of Echo

 private:
  void add_unary();
  void add_streams();
};

inline void TestServer::add_unary() {
  const auto echo = [this](const Call& call, std::string request) -> os::Co<Result<std::string>> {
    peers.push_back(call.peer());
    seen.emplace_back(call.metadata("x-note"));
    co_return request;
  };
  server.unary("/t.T/Echo", echo, {.request_bytes_max = kLargeMessageBytesMax});
  server.unary("/t.T/Open", echo, {.request_bytes_max = 65536, .needs_identity = false});
  server.unary("/t.T/Managers", echo, {.authorize = [](const Call& call) -> Result<void> {
                 if (call.peer().identity->role == model::NodeRole::Manager) return {};
                 return permission_denied("for managers only");
               }});
  server.unary("/t.T/Fail", [](const Call&, std::string request) -> os::Co<Result<std::string>> {
    co_return failed_precondition("{}", request);
  });
  server.unary("/t.T/Wait",
               [this](const Call& call, std::string request) -> os::Co<Result<std::string>> {
                 ++waiting;
                 changed.notify();
                 const bool released = co_await release.wait(call.cancelled());
                 if (released) co_return request;
                 ++cancelled;
                 changed.notify();
                 co_return shoal::cancelled("stopped");
               });
}

inline void TestServer::add_streams() {
  server.stream("/t.T/Count", [](Call& call) -> os::Co<Result<void>> {
    Result<std::optional<std::string>> request = co_await call.read();
    if (!request || !*request) co_return invalid_argument("no request");
    const int count = std::stoi(**request);
    for (int i = 1; i <= count; ++i) {
      Result<void> written = co_await call.write(std::to_string(i));
      if (!written) co_return written;
    }
    co_return Result<void>{};
  });
  server.stream("/t.T/Sum", [](Call& call) -> os::Co<Result<void>> {
    size_t bytes = 0;
    while (true) {
      Result<std::optional<std::string>> message = co_await call.read();
      if (!message) co_return std::unexpected(message.error());
      if (!*message) break;
      bytes += (*message)->size();
    }
    co_return co_await call.write(std::to_string(bytes));
  });
  server.stream("/t.T/Talk", [this](Call& call) -> os::Co<Result<void>> {
    while (true) {
      Result<std::optional<std::string>> message = co_await call.read();
      if (!message || !*message) {
        ++cancelled;
        changed.notify();
        if (!message) co_return std::unexpected(message.error());
        co_return Result<void>{};
      }
      Result<void> written = co_await call.write(std::move(**message));
      if (!written) co_return written;
    }
  });
  server.stream("/t.T/Drop", [this](Call& call) -> os::Co<Result<void>> {
    (void)co_await call.read();
    std::string last = "last";
    (void)co_await call.write(std::move(last));
    server_loop.post([&call] { call.cancel({ErrorCode::Conflict, "enough"}); });
    const auto more = co_await call.read();
    dropped = more ? Error{} : more.error();
    changed.notify();
    co_return Result<void>{};
  });
}

}  // namespace shoal::rpc
