// Which certificates below a root that a Docker Swarm is changing are accepted. The ways to a root
// that OpenSSL finds by itself are in certificate_test.cc and root_ca_test.cc.
#include "crypto/cross_signed.h"

#include <gmock/gmock.h>
#include <openssl/x509v3.h>

#include "base/base64.h"
#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/testing.h"

namespace shoal::crypto {
namespace {

using testing::CertificateParts;
using ::testing::HasSubstr;
using testing::make_certificate;

constexpr Time kNow{1'790'000'000'000'000'000};
constexpr Duration kDay = 24h;
constexpr const char* kSelfSigned = "self-signed certificate in certificate chain";

CertificateParts parts() {
  return {.from = kNow - 1h, .until = kNow + 1000 * kDay};
}

Key new_key() {
  return Key(EVP_EC_gen("P-256"));
}

// A swarm whose root changes from `before` to `after`.
struct CrossSigned : ::testing::Test {
  std::string cross(const CertificateParts& of = parts()) const {
    return make_certificate(of, after_key.get(), before_key.get());
  }
  // A node's certificate from the new root.
  std::string leaf(Duration lifetime = 90 * kDay) const {
    const auto after_key_pem = write_key(after_key.get());
    return *issue_certificate({after, *after_key_pem}, *make_csr(*make_key_pem()),
                              {.identity = {model::NodeId::of("n1"), model::NodeRole::Worker,
                                            model::ClusterId::of("swarm1")},
                               .dns_names = {},
                               .lifetime = lifetime},
                              kNow);
  }
  std::string verdict(const std::string& chain, Time now = kNow) const {
    return verdict_of(chain, before, now);
  }
  static std::string verdict_of(const std::string& chain, const std::string& roots, Time now) {
    const auto verified = verify_chain(chain, roots, now);
    return verified ? "accepted" : verified.error().message;
  }

