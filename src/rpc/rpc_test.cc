// Server and Channel over loopback: what callers and handlers rely on.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "crypto/testing.h"
#include "rpc/testing_pair.h"

namespace shoal::rpc {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

class RpcTest : public testing::Test {
 protected:
  void serve(ServerLimits limits = {}) {
    server = std::make_unique<TestServer>(loop, log, swarm.manager(), limits);
  }
  ChannelOptions options(const CredentialsPem& pem) const {
    return {.address = server->address(), .credentials = must(Credentials::make(pem))};
  }
  // Runs the body with a server and a worker's channel, then closes both.
  template <class Body>
  void with_channel(Body body) {
    if (!server) serve();
    Channel channel(loop, log, options(swarm.node("worker1")));
    run_on(loop, body(channel));
    finish();
  }
  void finish() { run_on(loop, server->server.close()); }

  os::Loop loop{2};
  KeptLog log;
  TestSwarm swarm{loop.now()};
  std::unique_ptr<TestServer> server;
};

TEST_F(RpcTest, AUnaryCallIsAnsweredAndTheServerKnowsWhoAsked) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const Result<std::string> answer = co_await channel.call("/t.T/Echo", "hello");
    EXPECT_EQ(must(answer), "hello");
  });
  ASSERT_EQ(server->peers.size(), 1u);
  ASSERT_TRUE(server->peers[0].identity);
  EXPECT_EQ(server->peers[0].identity->node_id.str(), "worker1");
  EXPECT_THAT(server->peers[0].address, testing::StartsWith("127.0.0.1:"));
}

TEST_F(RpcTest, AnErrorArrivesWithItsCodeAndItsText) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const Result<std::string> answer = co_await channel.call("/t.T/Fail", "100 % größer\n");
    const Error expected{ErrorCode::FailedPrecondition, "100 % größer\n"};
    EXPECT_EQ(answer.error(), expected);
    const Result<std::string> unknown = co_await channel.call("/t.T/Nothing", "");
    const Error unimplemented{ErrorCode::Unimplemented, "unknown method /t.T/Nothing"};
    EXPECT_EQ(unknown.error(), unimplemented);
  });
}

TEST_F(RpcTest, MetadataTravels) {
  with_channel([&](Channel& channel) -> os::Co<> {
    CallOptions noted;
    noted.metadata = {{"x-note", "over there"}};
    must(co_await channel.call("/t.T/Echo", "", noted));
  });
  EXPECT_THAT(server->seen, ElementsAre("over there"));
}

// All messages until the end of the call; its error is the last.
os::Co<std::vector<std::string>> read_all(ClientCall& call) {
  std::vector<std::string> messages;
  while (true) {
    Result<std::optional<std::string>> message = co_await call.read();
    if (!message) messages.push_back("error: " + message.error().message);
    if (!message || !*message) co_return messages;
    messages.push_back(std::move(**message));
  }
}

TEST_F(RpcTest, AServerStreamsManyMessagesInOrder) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const auto call = must(co_await channel.open("/t.T/Count"));
    must(co_await call->write("2000"));
    call->finish_writing();
    const std::vector<std::string> messages = co_await read_all(*call);
    EXPECT_EQ(messages.size(), 2000u);
    EXPECT_EQ(messages.front(), "1");
    EXPECT_EQ(messages.back(), "2000");
  });
}

TEST_F(RpcTest, AClientStreamsAndGetsOneAnswer) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const auto call = must(co_await channel.open("/t.T/Sum"));
    for (int i = 0; i < 1000; ++i) must(co_await call->write(std::string(size_t(i), 'x')));
    call->finish_writing();
    const std::vector<std::string> messages = co_await read_all(*call);
    EXPECT_THAT(messages, ElementsAre("499500"));
  });
}

TEST_F(RpcTest, BothSidesTalkInTurn) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const auto call = must(co_await channel.open("/t.T/Talk"));
    for (int i = 0; i < 200; ++i) {
      const std::string said = std::string(size_t(i), 'a') + std::to_string(i);
      must(co_await call->write(said));
      const auto heard = must(co_await call->read());
      EXPECT_EQ(heard, said);
    }
    call->finish_writing();
    EXPECT_FALSE(must(co_await call->read()));
  });
}

TEST_F(RpcTest, TwentyMegabytesPassBothWays) {
  with_channel([&](Channel& channel) -> os::Co<> {
    std::string large(size_t{20} << 20, 'l');
    for (size_t i = 0; i < large.size(); i += 997) large[i] = char('a' + i % 26);
    const Result<std::string> answer = co_await channel.call("/t.T/Echo", large);
    EXPECT_TRUE(must(answer) == large);
  });
}

TEST_F(RpcTest, ALongerMessageThanAllowedIsRefused) {
  with_channel([&](Channel& channel) -> os::Co<> {
    std::string large(70000, 'l');
    const Result<std::string> answer = co_await channel.call("/t.T/Open", std::move(large));
    EXPECT_EQ(answer.error().code, ErrorCode::TooLarge);
    EXPECT_THAT(answer.error().message, HasSubstr("70000 bytes was announced, at most 65536"));
  });
}

