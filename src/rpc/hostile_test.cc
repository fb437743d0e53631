// What hostile and broken peers get: bounded, cut off, logged once, and a good client beside them
// is answered all the while.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include <atomic>
#include <thread>

#include "base/rng.h"
#include "rpc/raw_client.h"
#include "rpc/testing_pair.h"

namespace shoal::rpc {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr uint32_t kCalm = NGHTTP2_ENHANCE_YOUR_CALM;
// Every flood is cut long before this many frames.
constexpr int kFloodMax = 2'000'000;

// The server runs on a thread of its own; the test's thread is the peers.
class HostileTest : public testing::Test {
 protected:
  void serve(ServerLimits limits = {}) {
    server_loop.post([this, limits] {
      server = std::make_unique<TestServer>(server_loop, log, swarm.manager(), limits);
      port = server->server.port();
    });
    thread = std::thread([this] { server_loop.run(); });
    while (port == 0) std::this_thread::yield();
    good = std::make_unique<Channel>(
        loop, quiet,
        ChannelOptions{.address = fmt::format("127.0.0.1:{}", port.load()), .credentials = worker});
  }
  void TearDown() override {
    good.reset();
    (void)run_on(loop, loop.sleep(1ms));  // What belonged to it ends.
    server_loop.post([this] { os::spawn(end()); });
    thread.join();
    server.reset();
  }
  os::Co<> end() {
    co_await server->server.close(0s);
    server_loop.stop();
  }

  // One call of the good client.
  void expect_service() {
    const auto body = [this]() -> os::Co<Result<std::string>> {
      co_return co_await good->call("/t.T/Echo", "still here");
    };
    const Result<std::string> answer = run_on(loop, body());
    EXPECT_EQ(answer ? *answer : answer.error().message, "still here");
  }
  // The good client calls as long as the attack lasts, and once after it.
  template <class Attack>
  void during(Attack attack) {
    std::atomic<bool> over = false;
    std::thread attacker([&] {
      attack();
      over = true;
    });
    while (!over) expect_service();
    attacker.join();
    expect_service();
  }
  // A node of the swarm that sends the same again and again until it is cut off.
  void flood(const std::string& bytes, const std::shared_ptr<Credentials>& who) {
    during([&] {
      RawClient bad(port);
      ASSERT_TRUE(bad.start(who));
      int sent = 0;
      while (sent < kFloodMax && bad.send(bytes)) ++sent;
      EXPECT_LT(sent, kFloodMax);
    });
  }
  void flood(const std::string& bytes) { flood(bytes, worker2); }
  // The GOAWAY that such a peer sees when it looks. `rounds` are more than the server bears.
  void expect_calm(const std::string& bytes, int rounds) {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    for (int i = 0; i < rounds && bad.send(bytes); ++i) {
    }
    EXPECT_EQ(bad.goodbye(), kCalm);
  }
  // The log, when the server is at rest.
  std::vector<std::string> logged() {
    std::atomic<bool> copied = false;
    std::vector<std::string> lines;
    server_loop.post([&] {
      lines = log.lines;
      copied = true;
    });
    while (!copied) std::this_thread::yield();
    return lines;
  }

  os::Loop loop{1}, server_loop{2};
  NullLog quiet;
  KeptLog log;
  TestSwarm swarm{loop.now()}, stranger{loop.now()};
  std::shared_ptr<Credentials> worker = must(Credentials::make(swarm.node("worker1")));
  std::shared_ptr<Credentials> worker2 = must(Credentials::make(swarm.node("worker2")));
  std::unique_ptr<TestServer> server;
  std::unique_ptr<Channel> good;
  std::atomic<uint16_t> port = 0;
  std::thread thread;
};

TEST_F(HostileTest, WhoSaysNothingIsCut) {
  serve({.handshake_timeout = 50ms});
  during([&] {
    RawClient silent(port);
    EXPECT_TRUE(silent.ended());
  });
  EXPECT_THAT(logged(), ElementsAre(AllOf(HasSubstr("peer=127.0.0.1 "),
                                          HasSubstr("the TLS handshake took too long"))));
}

TEST_F(HostileTest, PlainHttpIsRefused) {
  serve();
  during([&] {
    for (int i = 0; i < 20; ++i) {
      RawClient plain(port);
      plain.send_plain("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
      EXPECT_TRUE(plain.ended());
    }
  });
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("reason=TLS: http request")));
}

