#include "codec/wire/field_walk.h"

namespace shoal::wire {
namespace {

constexpr uint32_t kNumberMax = (1u << 29) - 1;

constexpr uint64_t tag_of(uint32_t number, uint32_t type) {
  return (uint64_t(number) << 3) | type;
}

}  // namespace

bool FieldWalk::take_varint(uint64_t& out) {
  out = 0;
  for (int shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
    const uint8_t byte = uint8_t(rest_.front());
    rest_.remove_prefix(1);
    out |= uint64_t(byte & 0x7f) << shift;
    if (byte < 0x80) return true;
  }
  return false;
}

bool FieldWalk::take_bytes(uint64_t size, std::string_view& out) {
  if (size > rest_.size()) return false;
  out = rest_.substr(0, size_t(size));
  rest_.remove_prefix(size_t(size));
  return true;
}

// Groups (types 3 and 4) are no part of the protocol: whoever sends one is not understood.
bool FieldWalk::take_value() {
  uint64_t size = 0;
  std::string_view unused;
  switch (type_) {
    case kVarint:
      return take_varint(varint_);
    case kBytes:
      return take_varint(size) && take_bytes(size, bytes_);
    case kFixed64:
      return take_bytes(8, unused);
    case kFixed32:
      return take_bytes(4, unused);
    default:
      return false;
  }
}

bool FieldWalk::next() {
  if (rest_.empty() || damaged_) return false;
  bytes_ = {};
  varint_ = 0;
  uint64_t tag = 0;
  damaged_ = !take_varint(tag) || (tag >> 3) == 0 || (tag >> 3) > kNumberMax;
  number_ = uint32_t(tag >> 3);
  type_ = uint32_t(tag & 7);
  damaged_ = damaged_ || !take_value();
  return !damaged_;
}

size_t varint_size(uint64_t value) {
  size_t size = 1;
  for (; value >= 0x80; value >>= 7) ++size;
  return size;
}

void append_varint(std::string& out, uint64_t value) {
  for (; value >= 0x80; value >>= 7) out.push_back(char(uint8_t(value) | 0x80));
  out.push_back(char(value));
}

void append_varint_field(std::string& out, uint32_t number, uint64_t value) {
  append_varint(out, tag_of(number, 0));
  append_varint(out, value);
}

void append_bytes_head(std::string& out, uint32_t number, size_t size) {
  append_varint(out, tag_of(number, 2));
  append_varint(out, size);
}

void append_bytes_field(std::string& out, uint32_t number, std::string_view bytes) {
  append_bytes_head(out, number, bytes.size());
  out.append(bytes);
}

size_t bytes_field_size(uint32_t number, size_t size) {
  return varint_size(tag_of(number, 2)) + varint_size(size) + size;
}

}  // namespace shoal::wire
