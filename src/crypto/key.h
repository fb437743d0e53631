// A node's private key and its request for a certificate.
//
// Keys are P-256, as PKCS#8 PEM, not encrypted: whoever stores one writes it 0600 or seals it.
// Pure functions, any thread; making a key takes about 0.1 ms. Internal when OpenSSL refuses, with
// its reason.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::crypto {

Result<std::string> make_key_pem();

// A PKCS#10 request in PEM with an empty subject, signed with the key: the swarm decides who the
// node is. InvalidArgument when the key cannot be read.
Result<std::string> make_csr(std::string_view key_pem);

// Overwrites the bytes before they are freed.
void wipe(std::string& secret);

}  // namespace shoal::crypto
