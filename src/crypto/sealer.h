// Seals values on their way to the disk: AES-256-GCM with the data key, under the value's name, so
// that a value cannot be changed, nor moved to another name, without being noticed.
//
// A sealed value: kSealedFormat (1 byte), the id of the key (4), a nonce (12), the ciphertext, its
// tag (16). The key's id comes from the key, so that after a change of keys it is known which one
// opens a value. The key is overwritten when the sealer goes. Any thread.
//
// No nonce may come twice under one key. Each sealer counts on from a random one of 96 bits: after
// 10,000 starts of the daemon with 2^40 values each, two would share one with a chance of 2^-29.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::crypto {

// No record on disk that is not sealed begins with it (those begin with a small format number).
inline constexpr uint8_t kSealedFormat = 0x81;
inline constexpr size_t kDataKeyBytes = 32;
inline constexpr size_t kSealedOverhead = 1 + 4 + 12 + 16;

class Sealer {
 public:
  // With a new key.
  static std::unique_ptr<const Sealer> with_new_key();
  // With the key of a key file's text (see key_text). InvalidArgument when it is none.
  static Result<std::unique_ptr<const Sealer>> from_key_text(std::string_view text);
  ~Sealer();
  Sealer(const Sealer&) = delete;
  Sealer& operator=(const Sealer&) = delete;

  // For the key file: two lines, what this is and the key in base 64. Whoever gets it wipes it.
  std::string key_text() const;

  std::string seal(std::string_view name, std::string_view plain) const;
  // FailedPrecondition when another key sealed it, Unimplemented when a newer version did; Internal
  // when it is damaged, belongs to another name, or is not sealed.
  Result<std::string> open(std::string_view name, std::string_view sealed) const;

 private:
  struct Cipher;
  explicit Sealer(std::string key);
  std::string next_nonce() const;
  Result<void> check_label(std::string_view sealed) const;

  std::string key_;
  std::string label_;  // what every sealed value begins with: format, id of the key
  std::unique_ptr<const Cipher> cipher_;
  std::string nonce_head_;  // random, as is where the counter begins
  mutable std::atomic<uint64_t> nonce_counter_;
};

}  // namespace shoal::crypto
