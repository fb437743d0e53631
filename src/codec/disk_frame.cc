#include "codec/disk_frame.h"

#include <array>

namespace shoal::codec {
namespace {

constexpr size_t kHeaderBytes = 5;

constexpr std::array<uint32_t, 256> make_table() {
  constexpr uint32_t kPolynomial = 0x82f63b78;  // reflected
  std::array<uint32_t, 256> table{};
  for (uint32_t i = 0; i < 256; ++i) {
    uint32_t crc = i;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ (crc & 1 ? kPolynomial : 0);
    table[i] = crc;
  }
  return table;
}
constexpr std::array<uint32_t, 256> kTable = make_table();

}  // namespace

uint32_t crc32c(std::string_view bytes) {
  uint32_t crc = ~0u;
  for (const char c : bytes) crc = (crc >> 8) ^ kTable[(crc ^ uint8_t(c)) & 0xff];
  return ~crc;
}

std::string frame(std::string_view payload) {
  const uint32_t crc = crc32c(payload);
  std::string bytes;
  bytes.reserve(kHeaderBytes + payload.size());
  bytes.push_back(char(kDiskFormat));
  for (int shift = 0; shift < 32; shift += 8) bytes.push_back(char(crc >> shift));
  return bytes.append(payload);
}

Result<std::string_view> unframe(std::string_view bytes) {
  if (bytes.size() < kHeaderBytes) return internal_error("damaged: only {} bytes", bytes.size());
  const uint8_t format = uint8_t(bytes[0]);
  if (format > kDiskFormat) {
    return unimplemented("written by a newer version (format {}; this one reads up to {})", format,
                         kDiskFormat);
  }
  uint32_t crc = 0;
  for (int i = 0; i < 4; ++i) crc |= uint32_t(uint8_t(bytes[1 + i])) << (8 * i);
  const std::string_view payload = bytes.substr(kHeaderBytes);
  if (format == 0 || crc != crc32c(payload)) return internal_error("damaged: wrong checksum");
  return payload;
}

}  // namespace shoal::codec
