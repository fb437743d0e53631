#include "crypto/openssl.h"

#include <openssl/x509v3.h>

#include "crypto/certificate.h"
#include "crypto/random.h"

namespace shoal::crypto {
namespace {

// Without it OpenSSL would ask for a password at the terminal.
int no_password(char*, int, int, void*) {
  return -1;
}

const unsigned char* bytes_of(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

}  // namespace

std::string openssl_reason() {
  char reason[256] = "no reason given";
  if (const unsigned long code = ERR_peek_last_error()) {
    ERR_error_string_n(code, reason, sizeof reason);
  }
  return reason;
}

std::unexpected<Error> refused(std::string_view what) {
  return internal_error("{}: {}", what, openssl_reason());
}

Memory memory_for_writing() {
  return Memory(BIO_new(BIO_s_mem()));
}

Memory memory_of(std::string_view text) {
  return Memory(BIO_new_mem_buf(text.data(), int(text.size())));
}

std::string text_of(BIO* memory) {
  char* data = nullptr;
  const long size = BIO_get_mem_data(memory, &data);
  return {data, size_t(size)};
}

Result<Key> read_key(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return invalid_argument("the private key is too long");
  const Memory memory = memory_of(pem);
  Key key(PEM_read_bio_PrivateKey(memory.get(), nullptr, no_password, nullptr));
  if (!key) return invalid_argument("no private key in PEM form");
  return key;
}

Result<std::string> write_key(EVP_PKEY* key) {
  const Memory memory(BIO_new(BIO_s_secmem()));  // Overwritten when it is freed.
  if (!PEM_write_bio_PKCS8PrivateKey(memory.get(), key, nullptr, nullptr, 0, nullptr, nullptr)) {
    return refused("writing a private key");
  }
  return text_of(memory.get());
}

Result<std::vector<Certificate>> read_certificates(std::string_view pem) {
  if (pem.size() > kPemBytesMax) return invalid_argument("the certificates are too long");
  const Memory memory = memory_of(pem);
  std::vector<Certificate> all;
  while (Certificate next{PEM_read_bio_X509(memory.get(), nullptr, no_password, nullptr)}) {
    if (all.size() == kBundleMax) return invalid_argument("more than {} certificates", kBundleMax);
    all.push_back(std::move(next));
  }
  // At the end of the text the reader finds no further start; anything else is a damaged block.
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return invalid_argument("a certificate cannot be read: {}", openssl_reason());
  }
  if (all.empty()) return invalid_argument("no certificate in PEM form");
  return all;
}

bool is_accepted_signature(const X509* certificate) {
  switch (X509_get_signature_nid(certificate)) {
    case NID_sha256WithRSAEncryption:
    case NID_sha384WithRSAEncryption:
    case NID_sha512WithRSAEncryption:
    case NID_ecdsa_with_SHA256:
    case NID_ecdsa_with_SHA384:
    case NID_ecdsa_with_SHA512:
      return true;
    default:
      return false;
  }
}

bool set_random_serial(X509* certificate) {
  std::string bytes = random_bytes(16);
  bytes[0] = char((bytes[0] & 0x3f) | 0x40);  // Positive (RFC 5280, 4.1.2.2) and of one length.
  BIGNUM* number = BN_bin2bn(bytes_of(bytes), int(bytes.size()), nullptr);
  const bool set = BN_to_ASN1_INTEGER(number, X509_get_serialNumber(certificate)) != nullptr;
  BN_free(number);
  return set;
}

bool set_validity(X509* certificate, Time from, Time until) {
  constexpr int64_t kSecond = 1'000'000'000;
  return ASN1_TIME_set(X509_getm_notBefore(certificate), from.unix_ns / kSecond) &&
         ASN1_TIME_set(X509_getm_notAfter(certificate), until.unix_ns / kSecond);
}

bool add_subject_entry(X509* certificate, const char* field, std::string_view text) {
  return X509_NAME_add_entry_by_txt(X509_get_subject_name(certificate), field, MBSTRING_UTF8,
                                    bytes_of(text), int(text.size()), -1, 0) == 1;
}

bool add_extension(X509* certificate, X509* issuer, int kind, const char* value) {
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, issuer, certificate, nullptr, nullptr, 0);
  X509_EXTENSION* extension = X509V3_EXT_conf_nid(nullptr, &context, kind, value);
  const bool added = extension && X509_add_ext(certificate, extension, -1) == 1;
  X509_EXTENSION_free(extension);
  return added;
}

}  // namespace shoal::crypto
