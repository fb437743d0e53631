#include "crypto/certificate.h"

#include <gmock/gmock.h>
#include <openssl/x509v3.h>

#include "base/check.h"
#include "base/rng.h"
#include "crypto/key.h"
#include "crypto/openssl.h"
#include "crypto/root_ca.h"

namespace shoal::crypto {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

constexpr Time kNow{1'790'000'000'000'000'000};
constexpr Duration kDay = 24h;

model::CertificateTerms terms(model::NodeRole role = model::NodeRole::Worker) {
  return {{model::NodeId::of("node1"), role, model::ClusterId::of("cluster1")},
          {std::string(model::role_unit(role)), "node1"},
          90 * kDay};
}

struct Swarm {
  RootCa root = *make_root_ca(kNow);
  Signer signer{root.certificate_pem, root.key_pem};

  std::string leaf(const model::CertificateTerms& wanted = terms(), Time now = kNow) const {
    auto pem = issue_certificate(signer, *make_csr(*make_key_pem()), wanted, now);
    CHECK(pem, "{}", pem ? "" : pem.error().message);
    return *pem;
  }
};

template <class T>
std::string error_of(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

std::vector<std::string> dns_names(X509* certificate) {
  std::vector<std::string> names;
  const std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>> list(static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; i < sk_GENERAL_NAME_num(list.get()); ++i) {
    const ASN1_IA5STRING* text = sk_GENERAL_NAME_value(list.get(), i)->d.dNSName;
    names.emplace_back(reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
                       size_t(ASN1_STRING_length(text)));
  }
  return names;
}

// A request with this key, signed by `signing_key`.
std::string request_with(EVP_PKEY* key, EVP_PKEY* signing_key) {
  const Request request(X509_REQ_new());
  const Memory memory = memory_for_writing();
  X509_REQ_set_pubkey(request.get(), key);
  X509_REQ_sign(request.get(), signing_key, EVP_sha256());
  PEM_write_bio_X509_REQ(memory.get(), request.get());
  return text_of(memory.get());
}

// A certificate with this subject, which the swarm's root signs whatever it says.
std::string with_subject(const Swarm& swarm,
                         const std::vector<std::pair<const char*, std::string>>& subject) {
  const Key key(EVP_EC_gen("P-256"));
  const Certificate root = std::move(read_certificates(swarm.root.certificate_pem)->front());
  const Key root_key = std::move(*read_key(swarm.root.key_pem));
  const Certificate leaf(X509_new());
  for (const auto& [field, text] : subject) add_subject_entry(leaf.get(), field, text);
  set_random_serial(leaf.get());
  set_validity(leaf.get(), kNow, kNow + kDay);
  X509_set_issuer_name(leaf.get(), X509_get_subject_name(root.get()));
  X509_set_pubkey(leaf.get(), key.get());
  X509_sign(leaf.get(), root_key.get(), EVP_sha256());
  const Memory memory = memory_for_writing();
  PEM_write_bio_X509(memory.get(), leaf.get());
  return text_of(memory.get());
}

TEST(Certificate, SaysWhoTheNodeIsAndForHowLong) {
  const Swarm swarm;
  const auto info = read_certificate(swarm.leaf(terms(model::NodeRole::Manager)));
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->identity, terms(model::NodeRole::Manager).identity);
  EXPECT_EQ(info->not_before, kNow - 1h);
  EXPECT_EQ(info->not_after, kNow + 90 * kDay);
  EXPECT_THAT(info->serial, testing::MatchesRegex("[4-7][0-9a-f]{31}"));
  EXPECT_NE(info->serial, read_certificate(swarm.leaf())->serial);
}

TEST(Certificate, IsTheSameInDer) {
  const Swarm swarm;
  const std::string pem = swarm.leaf();
  const std::string bytes = der(read_certificates(pem)->front().get(), i2d_X509);
  const auto info = read_certificate(bytes);
  ASSERT_TRUE(info) << info.error().message;
  EXPECT_EQ(info->serial, read_certificate(pem)->serial);
  EXPECT_EQ(error_of(read_certificate(bytes + "x")), "bytes follow the certificate");
}

TEST(Certificate, HasWhatAServerAndAClientNeed) {
  const Swarm swarm;
  const auto certificates = read_certificates(swarm.leaf(terms(model::NodeRole::Manager)));
  X509* leaf = certificates->front().get();
  EXPECT_THAT(dns_names(leaf), ElementsAre("swarm-manager", "node1"));
  EXPECT_EQ(X509_check_ca(leaf), 0);
  EXPECT_EQ(X509_check_purpose(leaf, X509_PURPOSE_SSL_CLIENT, 0), 1);
  EXPECT_EQ(X509_check_purpose(leaf, X509_PURPOSE_SSL_SERVER, 0), 1);
  EXPECT_EQ(X509_get_key_usage(leaf), uint32_t(KU_DIGITAL_SIGNATURE | KU_KEY_ENCIPHERMENT));
  EXPECT_EQ(X509_get_signature_nid(leaf), NID_ecdsa_with_SHA256);
  const Certificate root = std::move(read_certificates(swarm.root.certificate_pem)->front());
  ASSERT_TRUE(X509_get0_authority_key_id(leaf));
  EXPECT_EQ(
      ASN1_OCTET_STRING_cmp(X509_get0_authority_key_id(leaf), X509_get0_subject_key_id(root.get())),
      0);
  EXPECT_TRUE(X509_get0_subject_key_id(leaf));
}

TEST(Certificate, HoldsTheKeyOfTheRequestAndNothingElseOfIt) {
  const Swarm swarm;
  const std::string key_pem = *make_key_pem();
  const Key key = std::move(*read_key(key_pem));
  const Request request(X509_REQ_new());
  const auto* wish = reinterpret_cast<const unsigned char*>("admin");
  X509_NAME_add_entry_by_txt(X509_REQ_get_subject_name(request.get()), "CN", MBSTRING_ASC, wish, -1,
                             -1, 0);
  X509_REQ_set_pubkey(request.get(), key.get());
  X509_REQ_sign(request.get(), key.get(), EVP_sha256());
  const Memory memory = memory_for_writing();
  PEM_write_bio_X509_REQ(memory.get(), request.get());
  const auto pem = issue_certificate(swarm.signer, text_of(memory.get()), terms(), kNow);
  ASSERT_TRUE(pem) << pem.error().message;
  EXPECT_EQ(read_certificate(*pem)->identity.node_id.view(), "node1");
  const auto certificates = read_certificates(*pem);
  EXPECT_EQ(X509_check_private_key(certificates->front().get(), key.get()), 1);
}

TEST(Certificate, IsIssuedForTheKeysThatSwarmsAccept) {
  const Swarm swarm;
  for (const Key& key :
       {Key(EVP_EC_gen("P-256")), Key(EVP_EC_gen("P-384")), Key(EVP_RSA_gen(2048))}) {
    const auto pem =
        issue_certificate(swarm.signer, request_with(key.get(), key.get()), terms(), kNow);
    EXPECT_TRUE(pem) << error_of(pem);
  }
}

TEST(Certificate, IsNotIssuedForABadRequest) {
  const Swarm swarm;
  const Key good(EVP_EC_gen("P-256")), other(EVP_EC_gen("P-256")), curve(EVP_EC_gen("P-521")),
      edwards(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), small(EVP_RSA_gen(1024));
  const std::string valid = request_with(good.get(), good.get());
  std::string damaged = valid;
  damaged[valid.size() / 2] ^= 1;
  const struct {
    std::string csr;
    const char* reason;
  } cases[] = {
      {"", "no certificate request"},
      {"random text", "no certificate request"},
      {valid.substr(0, valid.size() / 2), "no certificate request"},
      {swarm.root.certificate_pem, "no certificate request"},
      {std::string(kPemBytesMax + 1, 'x'), "too long"},
      {request_with(good.get(), other.get()), "not signed with its own key"},
      {request_with(curve.get(), curve.get()), "curve is secp521r1"},
      {request_with(small.get(), small.get()), "1024 bits"},
      {damaged, "request"},
  };
  for (const auto& [csr, reason] : cases) {
    const auto pem = issue_certificate(swarm.signer, csr, terms(), kNow);
    ASSERT_FALSE(pem) << reason;
    EXPECT_EQ(pem.error().code, ErrorCode::InvalidArgument);
    EXPECT_THAT(pem.error().message, HasSubstr(reason));
  }
  EXPECT_THAT(error_of(issue_certificate(swarm.signer, request_with(edwards.get(), edwards.get()),
                                         terms(), kNow)),
              HasSubstr("certificate request"));
}

TEST(Certificate, IsNotIssuedByHalvesThatDoNotBelongTogether) {
  const Swarm swarm, other;
  const Signer mixed{swarm.root.certificate_pem, other.root.key_pem};
  EXPECT_EQ(error_of(issue_certificate(mixed, *make_csr(*make_key_pem()), terms(), kNow)),
            "the private key is not that of the root certificate");
}

TEST(Certificate, ANameIsNeverMoreThanAName) {
  const Swarm swarm;
  auto wanted = terms();
  wanted.dns_names = {"a,DNS:swarm-manager", "email:copy"};
  const auto certificates = read_certificates(swarm.leaf(wanted));
  EXPECT_THAT(dns_names(certificates->front().get()),
              ElementsAre("a,DNS:swarm-manager", "email:copy"));
}

TEST(Certificate, OfNobodyInASwarmIsRefused) {
  const Swarm swarm;
  const struct {
    std::vector<std::pair<const char*, std::string>> subject;
    const char* reason;
  } cases[] = {
      {{}, "no CN"},
      {{{"CN", "n"}, {"OU", "swarm-worker"}}, "no O"},
      {{{"CN", "n"}, {"O", "c"}}, "no OU"},
      {{{"CN", "n"}, {"CN", "m"}, {"OU", "swarm-worker"}, {"O", "c"}}, "more than one CN"},
      {{{"CN", "n"}, {"OU", "swarm-worker"}, {"OU", "swarm-manager"}, {"O", "c"}},
       "more than one OU"},
      {{{"CN", "Not An Id"}, {"OU", "swarm-worker"}, {"O", "c"}}, "no node id"},
      {{{"CN", std::string(30, 'a')}, {"OU", "swarm-worker"}, {"O", "c"}}, "no node id"},
      {{{"CN", "n"}, {"OU", "swarm-worker"}, {"O", "../c"}}, "no swarm's id"},
      {{{"CN", "n"}, {"OU", "swarm-admin"}, {"O", "c"}}, "no role"},
  };
  for (const auto& [subject, reason] : cases) {
    const auto info = read_certificate(with_subject(swarm, subject));
    ASSERT_FALSE(info) << reason;
    EXPECT_EQ(info.error().code, ErrorCode::PermissionDenied);
    EXPECT_THAT(info.error().message, HasSubstr(reason));
  }
  EXPECT_THAT(error_of(read_certificate(swarm.root.certificate_pem)), HasSubstr("no OU"));
}

TEST(Certificate, DamagedBytesNeverCrash) {
  const Swarm swarm;
  const std::string pem = swarm.leaf();
  const std::string bytes = der(read_certificates(pem)->front().get(), i2d_X509);
  Rng rng(7);
  for (const std::string& good : {pem, bytes}) {
    for (int round = 0; round < 500; ++round) {
      std::string bad = good;
      for (int i = 0; i < 3; ++i) bad[rng.below(bad.size())] = char(rng.next());
      (void)read_certificate(bad);
      (void)verify_chain(bad, swarm.root.certificate_pem, kNow);
      (void)issue_certificate(swarm.signer, bad, terms(), kNow);
      EXPECT_FALSE(read_certificate(bad.substr(0, rng.below(good.size() - 60))));
    }
  }
}

TEST(VerifyChain, HoldsOnlyForTheSwarmsOwnInItsTime) {
  const Swarm swarm, other;
  const std::string leaf = swarm.leaf(), root = swarm.root.certificate_pem;
  EXPECT_EQ(error_of(verify_chain(leaf, root, kNow)), "no error");
  EXPECT_EQ(error_of(verify_chain(leaf, other.root.certificate_pem + root, kNow)), "no error");
  EXPECT_EQ(error_of(verify_chain(leaf, root, kNow - 59min)), "no error");
  EXPECT_THAT(error_of(verify_chain(leaf, root, kNow - 61min)), HasSubstr("not yet valid"));
  EXPECT_THAT(error_of(verify_chain(leaf, root, kNow + 91 * kDay)), HasSubstr("has expired"));
  EXPECT_THAT(error_of(verify_chain(leaf, other.root.certificate_pem, kNow)),
              HasSubstr("unable to get local issuer"));
  EXPECT_EQ(error_of(verify_chain("", root, kNow)), "no certificate in PEM form");
  EXPECT_EQ(verify_chain(leaf, other.root.certificate_pem, kNow).error().code,
            ErrorCode::PermissionDenied);
}

TEST(VerifyChain, ALeafSignsNoFurtherLeaf) {
  const Swarm swarm;
  const std::string key = *make_key_pem();
  const auto leaf = issue_certificate(swarm.signer, *make_csr(key), terms(), kNow);
  const auto forged = issue_certificate({*leaf, key}, *make_csr(*make_key_pem()),
                                        terms(model::NodeRole::Manager), kNow);
  ASSERT_TRUE(forged);
  EXPECT_FALSE(verify_chain(*forged + *leaf, swarm.root.certificate_pem, kNow));
}

TEST(ReadRoot, ShowsTheFirstOfABundleAndKeepsItsText) {
  const Swarm swarm, other;
  const std::string bundle = swarm.root.certificate_pem + other.root.certificate_pem;
  const auto tls = read_root(bundle);
  ASSERT_TRUE(tls) << tls.error().message;
  EXPECT_EQ(tls->trust_root, bundle);
  EXPECT_EQ(tls->issuer_subject, swarm.root.tls.issuer_subject);
  EXPECT_EQ(tls->issuer_public_key, swarm.root.tls.issuer_public_key);
}

TEST(ReadRoot, RefusesWhatIsNoRoot) {
  const Swarm swarm;
  std::string many, damaged = swarm.root.certificate_pem;
  for (size_t i = 0; i <= kBundleMax; ++i) many += swarm.root.certificate_pem;
  damaged[damaged.size() / 2] = '!';
  EXPECT_EQ(error_of(read_root("")), "no certificate in PEM form");
  EXPECT_EQ(error_of(read_root(swarm.leaf())), "a root is no certificate authority");
  EXPECT_EQ(error_of(read_root(swarm.root.certificate_pem + swarm.leaf())),
            "a root is no certificate authority");
  EXPECT_EQ(error_of(read_root(many)), "more than 16 certificates");
  EXPECT_EQ(error_of(read_root(std::string(kPemBytesMax + 1, '-'))),
            "the certificates are too long");
  EXPECT_THAT(error_of(read_root(damaged)), HasSubstr("cannot be read"));
}

TEST(Key, IsReadBackAndNeverComesTwice) {
  const std::string key = *make_key_pem();
  EXPECT_THAT(key, testing::StartsWith("-----BEGIN PRIVATE KEY-----"));
  EXPECT_NE(key, *make_key_pem());
  EXPECT_TRUE(make_csr(key));
  EXPECT_EQ(error_of(make_csr("no key")), "no private key in PEM form");
  EXPECT_EQ(error_of(make_csr(std::string(kPemBytesMax + 1, 'k'))), "the private key is too long");
}

TEST(Key, AnEncryptedOneAsksNobodyForAPassword) {
  const Key key(EVP_EC_gen("P-256"));
  const Memory memory = memory_for_writing();
  char password[] = "password";
  PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), EVP_aes_256_cbc(), password, 8, nullptr,
                                nullptr);
  EXPECT_EQ(error_of(make_csr(text_of(memory.get()))), "no private key in PEM form");
}

TEST(Key, WipingLeavesNothing) {
  std::string secret = "a secret that is long enough to live on the heap";
  const char* place = secret.data();
  const size_t size = secret.size();
  wipe(secret);
  EXPECT_TRUE(secret.empty());
  EXPECT_EQ(std::string(place, 8), std::string(8, '\0')) << size;
}

TEST(Errors, LeaveNothingBehindForTheThreadsNextConnection) {
  (void)read_certificate("nonsense");
  (void)make_csr("nonsense");
  (void)read_root("nonsense");
  EXPECT_EQ(ERR_peek_error(), 0u);
}

}  // namespace
}  // namespace shoal::crypto
