#include "crypto/root_ca.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/sha.h>
#include <openssl/x509v3.h>

#include <cstring>
#include <memory>

#include "crypto/random.h"

namespace shoal::crypto {
namespace {

template <auto free_function>
struct Freed {
  template <class T>
  void operator()(T* pointer) const {
    free_function(pointer);
  }
};
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using Certificate = std::unique_ptr<X509, Freed<X509_free>>;
using Memory = std::unique_ptr<BIO, Freed<BIO_free_all>>;

std::unexpected<Error> refused(std::string_view what) {
  char reason[256] = "no reason given";
  if (const unsigned long code = ERR_get_error()) ERR_error_string_n(code, reason, sizeof reason);
  ERR_clear_error();
  return internal_error("{}: {}", what, reason);
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, size_t(size)};
}

template <class T, class Encode>
std::string der(T* object, Encode encode) {
  unsigned char* bytes = nullptr;
  const int size = encode(object, &bytes);
  std::string text(reinterpret_cast<char*>(bytes), size > 0 ? size_t(size) : 0);
  OPENSSL_free(bytes);
  return text;
}

bool add_extension(X509* certificate, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, certificate, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

bool set_serial(X509* certificate) {
  const std::string bytes = random_bytes(16);
  BIGNUM* number = BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes.data()), 16, nullptr);
  BN_clear_bit(number, 127);  // A serial number is positive (RFC 5280, 4.1.2.2).
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool fill(X509* certificate, EVP_PKEY* key, Time now) {
  X509_NAME* name = X509_get_subject_name(certificate);
  const auto* text = reinterpret_cast<const unsigned char*>(kRootName.data());
  const time_t from = (now - kBackdate).unix_ns / 1'000'000'000;
  const time_t until = (now + kRootValidFor).unix_ns / 1'000'000'000;
  return X509_set_version(certificate, X509_VERSION_3) && set_serial(certificate) &&
         X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, int(kRootName.size()), -1, 0) &&
         X509_set_issuer_name(certificate, name) &&
         ASN1_TIME_set(X509_getm_notBefore(certificate), from) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until) &&
         X509_set_pubkey(certificate, key) &&
         add_extension(certificate, NID_key_usage, "critical,keyCertSign,cRLSign") &&
         add_extension(certificate, NID_basic_constraints, "critical,CA:TRUE") &&
         add_extension(certificate, NID_subject_key_identifier, "hash") &&
         X509_sign(certificate, key, EVP_sha256()) > 0;
}

}  // namespace

Result<RootCa> make_root_ca(Time now) {
  const Key key(EVP_EC_gen("P-256"));
  if (!key) return refused("making the root key");
  const Certificate certificate(X509_new());
  if (!certificate || !fill(certificate.get(), key.get(), now)) {
    return refused("making the root certificate");
  }
  const Memory certificate_text(BIO_new(BIO_s_mem())), key_text(BIO_new(BIO_s_mem()));
  if (!PEM_write_bio_X509(certificate_text.get(), certificate.get()) ||
      !PEM_write_bio_PKCS8PrivateKey(key_text.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                     nullptr)) {
    return refused("writing the root certificate");
  }
  RootCa root{text_of(certificate_text.get()), text_of(key_text.get()), {}};
  root.tls.trust_root = root.certificate_pem;
  root.tls.issuer_subject = der(X509_get_subject_name(certificate.get()), i2d_X509_NAME);
  root.tls.issuer_public_key = der(key.get(), i2d_PUBKEY);
  return root;
}

std::string sha256(std::string_view bytes) {
  std::string digest(SHA256_DIGEST_LENGTH, '\0');
  SHA256(reinterpret_cast<const unsigned char*>(bytes.data()), bytes.size(),
         reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

}  // namespace shoal::crypto
