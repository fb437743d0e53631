// The frame around every stored record: format number (1 byte), CRC-32C of the payload (4 bytes,
// little-endian), payload.
//
// The checksum is there because a database page that rots inside a text would otherwise be read as
// a valid, different text.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::codec {

// Raised by a change that older programs would misread; this program reads 1 up to it.
inline constexpr uint8_t kDiskFormat = 1;

std::string frame(std::string_view payload);
// The payload, a part of `bytes`.
Result<std::string_view> unframe(std::string_view bytes);

// Castagnoli's CRC, as in iSCSI and ext4.
uint32_t crc32c(std::string_view bytes);

}  // namespace shoal::codec
