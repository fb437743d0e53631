// For the tests of the server: a blocking client, handlers of every kind, and a server on a real
// unix socket whose loop runs in a thread of its own.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include "api/http/ping.h"
#include "api/http/router.h"
#include "api/http/server.h"

namespace shoal::api {

inline constexpr const char* kPing = "GET /_ping HTTP/1.1\r\n\r\n";

// A client that blocks, at most 30 seconds a call.
class Client {
 public:
  explicit Client(const std::string& path) : fd_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const timeval patience{.tv_sec = 30};
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    ::setsockopt(fd_.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    const auto* target = reinterpret_cast<const sockaddr*>(&address);
    EXPECT_EQ(::connect(fd_.get(), target, sizeof address), 0) << std::strerror(errno);
  }

  // False when the server does not take it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(size_t(sent));
    }
    return true;
  }
  void close_write() { ::shutdown(fd_.get(), SHUT_WR); }
  void close() { fd_.reset(); }

  // Up to and including `end`, or everything until the server closes.
  std::string read_until(std::string_view end) {
    while (pending_.find(end) == std::string::npos && fill()) {
    }
    const size_t at = pending_.find(end);
    return take(at == std::string::npos ? pending_.size() : at + end.size());
  }
  std::string read_all() {
    while (fill()) {
    }
    return take(pending_.size());
  }
  // A head and the body that its Content-Length counts.
  std::string read_answer() {
    std::string text = read_until("\r\n\r\n");
    const size_t at = text.find("Content-Length: ");
    if (at == std::string::npos) return text;
    const size_t length = std::stoul(text.substr(at + 16));
    while (pending_.size() < length && fill()) {
    }
    return text + take(length);
  }

 private:
  bool fill() {
    char buffer[65536];
    const ssize_t got = ::recv(fd_.get(), buffer, sizeof buffer, 0);
    if (got > 0) pending_.append(buffer, size_t(got));
    return got > 0;
  }
  std::string take(size_t bytes) {
    std::string text = pending_.substr(0, bytes);
    pending_.erase(0, bytes);
    return text;
  }

  os::Fd fd_;
  std::string pending_;
};

inline os::Co<Result<void>> echo(Request& request, Responder& responder) {
  Result<std::string> body = co_await request.body->whole();
  if (!body) co_return std::unexpected(body.error());
  Response answer{.content_type = "text/plain", .body = std::move(*body)};
  responder.reply(std::move(answer));
  co_return Result<void>{};
}

inline os::Co<Result<void>> count_bytes(Request& request, Responder& responder) {
  size_t total = 0;
  while (true) {
    const Result<std::string> piece = co_await request.body->next();
    if (!piece) co_return std::unexpected(piece.error());
    if (piece->empty()) break;
    total += piece->size();
  }
  responder.json(200, std::to_string(total));
  co_return Result<void>{};
}

inline os::Co<Result<void>> fail(Request&, Responder&) {
  throw std::runtime_error("the cat sat on it");
  co_return Result<void>{};
}

inline os::Co<Result<void>> stream_three(Request&, Responder& responder) {
  Response head{.content_type = "text/plain"};
  if (const auto sent = co_await responder.start(std::move(head)); !sent) co_return sent;
  for (const char* piece : {"one\n", "two\n", "three\n"}) {
    std::string bytes = piece;
    if (const auto sent = co_await responder.write(std::move(bytes)); !sent) co_return sent;
  }
  co_return Result<void>{};
}

// Upper-cases what comes in; says bye when the client has closed its half.
inline os::Co<Result<void>> shout(Request&, Responder& responder) {
  std::string type = "application/vnd.docker.raw-stream";
  const Result<Hijacked*> raw = co_await responder.hijack(std::move(type));
  if (!raw) co_return std::unexpected(raw.error());
  while (true) {
    Result<std::string> piece = co_await (*raw)->read();
    if (!piece) co_return std::unexpected(piece.error());
    const bool ended = piece->empty();
    std::string loud = ended ? "bye" : *piece;
    for (char& c : loud) c = char(std::toupper(c));
    if (const auto sent = co_await (*raw)->write(std::move(loud)); !sent) co_return sent;
    if (ended) break;
  }
  (*raw)->close_write();
  co_return Result<void>{};
}

// A long answer of the size that the query says.
inline os::Co<Result<void>> answer_long(Request& request, Responder& responder) {
  const Result<int64_t> size = request.query_int("size", 0);
  if (!size) co_return std::unexpected(size.error());
  if (const auto room = co_await responder.reserve(size_t(*size)); !room) co_return room;
  responder.json(200, std::string(size_t(*size), 'x'));
  co_return Result<void>{};
}

class ServerFixture : public testing::Test {
 protected:
  ServerFixture() {
    char name[] = "/tmp/shoal-api-XXXXXX";
    folder_ = ::mkdtemp(name);
    path_ = folder_ + "/api.sock";
    limits_.header_timeout = 200ms;
    limits_.linger_time = 2s;
    add_ping(router_, [] { return std::string("inactive"); });
    router_.post("/echo", echo);
    router_.post("/count", count_bytes);
    router_.get("/fail", fail);
    router_.get("/stream", stream_three);
    router_.get("/long", answer_long);
    router_.post("/shout", shout);
    router_.get("/endless", [this](Request& q, Responder& p) { return endless(q, p); });
    router_.get("/images/{name...}/json", [](Request& q, Responder& p) { return show(q, p); });
    router_.not_yet("secrets", "secrets are");
  }
  ~ServerFixture() override {
    if (thread_.joinable()) {
      loop_.post([this] { os::spawn(shut_down()); });
      thread_.join();
    }
    std::filesystem::remove_all(folder_);
  }

  static os::Co<Result<void>> show(Request& request, Responder& responder) {
    responder.json(200, fmt::format("{} {} {}", request.param("name"), request.version.minor,
                                    request.query_value("q")));
    co_return Result<void>{};
  }

  // Writes until the client is gone, and remembers that it noticed.
  os::Co<Result<void>> endless(Request& request, Responder& responder) {
    Response head{.content_type = "text/plain"};
    if (const auto sent = co_await responder.start(std::move(head)); !sent) co_return sent;
    std::string bytes = "first";
    if (const auto sent = co_await responder.write(std::move(bytes)); !sent) co_return sent;
    co_await loop_.sleep(1h, request.stop);
    stopped_.set_value(request.stop.stopped());
    co_return Result<void>{};
  }

  void serve() {
    server_ = std::make_unique<Server>(
        loop_, log_, [this](Request& q, Responder& p) { return router_.handle(q, p); }, limits_);
    const Result<void> listening = server_->listen_unix(path_);
    ASSERT_TRUE(listening) << listening.error().message;
    thread_ = std::thread([this] { loop_.run(); });
  }
  std::string ask(std::string_view request) {
    Client client(path_);
    client.send(request);
    return client.read_answer();
  }

  size_t connection_count() {
    std::promise<size_t> count;
    loop_.post([&] { count.set_value(server_->connection_count()); });
    return count.get_future().get();
  }

  os::Co<> shut_down() {
    co_await server_->close();
    loop_.stop();
  }

  NullLog log_;
  os::Loop loop_{1};
  HttpLimits limits_;
  Router router_{"Shoal/test (linux)"};
  std::unique_ptr<Server> server_;
  std::string folder_;
  std::string path_;
  std::promise<bool> stopped_;
  std::thread thread_;
};

}  // namespace shoal::api