TEST_F(RpcTest, ThousandCallsAtATime) {
  with_channel([&](Channel& channel) -> os::Co<> {
    int left = 2000;
    os::OneShot<bool> done;
    const auto ask = [&](int number) -> os::Co<> {
      const std::string text = std::to_string(number);
      const Result<std::string> answer = co_await channel.call("/t.T/Echo", text);
      EXPECT_EQ(must(answer), text);
      if (--left == 0) done.set(true);
    };
    for (int i = 0; i < 2000; ++i) os::spawn(ask(i));
    co_await done;
  });
}

TEST_F(RpcTest, ADeadlineEndsTheCallOnBothSides) {
  with_channel([&](Channel& channel) -> os::Co<> {
    CallOptions hasty;
    hasty.timeout = 50ms;
    const Result<std::string> answer = co_await channel.call("/t.T/Wait", "", hasty);
    EXPECT_EQ(answer.error().code, ErrorCode::DeadlineExceeded);
    while (server->cancelled == 0) co_await server->changed.wait();
  });
}

TEST_F(RpcTest, StoppingACallCancelsItsHandler) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const os::StopSource stop;
    CallOptions stoppable;
    stoppable.stop = stop.token();
    const auto stop_later = [&]() -> os::Co<> {
      while (server->waiting == 0) co_await server->changed.wait();
      stop.stop();
    };
    os::spawn(stop_later());
    const Result<std::string> answer = co_await channel.call("/t.T/Wait", "", stoppable);
    EXPECT_EQ(answer.error().code, ErrorCode::Cancelled);
    while (server->cancelled == 0) co_await server->changed.wait();
  });
}

TEST_F(RpcTest, ADroppedStreamCancelsItsHandler) {
  with_channel([&](Channel& channel) -> os::Co<> {
    auto call = must(co_await channel.open("/t.T/Talk"));
    must(co_await call->write("one"));
    must(co_await call->read());
    call.reset();
    while (server->cancelled == 0) co_await server->changed.wait();
  });
}

TEST_F(RpcTest, AHandlerThatCancelsItsCallEndsItOnBothSidesWhileNobodyReads) {
  with_channel([&](Channel& channel) -> os::Co<> {
    auto call = must(co_await channel.open("/t.T/Drop"));
    os::Signal told;
    const os::StopToken ended = call->ended();
    const auto guard = ended.on_stop([told] { told.notify(); });
    must(co_await call->write("first"));
    while (!ended.stopped()) co_await told.wait();
    EXPECT_EQ(server->dropped, (Error{ErrorCode::Conflict, "enough"}));
    Result<std::optional<std::string>> read = co_await call->read();
    if (read) read = co_await call->read();  // What came before the end is still there.
    EXPECT_EQ(read.error().code, ErrorCode::Cancelled);
    EXPECT_EQ(must(co_await channel.call("/t.T/Echo", "after")), "after");
  });
}

TEST_F(RpcTest, AGoneConnectionEndsCallsOnBothSidesAndTheNextCallDialsAnew) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const auto drop_later = [&]() -> os::Co<> {
      while (server->waiting == 0) co_await server->changed.wait();
      channel.disconnect();
    };
    os::spawn(drop_later());
    const Result<std::string> answer = co_await channel.call("/t.T/Wait", "");
    EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
    while (server->cancelled == 0) co_await server->changed.wait();
    const Result<std::string> again = co_await channel.call("/t.T/Echo", "again");
    EXPECT_EQ(must(again), "again");
  });
}

TEST_F(RpcTest, CuttingANodeEndsItsCallsAndNoOthers) {
  serve();
  Channel cut(loop, log, options(swarm.node("worker1")));
  Channel kept(loop, log, options(swarm.node("worker2")));
  const auto body = [&]() -> os::Co<> {
    const auto of_cut = must(co_await cut.open("/t.T/Talk"));
    const auto of_kept = must(co_await kept.open("/t.T/Talk"));
    must(co_await of_cut->write("x"));
    must(co_await of_cut->read());
    must(co_await of_kept->write("x"));
    must(co_await of_kept->read());
    server->server.close_connections_of(model::NodeId::of("worker1"));
    const auto end = co_await of_cut->read();
    EXPECT_EQ(end.error().code, ErrorCode::Unavailable);
    must(co_await of_kept->write("y"));
    EXPECT_EQ(must(co_await of_kept->read()), "y");
  };
  run_on(loop, body());
  finish();
}