  const Key before_key = new_key(), after_key = new_key();
  const std::string before = make_certificate(parts(), before_key.get(), before_key.get());
  const std::string after = make_certificate(parts(), after_key.get(), after_key.get());
};

TEST_F(CrossSigned, ANodeThatKnowsOnlyTheOldRootAcceptsTheNewOnesCertificates) {
  EXPECT_EQ(verdict(leaf() + cross()), "accepted");
  EXPECT_EQ(verdict_of(leaf() + cross(), after + before, kNow), "accepted");
  EXPECT_EQ(verdict_of(leaf() + cross(), after, kNow), "accepted") << "and once it is the root";
  const Key other_key = new_key();
  const std::string other = make_certificate(parts(), other_key.get(), other_key.get());
  EXPECT_EQ(verdict_of(leaf() + cross(), other + before, kNow), "accepted") << "of one name, too";
}

TEST_F(CrossSigned, OpenSslAloneRefusesIt) {
  // Once it does not, all of this can go.
  const auto chain = read_certificates(leaf() + cross());
  const auto root = read_certificates(before);
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  X509_STORE_add_cert(store.get(), root->front().get());
  STACK_OF(X509)* behind = sk_X509_new_null();
  sk_X509_push(behind, chain->back().get());
  for (const bool with_us : {false, true}) {
    const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
    X509_STORE_CTX_init(check.get(), store.get(), chain->front().get(), behind);
    X509_STORE_CTX_set_time(check.get(), 0, kNow.unix_ns / 1'000'000'000);
    ERR_clear_error();
    const int accepted =
        with_us ? verify_with_cross_signed(check.get(), nullptr) : X509_verify_cert(check.get());
    EXPECT_EQ(accepted, with_us ? 1 : 0);
    EXPECT_EQ(X509_STORE_CTX_get_error(check.get()),
              with_us ? X509_V_OK : X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN);
    EXPECT_FALSE(with_us && ERR_peek_error() != 0) << "left for the thread's next connection";
  }
  sk_X509_free(behind);
}

TEST_F(CrossSigned, DatesHoldForAllThree) {
  CertificateParts past = parts(), future = parts();
  past.until = kNow - 1s;
  future.from = kNow + 1s;
  EXPECT_THAT(verdict(leaf() + cross(past)), HasSubstr("certificate has expired"));
  EXPECT_THAT(verdict(leaf() + cross(future)), HasSubstr("certificate is not yet valid"));
  EXPECT_THAT(verdict(leaf(1h) + cross(), kNow + 2h), HasSubstr("certificate has expired"));
  EXPECT_THAT(verdict(leaf() + cross(), kNow - 2h), HasSubstr("self-signed"));
  const std::string expired = make_certificate(past, before_key.get(), before_key.get());
  EXPECT_THAT(verdict_of(leaf() + cross(), expired, kNow), HasSubstr(kSelfSigned));
}

TEST_F(CrossSigned, OnlyARootSignsANewRoot) {
  const Key other_key = new_key();
  const std::string foreign = make_certificate(parts(), after_key.get(), other_key.get());
  EXPECT_THAT(verdict(leaf() + foreign), HasSubstr(kSelfSigned));
  EXPECT_THAT(verdict(leaf() + after), HasSubstr(kSelfSigned)) << "the new root by itself";
  EXPECT_THAT(verdict(leaf() + before), HasSubstr("unable to get"));
  EXPECT_THAT(verdict(leaf()), HasSubstr("unable to get"));
  // The old root's key under another name.
  CertificateParts named = parts();
  named.subject = named.issuer = "another";
  const std::string another = make_certificate(named, before_key.get(), before_key.get());
  EXPECT_THAT(verdict_of(leaf() + cross(), another, kNow), HasSubstr(kSelfSigned));
}

TEST_F(CrossSigned, AWrongSignatureAnywhereIsRefused) {
  const auto damage = [](const std::string& pem) {
    std::string bytes = der(read_certificates(pem)->front().get(), i2d_X509);
    bytes.back() = char(bytes.back() ^ 1);
    return "-----BEGIN CERTIFICATE-----\n" + to_base64(bytes) + "\n-----END CERTIFICATE-----\n";
  };
  EXPECT_THAT(verdict(leaf() + damage(cross())), HasSubstr(kSelfSigned));
  EXPECT_THAT(verdict(damage(leaf()) + cross()), HasSubstr("certificate signature failure"));
  // Signed by somebody else who has the new root's name.
  const Key other_key = new_key();
  const CertificateParts of_leaf{.subject = "n1",
                                 .from = kNow - 1h,
                                 .until = kNow + kDay,
                                 .basic_constraints = "critical,CA:FALSE",
                                 .key_usage = "critical,digitalSignature"};
  const Key leaf_key = new_key();
  const std::string forged = make_certificate(of_leaf, leaf_key.get(), other_key.get());
  EXPECT_THAT(verdict(forged + cross()), HasSubstr("certificate signature failure"));
}

TEST_F(CrossSigned, WhatIsNoAuthoritySignsNothing) {
  CertificateParts leaf_like = parts(), no_signer = parts(), not_told = parts();
  leaf_like.basic_constraints = "critical,CA:FALSE";
  no_signer.key_usage = "critical,digitalSignature";
  not_told.basic_constraints.clear();
  for (const auto& parts_of : {leaf_like, no_signer, not_told}) {
    const std::string refused = verdict(leaf() + cross(parts_of));
    EXPECT_NE(refused, "accepted") << parts_of.basic_constraints << parts_of.key_usage;
    // Nor as the root.
    const std::string root = make_certificate(parts_of, before_key.get(), before_key.get());
    EXPECT_NE(verdict_of(leaf() + cross(), root, kNow), "accepted");
  }
  // A node's own certificate from the old root, used as if it were one.
  const Key node_key = new_key();
  leaf_like.subject = "n2";
  const std::string node = make_certificate(leaf_like, node_key.get(), before_key.get());
  CertificateParts below = leaf_like;
  below.subject = "n1";
  below.issuer = "n2";
  const Key leaf_key = new_key();
  EXPECT_NE(verdict(make_certificate(below, leaf_key.get(), node_key.get()) + node), "accepted");
}

TEST_F(CrossSigned, OtherPurposesWeakHashesAndLimitedRootsAreRefused) {
  CertificateParts for_code = parts(), weak = parts(), limited = parts();
  for_code.extended_key_usage = "codeSigning";
  weak.digest = EVP_sha1();
  limited.name_constraints = "critical,permitted;DNS:example.org";
  EXPECT_THAT(verdict(leaf() + cross(for_code)), HasSubstr(kSelfSigned));
  EXPECT_THAT(verdict(leaf() + cross(weak)), HasSubstr(kSelfSigned));
  for (const auto& parts_of : {for_code, limited}) {
    const std::string root = make_certificate(parts_of, before_key.get(), before_key.get());
    EXPECT_THAT(verdict_of(leaf() + cross(), root, kNow), HasSubstr(kSelfSigned));
  }
  const Key weak_key(EVP_EC_gen("prime192v1"));
  const std::string weak_root = make_certificate(parts(), weak_key.get(), weak_key.get());
  const std::string below = make_certificate(parts(), after_key.get(), weak_key.get());
  EXPECT_THAT(verdict_of(leaf() + below, weak_root, kNow), HasSubstr(kSelfSigned));
  // The checked certificate's own purpose is still asked for.
  CertificateParts server = parts();
  server.subject = "n1";
  server.basic_constraints = "critical,CA:FALSE";
  server.key_usage = "critical,digitalSignature";
  server.extended_key_usage = "serverAuth";
  const Key leaf_key = new_key();
  EXPECT_THAT(verdict(make_certificate(server, leaf_key.get(), after_key.get()) + cross()),
              HasSubstr("purpose"));
}

TEST_F(CrossSigned, ThePathIsNoLongerAndHasNoLoops) {
  // The root that comes after the next one: signed by one that only is signed by a root.
  const Key last_key = new_key();
  const std::string last = make_certificate(parts(), last_key.get(), after_key.get());
  const std::string root = make_certificate(parts(), last_key.get(), last_key.get());
  const auto last_key_pem = write_key(last_key.get());
  const std::string far = *issue_certificate(
      {root, *last_key_pem}, *make_csr(*make_key_pem()),
      {.identity = {model::NodeId::of("n1"), model::NodeRole::Worker, model::ClusterId::of("s")},
       .dns_names = {},
       .lifetime = kDay},
      kNow);
  EXPECT_NE(verdict(far + last + cross()), "accepted");
  EXPECT_NE(verdict(far + cross() + last), "accepted");
  // Two that sign each other.
  const std::string back = make_certificate(parts(), last_key.get(), after_key.get());
  const std::string forth = make_certificate(parts(), after_key.get(), last_key.get());
  EXPECT_NE(verdict(leaf() + forth + back), "accepted");
  EXPECT_NE(verdict(leaf() + forth + back + forth + cross()), "accepted");
  // A cross-signed certificate by itself is no node's.
  EXPECT_NE(verdict(cross()), "accepted");
  EXPECT_NE(verdict(cross() + cross()), "accepted");
  // What stands elsewhere is not looked for.
  EXPECT_NE(verdict(leaf() + forth + cross()), "accepted");
}

}  // namespace
}  // namespace shoal::crypto
