#include "crypto/root_ca.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "crypto/key.h"
#include "crypto/random.h"

namespace shoal::crypto {
namespace {

constexpr Time kNow{1'790'000'000'000'000'000};

X509* parse(const std::string& pem) {
  BIO* memory = BIO_new_mem_buf(pem.data(), int(pem.size()));
  X509* certificate = PEM_read_bio_X509(memory, nullptr, nullptr, nullptr);
  BIO_free(memory);
  return certificate;
}

TEST(RootCa, IsASelfSignedAuthorityThatVerifiesItself) {
  const auto root = make_root_ca(kNow);
  ASSERT_TRUE(root) << root.error().message;
  X509* certificate = parse(root->certificate_pem);
  ASSERT_TRUE(certificate);
  EXPECT_EQ(X509_verify(certificate, X509_get0_pubkey(certificate)), 1);
  EXPECT_EQ(X509_check_ca(certificate), 1);
  time_t inside = kNow.unix_ns / 1'000'000'000;
  EXPECT_LT(X509_cmp_time(X509_get0_notBefore(certificate), &inside), 0);
  EXPECT_GT(X509_cmp_time(X509_get0_notAfter(certificate), &inside), 0);
  X509_free(certificate);
}

TEST(RootCa, ShowsItsIssuerInDer) {
  const auto root = make_root_ca(kNow);
  ASSERT_TRUE(root);
  EXPECT_EQ(root->tls.trust_root, root->certificate_pem);
  EXPECT_NE(root->tls.issuer_subject.find("swarm-ca"), std::string::npos);
  EXPECT_EQ(root->tls.issuer_public_key.size(), 91u);  // SubjectPublicKeyInfo of P-256
  EXPECT_NE(root->key_pem.find("PRIVATE KEY"), std::string::npos);
}

// A leaf of the new root with the cross-signed certificate behind it.
struct Rotated {
  RootCa before = *make_root_ca(kNow), after = *make_root_ca(kNow);
  Result<std::string> cross =
      cross_sign({before.certificate_pem, before.key_pem}, after.certificate_pem);
  std::string leaf;

  Rotated() {
    model::CertificateTerms terms;
    terms.identity = {model::NodeId::of("n1"), model::NodeRole::Worker,
                      model::ClusterId::of("swarm1")};
    terms.lifetime = 1h;
    leaf = *issue_certificate({after.certificate_pem, after.key_pem}, *make_csr(*make_key_pem()),
                              terms, kNow);
  }
};

TEST(RootCa, CrossSignedItIsTrustedByThoseWhoKnowTheOldRootOnly) {
  const Rotated r;
  ASSERT_TRUE(r.cross) << r.cross.error().message;
  EXPECT_FALSE(verify_chain(r.leaf, r.before.certificate_pem, kNow));
  EXPECT_TRUE(verify_chain(r.leaf + *r.cross, r.before.certificate_pem, kNow));
  EXPECT_TRUE(verify_chain(r.leaf + *r.cross, r.after.certificate_pem, kNow));
  EXPECT_TRUE(verify_chain(r.leaf, r.after.certificate_pem, kNow));
}

TEST(RootCa, TheIssuerOfACertificateIsInItsChainOrAmongTheRoots) {
  const Rotated r;
  const auto crossed = issuer_of(r.leaf + *r.cross, r.before.certificate_pem);
  ASSERT_TRUE(crossed) << crossed.error().message;
  EXPECT_EQ(crossed->issuer_public_key, r.after.tls.issuer_public_key);
  EXPECT_EQ(crossed->issuer_subject, r.after.tls.issuer_subject);
  EXPECT_EQ(crossed->trust_root, r.before.certificate_pem);
  EXPECT_EQ(issuer_of(r.leaf, r.after.certificate_pem)->issuer_public_key,
            r.after.tls.issuer_public_key);
  EXPECT_EQ(issuer_of(r.leaf, r.before.certificate_pem).error().code, ErrorCode::PermissionDenied);
  EXPECT_FALSE(issuer_of("nonsense", r.before.certificate_pem));
}

TEST(RootCa, AGivenRootMustComeWithItsOwnKey) {
  const Rotated r;
  EXPECT_EQ(read_root_ca(r.after.certificate_pem, r.after.key_pem)->tls, r.after.tls);
  EXPECT_EQ(read_root_ca(r.after.certificate_pem, r.before.key_pem).error().code,
            ErrorCode::InvalidArgument);
  EXPECT_FALSE(read_root_ca(r.leaf, r.after.key_pem)) << "no authority";
  EXPECT_FALSE(read_root_ca("", ""));
  EXPECT_EQ(
      cross_sign({r.before.certificate_pem, r.after.key_pem}, r.after.certificate_pem).error().code,
      ErrorCode::Internal);
}

TEST(RootCa, NeverComesTwice) {
  EXPECT_NE(make_root_ca(kNow)->certificate_pem, make_root_ca(kNow)->certificate_pem);
}

TEST(Random, IsAsLongAsAskedAndDiffers) {
  EXPECT_EQ(random_bytes(33).size(), 33u);
  EXPECT_NE(random_bytes(16), random_bytes(16));
  EXPECT_NE(random_seed(), random_seed());
}

}  // namespace
}  // namespace shoal::crypto