TEST_F(HostileTest, RandomBytesAreRefused) {
  serve();
  during([&] {
    for (int i = 0; i < 50; ++i) {
      RawClient random(port);
      std::string bytes(1000, '\0');
      Rng rng(uint64_t(i + 1));
      for (char& byte : bytes) byte = char(rng.next());
      random.send_plain(bytes);
      random.close_write();
      EXPECT_TRUE(random.ended());
    }
  });
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("connection refused peer=127.0.0.1 reason=TLS: ")));
}

TEST_F(HostileTest, Http1InsideTlsIsRefused) {
  serve();
  const std::shared_ptr<Credentials> roots = must(Credentials::make(swarm.roots_only()));
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start_tls(roots));
    bad.send("GET / HTTP/1.1\r\nHost: swarm-manager\r\nAccept: */*\r\n\r\n");
    EXPECT_TRUE(bad.ended());
  });
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("reason=the peer sent no HTTP/2")));
}

TEST_F(HostileTest, ForeignAndExpiredCertificatesAreRefusedInTheHandshake) {
  serve();
  CredentialsPem foreign = stranger.node("worker3");
  foreign.roots = swarm.roots();
  for (const CredentialsPem& pem : {foreign, swarm.expired("worker3")}) {
    during([&] {
      RawClient bad(port);
      // TLS 1.3 lets a client begin before the server has looked at its certificate.
      if (bad.start(must(Credentials::make(pem)))) {
        bad.send_call(1, "/t.T/Open", "");
        EXPECT_TRUE(bad.answer(1).empty());
      }
    });
  }
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("the peer's certificate is not accepted")));
  EXPECT_TRUE(server->peers.empty() || server->peers.back().identity);
}

TEST_F(HostileTest, OurClientIsToldThatItsCertificateIsTheReason) {
  serve();
  CredentialsPem foreign = stranger.node("worker3");
  foreign.roots = swarm.roots();
  for (const CredentialsPem& pem : {foreign, swarm.expired("worker3")}) {
    Channel channel(loop, quiet,
                    {.address = fmt::format("127.0.0.1:{}", port.load()),
                     .credentials = must(Credentials::make(pem))});
    const auto body = [&]() -> os::Co<Result<std::string>> {
      co_return co_await channel.call("/t.T/Open", "");
    };
    const Result<std::string> answer = run_on(loop, body());
    EXPECT_EQ(answer.error().code, ErrorCode::Unauthenticated) << answer.error().message;
  }
}

TEST_F(HostileTest, ANodeWithoutARightRoleOrACertificateIsTold) {
  serve();
  RawClient node(port), nobody(port);
  ASSERT_TRUE(node.start(worker2));
  node.send_call(1, "/t.T/Managers", "");
  EXPECT_EQ(node.answer(1)["grpc-status"], "7");
  ASSERT_TRUE(nobody.start(must(Credentials::make(swarm.roots_only()))));
  nobody.send_call(1, "/t.T/Echo", "");
  EXPECT_EQ(nobody.answer(1)["grpc-status"], "16");
  nobody.send_call(3, "/t.T/Open", "");
  EXPECT_EQ(nobody.answer(3)["grpc-status"], "0");
}

TEST_F(HostileTest, HalfAFrameIsNotWaitedForLong) {
  serve({.header_timeout = 50ms});
  const std::string block = request_block("/t.T/Echo");
  for (const std::string& half :
       {raw_frame(NGHTTP2_PING, 0, 0, "12345678").substr(0, 5),
        raw_frame(NGHTTP2_PING, 0, 0, "12345678").substr(0, 12),
        raw_frame(NGHTTP2_HEADERS, 0, 1, block.substr(0, 20)),
        raw_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block).substr(0, 30)}) {
    during([&] {
      RawClient slow(port);
      ASSERT_TRUE(slow.start(worker2));
      slow.send(half);
      EXPECT_EQ(slow.goodbye(), kCalm);
    });
  }
}

TEST_F(HostileTest, WhoSendsNoWholeRequestIsCut) {
  serve({.unidentified_idle_timeout = 50ms});
  const std::shared_ptr<Credentials> roots = must(Credentials::make(swarm.roots_only()));
  during([&] {
    RawClient idle(port);
    ASSERT_TRUE(idle.start(roots));
    EXPECT_EQ(idle.goodbye(), uint32_t{NGHTTP2_NO_ERROR});
  });
}

TEST_F(HostileTest, AUnaryRequestThatNeverComesIsAnswered) {
  serve({.request_timeout = 50ms});
  RawClient slow(port);
  ASSERT_TRUE(slow.start(worker2));
  const std::string block = request_block("/t.T/Echo");
  slow.send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
  slow.send_frame(NGHTTP2_DATA, 0, 1, grpc_message("hello").substr(0, 7));
  EXPECT_EQ(slow.answer(1)["grpc-status"], "4");
}

