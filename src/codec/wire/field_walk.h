// Inside codec/wire only: a protobuf message as the row of its fields, read and written in place.
//
// For the few messages that are too large to be made into objects first: an assignment of 100,000
// tasks is walked, and each task parsed from where it lies. Pure, any thread.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace shoal::wire {

// for (FieldWalk walk(bytes); walk.next();) switch (walk.number()) …
// The walk ends at the end or at the first byte that is no field: damaged() tells which.
class FieldWalk {
 public:
  explicit FieldWalk(std::string_view bytes) : rest_(bytes) {}

  bool next();
  uint32_t number() const { return number_; }
  bool is_bytes() const { return type_ == kBytes; }
  bool is_varint() const { return type_ == kVarint; }
  std::string_view bytes() const { return bytes_; }  // empty when it is something else
  uint64_t varint() const { return varint_; }        // 0 when it is something else
  bool damaged() const { return damaged_; }

 private:
  enum Type : uint32_t { kVarint = 0, kFixed64 = 1, kBytes = 2, kFixed32 = 5 };

  bool take_varint(uint64_t& out);
  bool take_bytes(uint64_t size, std::string_view& out);
  bool take_value();

  std::string_view rest_;
  std::string_view bytes_;
  uint64_t varint_ = 0;
  uint32_t number_ = 0;
  uint32_t type_ = 0;
  bool damaged_ = false;
};

size_t varint_size(uint64_t value);
void append_varint(std::string& out, uint64_t value);
void append_varint_field(std::string& out, uint32_t number, uint64_t value);
// The tag and the length; the `size` bytes follow.
void append_bytes_head(std::string& out, uint32_t number, size_t size);
void append_bytes_field(std::string& out, uint32_t number, std::string_view bytes);
// What append_bytes_field() appends.
size_t bytes_field_size(uint32_t number, size_t size);

}  // namespace shoal::wire
