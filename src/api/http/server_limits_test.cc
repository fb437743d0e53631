// What broken, greedy and hostile clients get, and that others are served meanwhile.
#include "api/http/parser.h"
#include "api/http/server_fixture.h"

namespace shoal::api {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

using ServerLimits = ServerFixture;

TEST_F(ServerLimits, MalformedRequestsAreAnswered400AndClosed) {
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

TEST(ParserLimits, APieceTakesTheMemoryOfWhatHasCome) {
  Parser parser;
  size_t consumed = 0;
  const auto head = parser.put_head("POST / HTTP/1.1\r\nContent-Length: 100\r\n\r\n", consumed);
  ASSERT_TRUE(head && *head);
  std::string piece;
  EXPECT_EQ(parser.put_body("", piece, kPieceMax), 0u);
  EXPECT_EQ(parser.put_body("half", piece, kPieceMax), 4u);
  EXPECT_EQ(piece, "half");
  EXPECT_LT(piece.capacity(), size_t{100}) << "thousands may stop here";
  EXPECT_FALSE(parser.done());
}

TEST_F(ServerLimits, BrokenChunksEndTheRequestNotTheServer) {
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\nhello\r\n0\r\n\r\n");
  EXPECT_THAT(client.read_all(), StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(ask("GET /_ping HTTP/1.1\r\n\r\n"), StartsWith("HTTP/1.1 200"));
}

TEST_F(ServerLimits, AHeaderWithoutEndIsRefused) {
  serve();
  Client client(path_);
  std::string header = "GET /_ping HTTP/1.1\r\nX-Big: ";
  header.append(kHeaderBytesMax, 'x');
  client.send(header);
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerLimits, AHeaderThatNeverEndsTimesOut) {
  serve();
  Client client(path_);
  client.send("GET /_ping HTTP/1.1\r\nX-Slow: ");
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 408 "));
}

TEST_F(ServerLimits, ABodyThatSaysItIsTooLargeIsRefusedWithoutReadingIt) {
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

TEST_F(ServerLimits, AChunkedBodyThatGrowsTooLargeIsRefused) {
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n");
  std::string chunk = "100000\r\n";
  chunk.append(0x100000, 'x').append("\r\n");
  for (int i = 0; i < 5; ++i) client.send(chunk);
  EXPECT_THAT(client.read_answer(), StartsWith("HTTP/1.1 413 "));
}

TEST_F(ServerLimits, WhoeverComesTakesThePlaceOfTheOneThatIsIdleLongest) {
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

TEST_F(ServerLimits, WhoHasAskedAlreadyIsNotIdle) {
  limits_.connections_max = 2;
  serve();
  Client first(path_), second(path_);
  for (Client* client : {&first, &second}) {
    client->send(kPing);
    EXPECT_THAT(client->read_answer(), EndsWith("OK"));
  }
  // While the loop is busy both a request of the longest idle one and a new connection come in, the
  // connection first: the loop sees them in that order.
  std::promise<void> busy, over;
  loop_.post([&] {
    busy.set_value();
    over.get_future().wait();
  });
  busy.get_future().wait();
  Client third(path_);
  third.send(kPing);
  first.send(kPing);
  over.set_value();
  EXPECT_THAT(first.read_answer(), EndsWith("OK"));
  EXPECT_THAT(third.read_answer(), EndsWith("OK"));
  EXPECT_EQ(second.read_all(), "");
}

TEST_F(ServerLimits, WhoeverComesTakesThePlaceOfThoseWhoStallButNotOfThoseWhoAreServed) {
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

TEST_F(ServerLimits, MoreRequestsAtOnceThanTheLimitAreAnswered503) {
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

TEST_F(ServerLimits, AHeaderOfTooManyFieldsIsRefused) {
  serve();
  std::string request = "GET /_ping HTTP/1.1\r\n";
  for (size_t i = 0; i <= kHeaderFieldsMax; ++i) request += "a: b\r\n";
  EXPECT_THAT(ask(request + "\r\n"), StartsWith("HTTP/1.1 431 "));
}

TEST_F(ServerLimits, ABodyThatTricklesEndsAfterATime) {
  limits_.body_timeout = limits_.linger_time = 100ms;
  serve();
  Client client(path_);
  client.send("POST /echo HTTP/1.1\r\nContent-Length: 1000000\r\n\r\n");
  while (client.send("x")) {
  }
}

TEST_F(ServerLimits, RequestsThatAreStillComingShareTheirMemory) {
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

TEST_F(ServerLimits, ALongAnswerThatNobodyReadsGivesWayToTheNext) {
  limits_.room.answers_bytes_max = 1 << 20;
  limits_.room.stalled_min = 50ms;
  serve();
  Client silent(path_);
  silent.send("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  silent.read_until("\r\n\r\n");
  EXPECT_THAT(ask("GET /long?size=1000000 HTTP/1.1\r\n\r\n"), EndsWith(std::string(1000, 'x')));
  EXPECT_LT(silent.read_all().size(), size_t{1000000});
}

TEST_F(ServerLimits, LongAnswersWaitForMemoryOnlySoLong) {
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

TEST_F(ServerLimits, AClientThatReadsNothingIsHungUp) {
  limits_.reply_stall_timeout = 100ms;
  serve();
  Client silent(path_);
  silent.send("GET /long?size=1000000 HTTP/1.1\r\n\r\n");
  silent.read_until("\r\n\r\n");
  while (connection_count() > 0) std::this_thread::yield();
  EXPECT_LT(silent.read_all().size(), size_t{1000000});
}

TEST_F(ServerLimits, IdleConnectionsAreClosed) {
  limits_.idle_timeout = 50ms;
  serve();
  Client client(path_);
  client.send("GET /_ping HTTP/1.1\r\n\r\n");
  EXPECT_TRUE(client.read_all().ends_with("OK"));
}

}  // namespace
}  // namespace shoal::api
