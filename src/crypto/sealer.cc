#include "crypto/sealer.h"

#include "base/base64.h"
#include "base/check.h"
#include "crypto/key.h"
#include "crypto/openssl.h"
#include "crypto/random.h"
#include "crypto/root_ca.h"

namespace shoal::crypto {
namespace {

constexpr std::string_view kKeyFileHead = "shoal data key 1\n";
constexpr size_t kKeyIdBytes = 4;
constexpr size_t kNonceBytes = 12;
constexpr size_t kTagBytes = 16;
constexpr size_t kLabelBytes = 1 + kKeyIdBytes;  // format and key
constexpr size_t kHeadBytes = kLabelBytes + kNonceBytes;
static_assert(kSealedOverhead == kHeadBytes + kTagBytes);

using Context = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

const unsigned char* in(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

unsigned char* out(std::string& text, size_t offset) {
  return reinterpret_cast<unsigned char*>(text.data()) + offset;
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char byte : bytes) text += fmt::format("{:02x}", uint8_t(byte));
  return text;
}

}  // namespace

// Looked up once: that takes longer than to seal a small value.
struct Sealer::Cipher {
  std::unique_ptr<EVP_CIPHER, Freed<EVP_CIPHER_free>> aes{
      EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr)};
};

Sealer::Sealer(std::string key)
    : key_(std::move(key)),
      label_(char(kSealedFormat) + sha256("shoal data key id" + key_).substr(0, kKeyIdBytes)),
      cipher_(std::make_unique<const Cipher>()),
      nonce_head_(random_bytes(kNonceBytes - sizeof nonce_counter_)),
      nonce_counter_(random_seed()) {
  CHECK(key_.size() == kDataKeyBytes && cipher_->aes, "no AES-256-GCM: {}", openssl_reason());
}

Sealer::~Sealer() {
  wipe(key_);
}

std::unique_ptr<const Sealer> Sealer::with_new_key() {
  return std::unique_ptr<const Sealer>(new Sealer(random_bytes(kDataKeyBytes)));
}

Result<std::unique_ptr<const Sealer>> Sealer::from_key_text(std::string_view text) {
  if (!text.starts_with(kKeyFileHead)) return invalid_argument("this is no data key");
  text.remove_prefix(kKeyFileHead.size());
  if (text.ends_with('\n')) text.remove_suffix(1);
  auto key = from_base64(text);
  if (!key || key->size() != kDataKeyBytes) return invalid_argument("the data key is damaged");
  return std::unique_ptr<const Sealer>(new Sealer(std::move(*key)));
}

std::string Sealer::key_text() const {
  std::string digits = to_base64(key_);
  std::string text = fmt::format("{}{}\n", kKeyFileHead, digits);
  wipe(digits);
  return text;
}

std::string Sealer::next_nonce() const {
  std::string nonce = nonce_head_;
  for (uint64_t rest = ++nonce_counter_; nonce.size() < kNonceBytes; rest >>= 8) {
    nonce.push_back(char(rest));
  }
  return nonce;
}

std::string Sealer::seal(std::string_view name, std::string_view plain) const {
  std::string sealed;
  sealed.reserve(kSealedOverhead + plain.size());
  sealed.append(label_).append(next_nonce());
  sealed.resize(kSealedOverhead + plain.size());
  const unsigned char* nonce = out(sealed, kLabelBytes);
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done =
      EVP_EncryptInit_ex2(context.get(), cipher_->aes.get(), in(key_), nonce, nullptr) &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, in(label_), int(label_.size())) &&
      EVP_EncryptUpdate(context.get(), nullptr, &size, in(name), int(name.size())) &&
      EVP_EncryptUpdate(context.get(), out(sealed, kHeadBytes), &size, in(plain),
                        int(plain.size())) &&
      EVP_EncryptFinal_ex(context.get(), out(sealed, kHeadBytes + plain.size()), &size) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kTagBytes,
                          out(sealed, kHeadBytes + plain.size()));
  CHECK(done, "sealing {}: {}", name, openssl_reason());  // Only without memory.
  return sealed;
}

Result<void> Sealer::check_label(std::string_view sealed) const {
  const uint8_t format = sealed.empty() ? 0 : uint8_t(sealed[0]);
  if (format > kSealedFormat) {
    return unimplemented("sealed by a newer version (format {:#x}; this one opens {:#x})", format,
                         kSealedFormat);
  }
  if (format != kSealedFormat || sealed.size() < kSealedOverhead) {
    return internal_error("damaged: it is not sealed");
  }
  if (!sealed.starts_with(label_)) {
    return failed_precondition("sealed with another data key ({}; this one is {})",
                               hex(sealed.substr(1, kKeyIdBytes)),
                               hex(std::string_view(label_).substr(1)));
  }
  return {};
}

Result<std::string> Sealer::open(std::string_view name, std::string_view sealed) const {
  const ErrorScope errors;
  RETURN_IF_ERROR(check_label(sealed));
  const std::string_view nonce = sealed.substr(kLabelBytes, kNonceBytes);
  const std::string_view secret = sealed.substr(kHeadBytes, sealed.size() - kSealedOverhead);
  std::string tag(sealed.substr(sealed.size() - kTagBytes));
  std::string plain(secret.size(), '\0');
  const Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool done =
      EVP_DecryptInit_ex2(context.get(), cipher_->aes.get(), in(key_), in(nonce), nullptr) &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, in(label_), int(label_.size())) &&
      EVP_DecryptUpdate(context.get(), nullptr, &size, in(name), int(name.size())) &&
      EVP_DecryptUpdate(context.get(), out(plain, 0), &size, in(secret), int(secret.size())) &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kTagBytes, tag.data()) &&
      EVP_DecryptFinal_ex(context.get(), out(plain, plain.size()), &size) > 0;
  if (!done) return internal_error("damaged: it does not open");
  return plain;
}

}  // namespace shoal::crypto
