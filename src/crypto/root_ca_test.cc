#include "crypto/root_ca.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

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