TEST_F(HostileTest, AnAnnouncedGigabyteIsRefusedAtOnce) {
  serve();
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    const std::string block = request_block("/t.T/Echo");
    bad.send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
    bad.send_frame(NGHTTP2_DATA, 0, 1, std::string(1, '\0') + big_endian(1 << 30, 4) + "start");
    EXPECT_EQ(bad.answer(1)["grpc-status"], "8");
  });
}

TEST_F(HostileTest, UnfinishedRequestsAreBoundedOverAllConnections) {
  serve({.request_bytes_max = 300'000});
  RawClient first(port), second(port);
  const std::string start = std::string(1, '\0') + big_endian(60 << 20, 4);
  const auto fill = [&](RawClient& bad) {
    ASSERT_TRUE(bad.start(worker2) && bad.settle());
    const std::string block = request_block("/t.T/Echo");
    bad.send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, block);
    bad.send_frame(NGHTTP2_DATA, 0, 1, start);
    for (int i = 0; i < 20; ++i) bad.send_frame(NGHTTP2_DATA, 0, 1, std::string(10'000, 'x'));
  };
  fill(first);
  during([&] {
    fill(second);
    EXPECT_EQ(second.answer(1)["grpc-status"], "8");
  });
  first.close();
}

TEST_F(HostileTest, AMillionStreamsGetNoFurtherThanTheLimit) {
  serve({.streams_max = 20});
  const std::string block = request_block("/t.T/Wait");
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    uint32_t stream = 1;
    for (; stream < 2'000'000; stream += 2) {
      if (!bad.send(raw_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, block) +
                    raw_frame(NGHTTP2_DATA, NGHTTP2_FLAG_END_STREAM, stream, grpc_message("")))) {
        break;
      }
    }
    EXPECT_LT(stream, 2'000'000u);
  });
  EXPECT_LE(server->waiting, 20);
}

TEST_F(HostileTest, RapidResetIsCutAndItsHandlersAreFew) {
  serve();
  const std::string block = request_block("/t.T/Wait");
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    for (uint32_t stream = 1; stream < 100'000; stream += 2) {
      if (!bad.send(raw_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, stream, block) +
                    raw_frame(NGHTTP2_RST_STREAM, 0, stream, big_endian(NGHTTP2_CANCEL, 4)))) {
        break;
      }
    }
    EXPECT_EQ(bad.goodbye(), kCalm);
  });
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("reason=the peer sent a flood of frames")));
}

TEST_F(HostileTest, AHeaderListThatUnfoldsIsCut) {
  serve();
  // One entry of 3900 bytes in the table, then references to it, a byte each.
  const std::string name(1, '\x40');
  std::string entry = name + "\x06x-bomb" + "\x7f\xbd\x1d" + std::string(3900, 'b');
  std::string block = request_block("/t.T/Echo") + entry;
  block += std::string(16000 - block.size(), '\xbe');
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    bad.send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1, block);
    EXPECT_EQ(bad.goodbye(), kCalm);
  });
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("headers that are too long")));
}

TEST_F(HostileTest, ContinuationFloodsAreCut) {
  serve();
  const std::string block = request_block("/t.T/Echo");
  for (const std::string& piece : {std::string(), literal("x-some", "header")}) {
    during([&] {
      RawClient bad(port);
      ASSERT_TRUE(bad.start(worker2));
      bad.send_frame(NGHTTP2_HEADERS, 0, 1, block);
      int sent = 0;
      while (sent < kFloodMax && bad.send_frame(NGHTTP2_CONTINUATION, 0, 1, piece)) ++sent;
      EXPECT_LT(sent, kFloodMax);
    });
  }
}

TEST_F(HostileTest, FloodsOfCheapFramesAreCut) {
  serve();
  flood(raw_frame(NGHTTP2_SETTINGS, 0, 0, ""));
  flood(raw_frame(NGHTTP2_PING, 0, 0, "12345678"));
  flood(raw_frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678"));
  flood(raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, big_endian(1, 4)));
  flood(raw_frame(NGHTTP2_PRIORITY, 0, 3, big_endian(0, 4) + "\x10"));
  flood(raw_frame(0x2a, 0, 0, "unknown"));
  flood(raw_frame(NGHTTP2_RST_STREAM, 0, 1, big_endian(NGHTTP2_CANCEL, 4)));
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("connection cut")));
}

