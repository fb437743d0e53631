// For the tests of the wire codec: messages written by hand, number by number, independently of
// wire.proto. part(4, part(1, text(1, "t1"))) is field 4, holding field 1, holding field 1 "t1".
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::wire {

inline std::string raw_varint(uint64_t value) {
  std::string bytes;
  for (; value > 127; value /= 128) bytes.push_back(char(value % 128 + 128));
  bytes.push_back(char(value));
  return bytes;
}
inline std::string number(uint32_t field, int64_t value) {
  return raw_varint(field * 8) + raw_varint(uint64_t(value));
}
inline std::string text(uint32_t field, std::string_view value) {
  return raw_varint(field * 8 + 2) + raw_varint(value.size()) + std::string(value);
}
// A message in a message: its fields one after the other.
template <class... Fields>
std::string part(uint32_t field, const Fields&... fields) {
  return text(field, (std::string() + ... + fields));
}
// An entry of a map.
inline std::string entry(uint32_t field, std::string_view key, std::string_view value) {
  return part(field, text(1, key), value.empty() ? std::string() : text(2, value));
}

}  // namespace shoal::wire
