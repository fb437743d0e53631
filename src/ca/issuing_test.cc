#include "ca/issuing.h"

#include <gmock/gmock.h>

#include "ca/authorise.h"
#include "ca/join_token.h"
#include "ca/renewal.h"
#include "store/testing.h"

namespace shoal::ca {
namespace {

using model::NodeRole;
using testing::ElementsAre;

model::Cluster cluster() {
  model::Cluster swarm;
  swarm.id = model::ClusterId::of("swarm1");
  swarm.spec.annotations.name = "default";
  swarm.join_token_worker = make_join_token(std::string(32, 'd'), std::string(16, 'w'));
  swarm.join_token_manager = make_join_token(std::string(32, 'd'), std::string(16, 'm'));
  return swarm;
}

// A swarm of a manager "boss" and a worker "hand"; "was" is a worker that was a manager.
struct Members : store::Swarm {
  Members() {
    create(cluster());
    for (const auto& [id, role] : {std::pair{"boss", NodeRole::Manager},
                                   {"hand", NodeRole::Worker},
                                   {"was", NodeRole::Worker}}) {
      model::Node node;
      node.id = model::NodeId::of(id);
      node.role = role;
      node.spec.role = role;
      create(node);
    }
  }
};

model::NodeIdentity peer(const char* node, NodeRole role, const char* swarm = "swarm1") {
  return {model::NodeId::of(node), role, model::ClusterId::of(swarm)};
}

TEST(TermsFor, AManagerServesUnderThreeNames) {
  const auto terms = terms_for(cluster(), model::NodeId::of("boss"), NodeRole::Manager);
  EXPECT_EQ(terms.identity, peer("boss", NodeRole::Manager));
  EXPECT_THAT(terms.dns_names, ElementsAre("swarm-manager", "swarm-ca", "boss"));
  EXPECT_EQ(terms.lifetime, 90 * 24h);
}

TEST(TermsFor, AWorkerIsNeverTakenForAManager) {
  const auto terms = terms_for(cluster(), model::NodeId::of("hand"), NodeRole::Worker);
  EXPECT_THAT(terms.dns_names, ElementsAre("swarm-worker", "hand"));
}

TEST(TermsFor, TheLifetimeIsTheClustersWithinItsBounds) {
  const struct {
    Duration expiry;
    Duration lifetime;
  } cases[] = {{2h, 2h},
               {0h, kLifetimeMin},
               {-5h, kLifetimeMin},
               {59min, kLifetimeMin},
               {Duration::max(), kLifetimeMax}};
  for (const auto& [expiry, lifetime] : cases) {
    model::Cluster swarm = cluster();
    swarm.spec.node_cert_expiry = expiry;
    EXPECT_EQ(terms_for(swarm, model::NodeId::of("n"), NodeRole::Worker).lifetime, lifetime);
  }
}

TEST(TermsOfJoining, TheTokenDecidesTheRole) {
  const model::Cluster swarm = cluster();
  const auto id = model::NodeId::of("fresh");
  const auto worker = terms_of_joining(swarm, swarm.join_token_worker, id);
  const auto manager = terms_of_joining(swarm, swarm.join_token_manager, id);
  ASSERT_TRUE(worker && manager);
  EXPECT_EQ(worker->identity, peer("fresh", NodeRole::Worker));
  EXPECT_EQ(manager->identity, peer("fresh", NodeRole::Manager));
  EXPECT_EQ(terms_of_joining(swarm, "SWMTKN-1-x", id).error().code, ErrorCode::InvalidArgument);
}

TEST(TermsOfRenewal, KeepTheNodeAndTakeItsStoredRole) {
  const Members swarm;
  const auto same = terms_of_renewal(swarm.read(), peer("boss", NodeRole::Manager));
  ASSERT_TRUE(same) << same.error().message;
  EXPECT_EQ(same->identity, peer("boss", NodeRole::Manager));
  const auto demoted = terms_of_renewal(swarm.read(), peer("was", NodeRole::Manager));
  ASSERT_TRUE(demoted);
  EXPECT_EQ(demoted->identity, peer("was", NodeRole::Worker));
  const auto promoted = terms_of_renewal(swarm.read(), peer("boss", NodeRole::Worker));
  ASSERT_TRUE(promoted);
  EXPECT_EQ(promoted->identity, peer("boss", NodeRole::Manager));
}

TEST(TermsOfRenewal, NotForStrangers) {
  const Members swarm;
  EXPECT_EQ(terms_of_renewal(swarm.read(), peer("gone", NodeRole::Worker)).error().code,
            ErrorCode::NotFound);
  EXPECT_EQ(terms_of_renewal(swarm.read(), peer("boss", NodeRole::Manager, "swarm2")).error().code,
            ErrorCode::PermissionDenied);
}

TEST(Authorise, ByVerdict) {
  const Members swarm;
  const struct {
    model::NodeIdentity who;
    Audience audience;
    const char* verdict;
  } cases[] = {
      {peer("hand", NodeRole::Worker), Audience::AnyNode, ""},
      {peer("boss", NodeRole::Manager), Audience::AnyNode, ""},
      {peer("boss", NodeRole::Manager), Audience::Managers, ""},
      {peer("hand", NodeRole::Worker), Audience::Managers, "node hand is not a manager"},
      {peer("was", NodeRole::Manager), Audience::AnyNode, ""},
      {peer("was", NodeRole::Manager), Audience::Managers, "node was is not a manager"},
      {peer("boss", NodeRole::Worker), Audience::Managers, "node boss is not a manager"},
      {peer("gone", NodeRole::Worker), Audience::AnyNode, "node gone is not part of this swarm"},
      {peer("gone", NodeRole::Manager), Audience::Managers, "node gone is not part of this swarm"},
      {peer("boss", NodeRole::Manager, "swarm2"), Audience::AnyNode,
       "the certificate of node boss is of swarm swarm2, this is swarm swarm1"},
  };
  for (const auto& [who, audience, verdict] : cases) {
    const auto member = authorise(swarm.read(), who, audience);
    EXPECT_EQ(member ? "" : member.error().message, verdict);
    EXPECT_TRUE(!member || member->node->id == who.node_id);
  }
}

TEST(Authorise, NobodyBeforeASwarmIsLoaded) {
  EXPECT_EQ(
      authorise(store::Tables(), peer("boss", NodeRole::Manager), Audience::AnyNode).error().code,
      ErrorCode::Unavailable);
}

constexpr Time kFrom{1'790'000'000'000'000'000};

TEST(RenewalTime, LiesBetween50And80PercentOfTheLife) {
  Rng rng(1);
  Time earliest = Time::max(), latest{0};
  for (int i = 0; i < 1000; ++i) {
    const Time at = renewal_time(kFrom, kFrom + 100h, kFrom + 1h, rng);
    earliest = std::min(earliest, at);
    latest = std::max(latest, at);
  }
  EXPECT_GE(earliest, kFrom + 50h);
  EXPECT_LT(earliest, kFrom + 51h);
  EXPECT_LE(latest, kFrom + 80h);
  EXPECT_GT(latest, kFrom + 79h);
}

TEST(RenewalTime, IsNowWhenItCannotWait) {
  Rng rng(1);
  for (const Time now : {kFrom - 1h, kFrom + 80h + 1s, kFrom + 100h, kFrom + 500h}) {
    EXPECT_EQ(renewal_time(kFrom, kFrom + 100h, now, rng), now);
  }
}

}  // namespace
}  // namespace shoal::ca
