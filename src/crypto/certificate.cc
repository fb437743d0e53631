#include "crypto/certificate.h"

#include <openssl/x509v3.h>
#include <time.h>

#include <algorithm>
#include <cctype>

#include "crypto/cross_signed.h"
#include "crypto/openssl.h"

namespace shoal::crypto {
namespace {

// The one value of a field of the subject; another number of values is nobody's certificate here.
Result<std::string> subject_field(X509_NAME* subject, int kind) {
  const char* name = OBJ_nid2sn(kind);
  const int place = X509_NAME_get_index_by_NID(subject, kind, -1);
  if (place < 0) return permission_denied("the certificate's subject has no {}", name);
  if (X509_NAME_get_index_by_NID(subject, kind, place) >= 0) {
    return permission_denied("the certificate's subject has more than one {}", name);
  }
  unsigned char* text = nullptr;
  const ASN1_STRING* value = X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, place));
  const int size = ASN1_STRING_to_UTF8(&text, value);
  if (size < 0) return permission_denied("the certificate's {} is no text", name);
  std::string field(reinterpret_cast<char*>(text), size_t(size));
  OPENSSL_free(text);
  return field;
}

Result<model::NodeRole> role_of(std::string_view unit) {
  for (const auto role : {model::NodeRole::Worker, model::NodeRole::Manager}) {
    if (unit == model::role_unit(role)) return role;
  }
  return permission_denied("the certificate's OU is no role of a swarm's node");
}

Result<model::NodeIdentity> identity_of(X509* certificate) {
  X509_NAME* subject = X509_get_subject_name(certificate);
  ASSIGN_OR_RETURN(const std::string node, subject_field(subject, NID_commonName));
  ASSIGN_OR_RETURN(const std::string unit, subject_field(subject, NID_organizationalUnitName));
  ASSIGN_OR_RETURN(const std::string cluster, subject_field(subject, NID_organizationName));
  const auto node_id = model::NodeId::parse(node);
  if (!node_id) return permission_denied("the certificate's CN is no node id");
  const auto cluster_id = model::ClusterId::parse(cluster);
  if (!cluster_id) return permission_denied("the certificate's O is no swarm's id");
  ASSIGN_OR_RETURN(const model::NodeRole role, role_of(unit));
  return model::NodeIdentity{*node_id, role, *cluster_id};
}

// Dates beyond what Time holds ("no end" is the year 9999) become the furthest it holds.
Result<Time> time_of(const ASN1_TIME* value) {
  constexpr int64_t kSecondsMax = INT64_MAX / 1'000'000'000;
  tm parts{};
  if (ASN1_TIME_to_tm(value, &parts) != 1) return invalid_argument("a date cannot be read");
  const int64_t seconds = std::clamp<int64_t>(::timegm(&parts), -kSecondsMax, kSecondsMax);
  return Time{seconds * 1'000'000'000};
}

std::string serial_of(const X509* certificate) {
  BIGNUM* number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* text = number ? BN_bn2hex(number) : nullptr;
  std::string serial = text ? text : "";
  std::ranges::transform(serial, serial.begin(), [](unsigned char c) { return std::tolower(c); });
  OPENSSL_free(text);
  BN_free(number);
  return serial;
}

Result<Certificate> read_first(std::string_view pem_or_der) {
  constexpr char kSequence = 0x30;  // DER begins with it, PEM never.
  if (!pem_or_der.starts_with(kSequence)) {
    ASSIGN_OR_RETURN(auto all, read_certificates(pem_or_der));
    return std::move(all.front());
  }
  if (pem_or_der.size() > kPemBytesMax) return invalid_argument("the certificate is too long");
  const auto* start = reinterpret_cast<const unsigned char*>(pem_or_der.data());
  const unsigned char* end = start;
  Certificate certificate(d2i_X509(nullptr, &end, long(pem_or_der.size())));
  if (!certificate) return invalid_argument("the certificate cannot be read");
  if (end != start + pem_or_der.size()) return invalid_argument("bytes follow the certificate");
  return certificate;
}

Result<void> check_root(X509* root) {
  if (X509_check_ca(root) != 1) return invalid_argument("a root is no certificate authority");
  if (!is_accepted_signature(root)) {
    return invalid_argument("a root is not signed with RSA or ECDSA and SHA-2");
  }
  if (X509_verify(root, X509_get0_pubkey(root)) != 1) {
    return invalid_argument("a root is not signed by itself");
  }
  return {};
}

}  // namespace

