#include "ca/join_token.h"

#include <gtest/gtest.h>

namespace shoal::ca {
namespace {

TEST(JoinToken, HasSwarmsShape) {
  const std::string token = make_join_token(std::string(32, '\xff'), std::string(16, '\0'));
  // 2^256 - 1 and 0 in base 36.
  EXPECT_EQ(token,
            "SWMTKN-1-6dp5qcb22im238nr3wvp0ic7q99w035jmy2iw7i6n43d37jtof-"
            "0000000000000000000000000");
}

TEST(JoinToken, GivesBackWhatItWasMadeOf) {
  const std::string digest = "0123456789abcdef0123456789ABCDEF";
  const std::string token = make_join_token(digest, "sixteen bytes!!!");
  const auto parsed = parse_join_token(token);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->root_digest, digest);
  EXPECT_EQ(parsed->secret, token.substr(token.size() - kSecretDigits));
}

TEST(JoinToken, RefusesEverythingElse) {
  const std::string good = make_join_token(std::string(32, 'd'), std::string(16, 's'));
  std::string too_large = good;
  too_large.replace(9, kDigestDigits, std::string(kDigestDigits, 'z'));
  std::string capital = good;
  capital[12] = 'A';
  for (const std::string& bad :
       {std::string(), std::string("SWMTKN-1-"), good.substr(0, good.size() - 1), good + "0",
        "SWMTKN-2-" + good.substr(9), too_large, capital}) {
    EXPECT_FALSE(parse_join_token(bad)) << bad;
  }
}

TEST(TokenRole, IsThatOfTheTokenOfThisSwarm) {
  const std::string digest(32, 'd');
  model::Cluster cluster;
  cluster.join_token_worker = make_join_token(digest, std::string(16, 'w'));
  cluster.join_token_manager = make_join_token(digest, std::string(16, 'm'));
  EXPECT_EQ(token_role(cluster, cluster.join_token_worker), model::NodeRole::Worker);
  EXPECT_EQ(token_role(cluster, cluster.join_token_manager), model::NodeRole::Manager);

  const Error refused{ErrorCode::InvalidArgument,
                      "A valid join token is necessary to join this cluster"};
  for (const std::string& bad :
       {std::string(), std::string("SWMTKN-1-"), cluster.join_token_worker + "0",
        cluster.join_token_worker.substr(0, 84), make_join_token(digest, std::string(16, 'x')),
        make_join_token(std::string(32, 'e'), std::string(16, 'w'))}) {
    const auto role = token_role(cluster, bad);
    ASSERT_FALSE(role) << bad;
    EXPECT_EQ(role.error(), refused);
  }
}

TEST(TokenRole, AClusterWithoutTokensLetsNobodyIn) {
  EXPECT_FALSE(token_role(model::Cluster(), ""));
}

}  // namespace
}  // namespace shoal::ca
