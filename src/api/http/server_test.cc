// The server over a real unix socket: what well-behaved, broken and hostile clients see.
#include "api/http/server.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <cstring>
#include <filesystem>
#include <future>
#include <thread>

#include "api/http/ping.h"
#include "api/http/router.h"

namespace shoal::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

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

os::Co<Result<void>> echo(Request& request, Responder& responder) {
  Result<std::string> body = co_await request.body->whole();
  if (!body) co_return std::unexpected(body.error());
  Response answer{.content_type = "text/plain", .body = std::move(*body)};
  responder.reply(std::move(answer));
  co_return Result<void>{};
}

os::Co<Result<void>> count_bytes(Request& request, Responder& responder) {
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

os::Co<Result<void>> fail(Request&, Responder&) {
  throw std::runtime_error("the cat sat on it");
  co_return Result<void>{};
}

os::Co<Result<void>> stream_three(Request&, Responder& responder) {
  Response head{.content_type = "text/plain"};
  if (const auto sent = co_await responder.start(std::move(head)); !sent) co_return sent;
  for (const char* piece : {"one\n", "two\n", "three\n"}) {
    std::string bytes = piece;
    if (const auto sent = co_await responder.write(std::move(bytes)); !sent) co_return sent;
  }
  co_return Result<void>{};
}

// Upper-cases what comes in; says bye when the client has closed its half.
os::Co<Result<void>> shout(Request&, Responder& responder) {
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
os::Co<Result<void>> answer_long(Request& request, Responder& responder) {
  const Result<int64_t> size = request.query_int("size", 0);
  if (!size) co_return std::unexpected(size.error());
  if (const auto room = co_await responder.reserve(size_t(*size)); !room) co_return room;
  responder.json(200, std::string(size_t(*size), 'x'));
  co_return Result<void>{};
}

class ServerTest : public testing::Test {
 protected:
  ServerTest() {
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
  ~ServerTest() override {
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

TEST_F(ServerTest, PingCarriesWhatDockerClientsNegotiateBy) {
  serve();
  const std::string answer = ask("GET /_ping HTTP/1.1\r\nHost: docker\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 OK\r\n"));
  for (const char* field : {"Api-Version: 1.50", "Ostype: linux", "Docker-Experimental: false",
                            "Builder-Version: 1", "Swarm: inactive", "Content-Length: 2",
                            "Cache-Control: no-cache, no-store, must-revalidate"}) {
    EXPECT_THAT(answer, HasSubstr(field));
  }
  EXPECT_TRUE(answer.ends_with("\r\n\r\nOK"));
}

TEST_F(ServerTest, HeadHasTheSameHeadAndNoBody) {
  serve();
  Client client(path_);
  client.send("HEAD /_ping HTTP/1.1\r\nHost: docker\r\nConnection: close\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_TRUE(answer.ends_with("\r\n\r\n"));
}

TEST_F(ServerTest, VersionsOutsideTheRangeAreRefusedInDockersWords) {
  serve();
  EXPECT_THAT(ask("GET /v1.51/_ping HTTP/1.1\r\n\r\n"),
              HasSubstr("{\"message\":\"client version 1.51 is too new. Maximum supported API "
                        "version is 1.50\"}"));
  const std::string old = ask("GET /v1.23/_ping HTTP/1.1\r\n\r\n");
  EXPECT_THAT(old, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
  EXPECT_THAT(old, HasSubstr("client version 1.23 is too old. Minimum supported API version is "
                             "1.24, please upgrade your client to a newer version"));
  EXPECT_THAT(ask("GET /v99999999999.1/_ping HTTP/1.1\r\n\r\n"), HasSubstr("invalid API version"));
  EXPECT_THAT(ask("GET /v1.24/_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, UnknownPathsMethodsAndWhatIsNotThereYetAreToldApart) {
  serve();
  const std::string unknown = ask("GET /v1.41/nope HTTP/1.1\r\n\r\n");
  EXPECT_THAT(unknown, StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(unknown, HasSubstr("{\"message\":\"page not found\"}"));
  EXPECT_THAT(ask("PUT /_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 405"));
  const std::string later = ask("GET /v1.41/secrets/x HTTP/1.1\r\n\r\n");
  EXPECT_THAT(later, StartsWith("HTTP/1.1 501"));
  EXPECT_THAT(later, HasSubstr("secrets are not supported by this version of Shoal yet"));
}

TEST_F(ServerTest, NamesWithSlashesAndEscapesReachTheHandler) {
  serve();
  EXPECT_THAT(ask("GET /v1.30/images/reg.io:5000/a/b%20c/json?q=x%26y+z HTTP/1.1\r\n\r\n"),
              HasSubstr("reg.io:5000/a/b c 30 x&y z"));
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnsweredWith500AndTheServerLives) {
  serve();
  const std::string answer = ask("GET /fail HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, HasSubstr("the cat sat on it"));
  EXPECT_THAT(ask("GET /_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, MalformedRequestsAreAnswered400AndClosed) {
  serve();
  for (const char* garbage :
       {"\x16\x03\x01\x02\x01\x01", "GET\r\n\r\n", "GET / HTTP/9.9\r\n\r\n",
        "GET / HTTP/1.1\r\nbad header\r\n\r\n", "PRI * HTTP/2.0\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: -5\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 99999999999999999999999\r\n\r\n",
        "POST /echo HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
        "GET /%zz HTTP/1.1\r\n\r\n"}) {
    Client client(path_);
    client.send(garbage);
    client.send("\r\n\r\n");
    const std::string answer = client.read_all();
    EXPECT_THAT(answer, StartsWith("HTTP/1.1 400 ")) << garbage;
    EXPECT_THAT(answer, HasSubstr("Connection: close\r\n")) << garbage;
    EXPECT_THAT(answer, HasSubstr("{\"message\":\"")) << garbage;
  }
}

TEST_F(ServerTest, BrokenChunksEndTheRequestNotTheServer) {
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerTest, AHeaderWithoutEndIsRefused) {
  serve();
  Client client(path_);
  std::string header = "GET /_ping HTTP/1.1\r\nX-Big: ";
  header.append(kHeaderBytesMax, 'x');
  client.send(header);
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, AHeaderThatNeverEndsTimesOut) {
  serve();
  Client client(path_);
  client.send("GET /_ping HTTP/1.1\r\nX-Slow: ");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerTest, ABodyThatSaysItIsTooLargeIsRefusedWithoutReadingIt) {
  serve();
  const size_t hundred_mb = 100'000'000;
  Client client(path_);
  client.send(fmt::format("POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", hundred_mb));
  const std::string piece(1'000'000, ' ');
  for (size_t sent = 0; sent < hundred_mb && client.send(piece); sent += piece.size()) {
  }
  const std::string answer = client.read_answer();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 413 "));
  EXPECT_THAT(answer, HasSubstr("the request body is larger than 4194304 bytes"));
}

TEST_F(ServerTest, AChunkedBodyThatGrowsTooLargeIsRefused) {
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string chunk = "100000\r\n";
  chunk.append(0x100000, 'x').append("\r\n");
  for (int i = 0; i < 5; ++i) client.send(chunk);
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerTest, StreamedBodiesHaveNoLimit) {
  serve();
  Client client(path_);
  client.send("POST /count HTTP/1.1\r\nContent-Length: 50000000\r\n\r\n");
  const std::string piece(1'000'000, 'x');
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(client.send(piece));
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\r\n50000000"));
}

TEST_F(ServerTest, ExpectContinueIsAnsweredBeforeTheBody) {
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"), "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("hello");
  EXPECT_THAT(client.read_answer(), EndsWith("\r\n\r\nhello"));
}

TEST_F(ServerTest, PipelinedRequestsAreAnsweredInOrder) {
  serve();
  Client client(path_);
  client.send(
      "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\none"
      "POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\ntwo\r\n0\r\n\r\n"
      "GET /_ping HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("one"));
  EXPECT_THAT(client.read_answer(), EndsWith("two"));
  EXPECT_THAT(client.read_answer(), EndsWith("OK"));
}

TEST_F(ServerTest, AnUnreadBodyDoesNotBecomeTheNextRequest) {
  serve();
  Client client(path_);
  client.send(
      "GET /_ping HTTP/1.1\r\nContent-Length: 29\r\n\r\nGET /fail HTTP/1.1\r\nX: y\r\n\r\n."
      "POST /echo HTTP/1.1\r\nContent-Length: 3\r\n\r\ntwo");
  EXPECT_THAT(client.read_answer(), EndsWith("OK"));
  EXPECT_THAT(client.read_answer(), EndsWith("two"));
}

TEST_F(ServerTest, StreamsAreChunkedAndTheConnectionGoesOn) {
  serve();
  Client client(path_);
  client.send("GET /stream HTTP/1.1\r\n\r\nGET /_ping HTTP/1.1\r\n\r\n");
  EXPECT_THAT(client.read_until("\r\n\r\n"), HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_EQ(client.read_until("0\r\n\r\n"),
            "4\r\none\n\r\n4\r\ntwo\n\r\n6\r\nthree\n\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_answer(), EndsWith("OK"));
}

TEST_F(ServerTest, OldClientsGetStreamsUnchunkedUntilTheEnd) {
  serve();
  Client client(path_);
  client.send("GET /stream HTTP/1.0\r\n\r\n");
  const std::string answer = client.read_all();
  EXPECT_THAT(answer, Not(HasSubstr("chunked")));
  EXPECT_TRUE(answer.ends_with("\r\n\r\none\ntwo\nthree\n"));
}

TEST_F(ServerTest, AClientThatLeavesInTheMiddleOfAStreamStopsTheHandler) {
  serve();
  auto stopped = stopped_.get_future();
  Client client(path_);
  client.send("GET /endless HTTP/1.1\r\n\r\n");
  client.read_until("first");
  client.close();
  ASSERT_EQ(stopped.wait_for(30s), std::future_status::ready);
  EXPECT_TRUE(stopped.get());
}

TEST_F(ServerTest, ClosingTheServerStopsHandlersThatWait) {
  serve();
  auto stopped = stopped_.get_future();
  Client client(path_);
  client.send("GET /endless HTTP/1.1\r\n\r\n");
  client.read_until("first");
  loop_.post([this] { os::spawn(shut_down()); });
  thread_.join();
  EXPECT_TRUE(stopped.get());
  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ServerTest, HijackUpgradesAndEachHalfClosesByItself) {
  serve();
  Client client(path_);
  client.send("POST /shout HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n\r\nhello");
  const std::string head = client.read_until("\r\n\r\n");
  EXPECT_THAT(head, StartsWith("HTTP/1.1 101 UPGRADED\r\n"));
  EXPECT_THAT(head, HasSubstr("Content-Type: application/vnd.docker.raw-stream\r\n"));
  EXPECT_THAT(head, HasSubstr("Connection: Upgrade\r\n"));
  EXPECT_THAT(head, HasSubstr("Upgrade: tcp\r\n"));
  EXPECT_EQ(client.read_until("HELLO"), "HELLO");
  client.send("again");
  EXPECT_EQ(client.read_until("AGAIN"), "AGAIN");
  client.close_write();
  EXPECT_EQ(client.read_all(), "BYE");
}

TEST_F(ServerTest, HijackWithoutUpgradeIsTheOldRawStream) {
  serve();
  Client client(path_);
  client.send("POST /shout HTTP/1.1\r\n\r\n");
  EXPECT_EQ(client.read_until("\r\n\r\n"),
            "HTTP/1.1 200 OK\r\nContent-Type: application/vnd.docker.raw-stream\r\n\r\n");
  client.send("x");
  EXPECT_EQ(client.read_until("X"), "X");
}

constexpr const char* kPing = "GET /_ping HTTP/1.1\r\n\r\n";

TEST_F(ServerTest, WhoeverComesTakesThePlaceOfTheOneThatIsIdleLongest) {
  limits_.connections_max = 2;
  serve();
  Client first(path_);
  first.send(kPing);
  EXPECT_THAT(first.read_answer(), EndsWith("OK"));
  Client second(path_);
  second.send(kPing);
  EXPECT_THAT(second.read_answer(), EndsWith("OK"));
  Client third(path_);
  third.send(kPing);
  EXPECT_THAT(third.read_answer(), EndsWith("OK"));
  EXPECT_EQ(first.read_all(), "");
  second.send(kPing);
  EXPECT_THAT(second.read_answer(), EndsWith("OK"));
}

TEST_F(ServerTest, WhoeverComesTakesThePlaceOfThoseWhoStallButNotOfThoseWhoAreServed) {
  limits_.connections_max = 3;
  limits_.header_timeout = 1h;
  serve();
  Client served(path_);
  served.send("GET /endless HTTP/1.1\r\n\r\n");
  served.read_until("first");
  Client header(path_);
  header.send("GET /_ping HTTP/1.1\r\nX-Slow: ");
  Client body(path_);
  body.send("POST /echo HTTP/1.1\r\nContent-Length: 100\r\n\r\nhalf");
  for (int i = 0; i < 4; ++i) EXPECT_THAT(ask(kPing), EndsWith("OK"));
  EXPECT_EQ(header.read_all(), "");
  Client other(path_);
  other.send("GET /_ping HTTP/1.1\r\nX-Slow: ");
  Client another(path_);
  another.send("GET /_ping HTTP/1.1\r\nX-Slow: ");
  EXPECT_EQ(body.read_all(), "");
  EXPECT_THAT(ask(kPing), EndsWith("OK"));
  served.close();
  EXPECT_TRUE(stopped_.get_future().get()) << "only now";
}

TEST_F(ServerTest, MoreRequestsAtOnceThanTheLimitAreAnswered503) {
  limits_.requests_max = 1;
  serve();
  Client served(path_);
  served.send("GET /endless HTTP/1.1\r\n\r\n");
  served.read_until("first");
  Client refused(path_);
  refused.send(kPing);
  const std::string answer = refused.read_all();
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("1 requests are being served already"));
  served.close();
  EXPECT_TRUE(stopped_.get_future().get());
  EXPECT_THAT(ask(kPing), EndsWith("OK"));
}

TEST_F(ServerTest, AHeaderOfTooManyFieldsIsRefused) {
  serve();
  std::string request = "GET /_ping HTTP/1.1\r\n";
  for (size_t i = 0; i <= kHeaderFieldsMax; ++i) request += "a: b\r\n";
  EXPECT_THAT(ask(request + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerTest, ABodyThatTricklesEndsAfterATime) {
  limits_.body_timeout = limits_.linger_time = 100ms;
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
  while (client.send("x")) {
  }
}

TEST_F(ServerTest, RequestsThatAreStillComingShareTheirMemory) {
  limits_.room.input_bytes_max = 64 << 10;
  limits_.room.stalled_min = 1h;
  serve();
  Client holder(path_);
  std::string part = "POST /echo HTTP/1.1\r\nContent-Length: 4000000\r\n\r\n";
  holder.send(part.append(65 << 10, 'x'));
  const std::string long_body(20 << 10, 'y');
  const std::string request =
      fmt::format("POST /echo HTTP/1.1\r\nContent-Length: {}\r\n\r\n", long_body.size()) +
      long_body;
  std::string answer;
  // Until the holder's bytes have arrived there is room.
  for (int i = 0; i < 1000 && !answer.starts_with("HTTP/1.1 503 "); ++i) answer = ask(request);
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("too many long requests"));
  EXPECT_THAT(ask("POST /echo HTTP/1.1\r\nContent-Length: 5\r\n\r\nshort"), EndsWith("short"));
  holder.close();
  for (int i = 0; i < 1000 && !answer.starts_with("HTTP/1.1 200 "); ++i) answer = ask(request);
  EXPECT_TRUE(answer.ends_with(long_body));
}

TEST_F(ServerTest, ALongAnswerThatNobodyReadsGivesWayToTheNext) {
  limits_.room.answers_bytes_max = 1 << 20;
  limits_.room.stalled_min = 50ms;
  serve();
  Client silent(path_);
  silent.send("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  silent.read_until("\r\n\r\n");
  EXPECT_THAT(ask("GET /long?size=1000000 HTTP/1.1\r\n\r\n"), EndsWith(std::string(1000, 'x')));
  EXPECT_LT(silent.read_all().size(), size_t{1000000});
}

TEST_F(ServerTest, LongAnswersWaitForMemoryOnlySoLong) {
  limits_.room.answers_bytes_max = 1 << 20;
  limits_.room.stalled_min = 1h;
  limits_.room.answer_wait_max = 50ms;
  serve();
  Client silent(path_);
  silent.send("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  silent.read_until("\r\n\r\n");
  const std::string answer = ask("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("too many long answers"));
  EXPECT_THAT(ask("GET /long?size=1000 HTTP/1.1\r\n\r\n"), EndsWith("x")) << "a short one fits";
}

TEST_F(ServerTest, AClientThatReadsNothingIsHungUp) {
  limits_.reply_stall_timeout = 100ms;
  serve();
  Client silent(path_);
  silent.send("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  silent.read_until("\r\n\r\n");
  while (connection_count() > 0) std::this_thread::yield();
  EXPECT_LT(silent.read_all().size(), size_t{1000000});
}

TEST_F(ServerTest, IdleConnectionsAreClosed) {
  limits_.idle_timeout = 50ms;
  serve();
  Client client(path_);
  client.send("GET /_ping HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("OK"));
}

TEST_F(ServerTest, TheSocketFileIsForTheOwnerAndItsGroup) {
  serve();
  struct stat file{};
  ASSERT_EQ(::stat(path_.c_str(), &file), 0);
  EXPECT_EQ(file.st_mode & 0777, 0660u);
}

TEST_F(ServerTest, ASocketOfADeadProcessIsReplacedAndALivingOneIsNot) {
  {
    os::Fd dead(::socket(AF_UNIX, SOCK_STREAM, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path_.c_str(), path_.size());
    ASSERT_EQ(::bind(dead.get(), reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
  }
  serve();
  Server other(loop_, log_, [this](Request& q, Responder& p) { return router_.handle(q, p); });
  const Result<void> refused = other.listen_unix(path_);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().code, ErrorCode::AlreadyExists);
  EXPECT_FALSE(other.listen_tcp("nonsense"));
  EXPECT_FALSE(other.listen_tcp("localhost:99999"));
  EXPECT_FALSE(other.listen_unix(std::string(200, 'x')));
}

}  // namespace
}  // namespace shoal::api