TEST_F(RpcTest, AClosingServerLetsCallsFinish) {
  serve();
  Channel channel(loop, log, options(swarm.node("worker1")));
  const auto body = [&]() -> os::Co<> {
    const auto close_later = [&]() -> os::Co<> {
      while (server->waiting == 0) co_await server->changed.wait();
      os::spawn(server->server.close(30s));
      loop.post([&] { server->release.notify(); });  // The handler comes to wait for it first.
    };
    os::spawn(close_later());
    const Result<std::string> answer = co_await channel.call("/t.T/Wait", "last");
    EXPECT_EQ(must(answer), "last");
    const Result<std::string> refused = co_await channel.call("/t.T/Echo", "");
    EXPECT_EQ(refused.error().code, ErrorCode::Unavailable);
  };
  run_on(loop, body());
  finish();
}

TEST_F(RpcTest, AClosingServerWaitsOnlyItsGrace) {
  serve();
  Channel channel(loop, log, options(swarm.node("worker1")));
  const auto body = [&]() -> os::Co<> {
    const auto close_later = [&]() -> os::Co<> {
      while (server->waiting == 0) co_await server->changed.wait();
      os::spawn(server->server.close(10ms));
    };
    os::spawn(close_later());
    const Result<std::string> answer = co_await channel.call("/t.T/Wait", "");
    EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
  };
  run_on(loop, body());
  finish();
  EXPECT_EQ(server->cancelled, 1);
}

TEST_F(RpcTest, AChannelThatIsDestroyedCancelsItsCalls) {
  serve();
  auto channel = std::make_unique<Channel>(loop, log, options(swarm.node("worker1")));
  const auto body = [&]() -> os::Co<> {
    const auto destroy_later = [&]() -> os::Co<> {
      while (server->waiting == 0) co_await server->changed.wait();
      channel.reset();
    };
    os::spawn(destroy_later());
    const Result<std::string> answer = co_await channel->call("/t.T/Wait", "");
    EXPECT_EQ(answer.error().code, ErrorCode::Cancelled);
  };
  run_on(loop, body());
  finish();
}

// A Docker Engine that changes its root shows the new one's certificate with the new root behind
// it, signed by the old one; cross_signed_test.cc has what else may not be accepted.
CredentialsPem changing_root(const TestSwarm& swarm, const TestSwarm& signing, Time now) {
  const TestSwarm next(now);
  CredentialsPem manager = next.manager();
  manager.certificates += crypto::testing::cross_sign_as_docker(signing.root(), next.root(), now);
  manager.roots = swarm.roots();
  return manager;
}

TEST_F(RpcTest, AManagerThatChangesItsRootIsTrustedByNodesOfTheOldOne) {
  const TestSwarm stranger(loop.now());
  for (const bool trusted : {true, false}) {
    server = std::make_unique<TestServer>(
        loop, log, changing_root(swarm, trusted ? swarm : stranger, loop.now()));
    ChannelOptions of_node = options(swarm.roots_only()), elsewhere = of_node;
    elsewhere.server_name = "swarm-worker";
    Channel channel(loop, log, of_node), misled(loop, log, elsewhere);
    const auto body = [&]() -> os::Co<> {
      const Result<std::string> answer = co_await channel.call("/t.T/Open", "hello");
      const Result<std::string> wrong = co_await misled.call("/t.T/Open", "hello");
      EXPECT_THAT(answer ? *answer : answer.error().message,
                  HasSubstr(trusted ? "hello" : "self-signed certificate in certificate chain"));
      const char* reason = trusted ? "hostname mismatch" : "self-signed certificate";
      EXPECT_THAT(wrong ? "answered" : wrong.error().message, HasSubstr(reason));
    };
    run_on(loop, body());
    finish();
  }
}

TEST_F(RpcTest, NobodyListeningIsUnavailable) {
  serve();
  Channel channel(loop, log, options(swarm.node("worker1")));
  finish();
  const auto body = [&]() -> os::Co<> {
    const Result<std::string> answer = co_await channel.call("/t.T/Echo", "");
    EXPECT_EQ(answer.error().code, ErrorCode::Unavailable);
    EXPECT_THAT(answer.error().message, HasSubstr("Connection refused"));
  };
  run_on(loop, body());
}

// A slow reader: the server may not hold more than the windows and the queues allow.
TEST_F(RpcTest, AWriterWaitsForAReaderThatDoesNotRead) {
  with_channel([&](Channel& channel) -> os::Co<> {
    const auto call = must(co_await channel.open("/t.T/Talk"));
    constexpr int kMessages = 100;
    int written = 0;
    os::Signal progress;
    const std::string megabyte(size_t{1} << 20, 'm');
    const auto write = [&]() -> os::Co<> {
      for (; written < kMessages; ++written, progress.notify()) {
        must(co_await call->write(megabyte));
      }
      call->finish_writing();
    };
    os::spawn(write());
    // A call beside it is answered all the same.
    for (int i = 0; i < 100; ++i) must(co_await channel.call("/t.T/Echo", "x"));
    EXPECT_LT(written, 10);
    for (int i = 0; i < kMessages; ++i) EXPECT_EQ(must(co_await call->read()), megabyte);
    EXPECT_FALSE(must(co_await call->read()));
    EXPECT_EQ(written, kMessages);
  });
}

}  // namespace
}  // namespace shoal::rpc
