// What a manager says in one breath is heard in the order in which it was said: the node's record
// without its address, and at once the one with it.
#include "codec/wire/dispatcher.h"
#include "daemon/protocol_fixture.h"
#include "rpc/server.h"

namespace shoal::daemon {
namespace {

using T = ProtocolFixture;
constexpr int kMessages = 20;

os::Co<Result<void>> until_hung_up(rpc::Call& call) {
  const os::StopToken over = call.cancelled();
  os::Signal never;
  while (!over.stopped()) (void)co_await never.wait(over);
  co_return Result<void>{};
}

TEST_F(ProtocolFixture, MessagesThatComeTogetherAreHeardInTheirOrder) {
  run([](T& t) -> os::Co<> {
    rpc::Server hasty(t.loop, t.log, t.credentials);
    const model::SessionId its_id = model::SessionId::random(t.rng);
    auto speak = [&](rpc::Call& call) -> os::Co<Result<void>> {
      for (int i = 0; i < kMessages; ++i) {
        model::Node self{.id = t.node};
        self.status.address = std::to_string(i);
        std::string bytes = wire::encode(model::SessionMessage{
            .session = its_id, .node = std::make_shared<const model::Node>(self), .managers = {}});
        CO_RETURN_IF_ERROR(co_await call.write(std::move(bytes)));
      }
      co_return co_await until_hung_up(call);
    };
    auto listen = [](rpc::Call& call) { return until_hung_up(call); };
    hasty.stream("/docker.swarmkit.v1.Dispatcher/Session", speak);
    hasty.stream("/docker.swarmkit.v1.LogBroker/ListenSubscriptions", listen);
    CHECK(hasty.listen("127.0.0.1:0"));
    rpc::ChannelOptions options{.address = "127.0.0.1:" + std::to_string(hasty.port()),
                                .credentials = t.credentials};
    agent::Remotes managers({options.address});
    agent::RpcLink direct(t.loop, t.log, t.logs, t.host, std::move(options), managers);

    model::SessionRequest request;
    const auto opened = co_await direct.open(std::move(request), t.ear);
    EXPECT_EQ(opened.value_or(model::SessionId()), its_id);
    co_await t.until([&] { return t.ear.sessions.size() >= kMessages || !t.ear.ends.empty(); });
    for (size_t i = 0; i < t.ear.sessions.size(); ++i) {
      EXPECT_EQ(t.ear.sessions[i].node->status.address, std::to_string(i));
    }
    EXPECT_EQ(t.ear.sessions.size(), size_t{kMessages});
    direct.close(its_id);
    co_await direct.finished();
    co_await hasty.close();
  });
}

}  // namespace
}  // namespace shoal::daemon
