// What well-behaved clients see of the server, over a real unix socket.
#include "api/http/server.h"

#include <sys/stat.h>

#include "api/http/server_fixture.h"

namespace shoal::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

using ServerTest = ServerFixture;

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

TEST_F(ServerTest, ADetourAnswersForARouteOrChangesItsParameters) {
  router_.detour("images", [](Request& request, Responder& responder) -> os::Co<Result<bool>> {
    const std::string name(request.param("name"));
    if (name == "bad") co_return conflict("not that one");
    if (name == "far") responder.json(200, "from elsewhere");
    request.params = {{"name", "renamed"}};
    co_return name == "far";
  });
  serve();
  EXPECT_THAT(ask("GET /images/far/json HTTP/1.1\r\n\r\n"), HasSubstr("from elsewhere"));
  EXPECT_THAT(ask("GET /v1.30/images/near/json HTTP/1.1\r\n\r\n"), HasSubstr("renamed 30"));
  EXPECT_THAT(ask("GET /images/bad/json HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 409"));
  EXPECT_THAT(ask("GET /images/far HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 404"));
  EXPECT_THAT(ask("GET /_ping HTTP/1.1\r\n\r\n"), EndsWith("OK"));
}

TEST_F(ServerTest, AHandlerThatThrowsIsAnsweredWith500AndTheServerLives) {
  serve();
  const std::string answer = ask("GET /fail HTTP/1.1\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 500"));
  EXPECT_THAT(answer, HasSubstr("the cat sat on it"));
  EXPECT_THAT(ask("GET /_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
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