TEST_F(HostileTest, TheyAreToldToCalmDown) {
  serve();
  expect_calm(raw_frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678"), 5000);
  expect_calm(raw_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, big_endian(1, 4)), 5000);
  expect_calm(raw_frame(0x2a, 0, 0, "unknown"), 5000);
}

TEST_F(HostileTest, EmptyDataOnAStreamIsCut) {
  serve();
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    bad.send_frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS, 1, request_block("/t.T/Talk"));
    int sent = 0;
    while (sent < kFloodMax && bad.send_frame(NGHTTP2_DATA, 0, 1, "")) ++sent;
    EXPECT_LT(sent, kFloodMax);
  });
}

TEST_F(HostileTest, AWindowThatOverflowsEndsTheConnection) {
  serve();
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    for (int i = 0; i < 3; ++i) {
      bad.send_frame(NGHTTP2_WINDOW_UPDATE, 0, 0, big_endian(0x7fffffff, 4));
    }
    EXPECT_EQ(bad.goodbye(), uint32_t{NGHTTP2_FLOW_CONTROL_ERROR});
  });
}

// A window of one byte at a time makes a server send a frame for each (CVE-2019-9511).
TEST_F(HostileTest, AWindowOpenedByteByByteIsCut) {
  serve();
  during([&] {
    RawClient bad(port);
    ASSERT_TRUE(bad.start(worker2));
    bad.send_frame(NGHTTP2_SETTINGS, 0, 0, big_endian(4, 2) + big_endian(0, 4));
    bad.send_call(1, "/t.T/Echo", std::string(16000, 'e'));
    int sent = 0;
    while (sent < kFloodMax && bad.send_frame(NGHTTP2_WINDOW_UPDATE, 0, 1, big_endian(1, 4))) {
      ++sent;
    }
    EXPECT_LT(sent, kFloodMax);
  });
}

TEST_F(HostileTest, ConnectionsWithoutACertificateAreBoundedPerAddress) {
  serve({.unidentified_per_address_max = 5, .handshake_timeout = 30s});
  expect_service();
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 5; ++i) silent.push_back(std::make_unique<RawClient>(port));
  RawClient further(port);
  EXPECT_TRUE(further.ended());
  expect_service();  // It has its connection already.
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("too many from this address")));
}

TEST_F(HostileTest, WhoSaysNothingMakesRoomForWhoDoes) {
  serve({.unidentified_max = 20, .handshake_timeout = 1h});
  std::vector<std::unique_ptr<RawClient>> silent;
  for (int i = 0; i < 30; ++i) silent.push_back(std::make_unique<RawClient>(port));
  RawClient node(port);
  ASSERT_TRUE(node.start(worker2));
  node.send_call(1, "/t.T/Echo", "");
  EXPECT_EQ(node.answer(1)["grpc-status"], "0");
}

TEST_F(HostileTest, ANodeHasOnlySoManyConnections) {
  serve({.per_node_max = 3});
  std::vector<std::unique_ptr<RawClient>> same;
  for (int i = 0; i < 3; ++i) {
    same.push_back(std::make_unique<RawClient>(port));
    ASSERT_TRUE(same.back()->start(worker2));
    same.back()->send_call(1, "/t.T/Echo", "");
    EXPECT_EQ(same.back()->answer(1)["grpc-status"], "0");
  }
  RawClient further(port);
  further.start(worker2);
  EXPECT_TRUE(further.ended());
  expect_service();
}

TEST_F(HostileTest, WithoutFreeDescriptorsTheOthersGoOnAndNewOnesComeLater) {
  serve({.handshake_timeout = 30s});
  expect_service();
  rlimit before{}, few{};
  ::getrlimit(RLIMIT_NOFILE, &before);
  few = before;
  few.rlim_cur = 200;
  ::setrlimit(RLIMIT_NOFILE, &few);
  std::vector<std::unique_ptr<RawClient>> greedy;
  do {
    greedy.push_back(std::make_unique<RawClient>(port));
  } while (greedy.back()->connected() && greedy.size() < 1000);
  EXPECT_LT(greedy.size(), 200u);
  for (int i = 0; i < 20; ++i) expect_service();
  while (logged().empty()) expect_service();
  EXPECT_THAT(logged(), ElementsAre(HasSubstr("accept: Too many open files")));
  greedy.clear();
  ::setrlimit(RLIMIT_NOFILE, &before);
  RawClient later(port);
  ASSERT_TRUE(later.start(worker2));
  later.send_call(1, "/t.T/Echo", "");
  EXPECT_EQ(later.answer(1)["grpc-status"], "0");
}

}  // namespace
}  // namespace shoal::rpc