Result<CertificateInfo> read_certificate(std::string_view pem_or_der) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const Certificate certificate, read_first(pem_or_der));
  CertificateInfo info;
  ASSIGN_OR_RETURN(info.identity, identity_of(certificate.get()));
  ASSIGN_OR_RETURN(info.not_before, time_of(X509_get0_notBefore(certificate.get())));
  ASSIGN_OR_RETURN(info.not_after, time_of(X509_get0_notAfter(certificate.get())));
  info.serial = serial_of(certificate.get());
  return info;
}

Result<void> verify_chain(std::string_view chain_pem, std::string_view roots_pem, Time now) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const auto chain, read_certificates(chain_pem));
  ASSIGN_OR_RETURN(const auto roots, read_certificates(roots_pem));
  const std::unique_ptr<X509_STORE, Freed<X509_STORE_free>> store(X509_STORE_new());
  for (const Certificate& root : roots) X509_STORE_add_cert(store.get(), root.get());
  // Of the chain itself only pointers: what is freed is the list.
  const auto free_list = [](STACK_OF(X509) * list) { sk_X509_free(list); };
  const std::unique_ptr<STACK_OF(X509), decltype(free_list)> between(sk_X509_new_null());
  for (size_t i = 1; i < chain.size(); ++i) sk_X509_push(between.get(), chain[i].get());

  const std::unique_ptr<X509_STORE_CTX, Freed<X509_STORE_CTX_free>> check(X509_STORE_CTX_new());
  if (!X509_STORE_CTX_init(check.get(), store.get(), chain.front().get(), between.get())) {
    return refused("verifying a certificate");
  }
  X509_STORE_CTX_set_time(check.get(), 0, now.unix_ns / 1'000'000'000);
  X509_STORE_CTX_set_purpose(check.get(), X509_PURPOSE_SSL_CLIENT);
  if (verify_with_cross_signed(check.get(), nullptr) == 1) return {};
  return permission_denied("the certificate is not valid: {}",
                           X509_verify_cert_error_string(X509_STORE_CTX_get_error(check.get())));
}

Result<model::TlsInfo> issuer_of(std::string_view chain_pem, std::string_view roots_pem) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(auto candidates, read_certificates(chain_pem));
  ASSIGN_OR_RETURN(auto roots, read_certificates(roots_pem));
  const Certificate leaf = std::move(candidates.front());
  candidates.erase(candidates.begin());
  for (auto& root : roots) candidates.push_back(std::move(root));
  for (const Certificate& authority : candidates) {
    EVP_PKEY* key = X509_get0_pubkey(authority.get());
    if (!key || X509_verify(leaf.get(), key) != 1) continue;
    return model::TlsInfo{
        .trust_root = std::string(roots_pem),
        .issuer_subject = der(X509_get_subject_name(authority.get()), i2d_X509_NAME),
        .issuer_public_key = der(key, i2d_PUBKEY)};
  }
  return permission_denied("none of the roots has issued the certificate");
}

Result<model::TlsInfo> read_root(std::string_view roots_pem) {
  const ErrorScope errors;
  ASSIGN_OR_RETURN(const auto roots, read_certificates(roots_pem));
  for (const Certificate& root : roots) RETURN_IF_ERROR(check_root(root.get()));
  X509* first = roots.front().get();
  return model::TlsInfo{.trust_root = std::string(roots_pem),
                        .issuer_subject = der(X509_get_subject_name(first), i2d_X509_NAME),
                        .issuer_public_key = der(X509_get0_pubkey(first), i2d_PUBKEY)};
}

}  // namespace shoal::crypto
