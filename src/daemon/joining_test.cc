// How a machine becomes a node, against a manager's real port.
#include "daemon/joining.h"

#include <gmock/gmock.h>

#include "crypto/certificate.h"
#include "daemon/addresses.h"
#include "daemon/protocol_fixture.h"
#include "os/tcp.h"

namespace shoal::daemon {
namespace {
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

using JoiningTest = ProtocolFixture;
using T = JoiningTest;

// A port of loopback on which nobody listens.
constexpr const char* kNobody = "127.0.0.1:1";

api::JoinRequest request_to(T& t, std::string token) {
  api::JoinRequest request;
  request.remote_addresses = {t.to_manager(t.credentials).address};
  request.join_token = std::move(token);
  return request;
}

os::Co<Error> refusal(T& t, api::JoinRequest request) {
  const auto joined = co_await join_swarm(t.loop, t.log, std::move(request), std::string());
  EXPECT_FALSE(joined);
  co_return joined ? Error{} : joined.error();
}

TEST_F(JoiningTest, AMachineGetsAnIdAndACertificateForTheWorkersToken) {
  run([](T& t) -> os::Co<> {
    api::JoinRequest request = request_to(t, t.cluster()->join_token_worker);
    request.remote_addresses.insert(request.remote_addresses.begin(), kNobody);
    request.availability = model::Availability::Drain;
    request.data_path_address = "lo";
    const std::string answers = request.remote_addresses[1];
    const auto joined = co_await join_swarm(t.loop, t.log, std::move(request), std::string());
    EXPECT_TRUE(joined) << joined.error().message;
    EXPECT_FALSE(joined->record.is_manager());
    EXPECT_THAT(joined->record.managers, ElementsAre(answers, kNobody)) << "who answered first";
    EXPECT_EQ(joined->record.address, "127.0.0.1");
    EXPECT_EQ(joined->record.data_path_address, "127.0.0.1");
    EXPECT_TRUE(check_own_certificate(joined->credentials, joined->record.id, t.loop.wall_now()));
    const auto stored = t.manager->store()->read().nodes().get(joined->record.id);
    EXPECT_TRUE(stored);
    EXPECT_EQ(stored->spec.availability, model::Availability::Drain);
    EXPECT_EQ(stored->role, model::NodeRole::Worker);
  });
}

TEST_F(JoiningTest, TokensThatAreNotTheSwarmsAreRefused) {
  run([](T& t) -> os::Co<> {
    const std::string good = t.cluster()->join_token_worker;
    for (const std::string& broken :
         {std::string(), std::string("x"), good.substr(0, good.size() - 1), good + "0"}) {
      const Error error = co_await refusal(t, request_to(t, broken));
      EXPECT_EQ(error.code, ErrorCode::InvalidArgument) << broken;
      EXPECT_EQ(error.message, "invalid join token") << broken;
    }
    const Error old = co_await refusal(t, request_to(t, t.token()));
    EXPECT_EQ(old.code, ErrorCode::InvalidArgument);
    EXPECT_THAT(old.message, HasSubstr("A valid join token is necessary to join this cluster"));

    std::string foreign = ca::make_join_token(crypto::sha256("another root"), std::string(16, 'x'));
    const Error mismatch = co_await refusal(t, request_to(t, std::move(foreign)));
    EXPECT_EQ(mismatch.code, ErrorCode::PermissionDenied);
    EXPECT_THAT(mismatch.message, StartsWith("remote CA does not match fingerprint. Expected: "));

    const Error second = co_await refusal(t, request_to(t, t.cluster()->join_token_manager));
    EXPECT_THAT(second.message, HasSubstr("several managers are not supported"));
    EXPECT_EQ(t.manager->store()->read().nodes().size(), 1u) << "nothing half-joined";
  });
}

// Whoever asks has begun to wait for an answer that does not come: tell it to stop.
os::Co<> stop_at_first_caller(os::Loop& loop, int listener, os::StopSource stop) {
  co_await loop.readable(listener);
  stop.stop();
}

TEST_F(JoiningTest, AJoinThatIsToldToStopEndsWithoutTryingTheOtherManagers) {
  run([](T& t) -> os::Co<> {
    const auto silent = os::listen_tcp("127.0.0.1:0");
    CHECK(silent, "{}", silent.error().message);
    api::JoinRequest request = request_to(t, t.cluster()->join_token_worker);
    request.remote_addresses.insert(request.remote_addresses.begin(),
                                    fmt::format("127.0.0.1:{}", silent->port));
    const os::StopSource stop;
    os::spawn(stop_at_first_caller(t.loop, silent->fd.get(), stop));
    const auto joined =
        co_await join_swarm(t.loop, t.log, std::move(request), std::string(), stop.token());
    EXPECT_EQ(joined ? ErrorCode::Internal : joined.error().code, ErrorCode::Cancelled);
    EXPECT_EQ(t.manager->store()->read().nodes().size(), 1u) << "nothing half-joined";
  });
}

TEST_F(JoiningTest, AddressesThatCannotBeMeantOrDoNotAnswer) {
  run([](T& t) -> os::Co<> {
    const std::string token = t.cluster()->join_token_worker;
    api::JoinRequest request = request_to(t, token);
    request.remote_addresses.clear();
    EXPECT_EQ((co_await refusal(t, request)).message, "at least 1 RemoteAddr is required to join");
    request.remote_addresses = {":2377"};
    EXPECT_THAT((co_await refusal(t, request)).message, HasSubstr("names no host"));
    request.remote_addresses = {"10.0.0.1:99999"};
    EXPECT_THAT((co_await refusal(t, request)).message, HasSubstr("invalid port"));
    request = request_to(t, token);
    request.advertise_address = "no-such-interface";
    EXPECT_THAT((co_await refusal(t, request)).message, HasSubstr("advertise address must be"));
    request = request_to(t, token);
    request.data_path_address = "no-such-interface";
    EXPECT_THAT((co_await refusal(t, request)).message, HasSubstr("data path address must be"));
    request = request_to(t, token);
    request.remote_addresses = {kNobody};
    const Error silent = co_await refusal(t, request);
    EXPECT_EQ(silent.code, ErrorCode::Unavailable);
    EXPECT_THAT(silent.message, HasSubstr(kNobody));
  });
}

}  // namespace
}  // namespace shoal::daemon
