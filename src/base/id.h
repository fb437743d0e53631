// Id<Tag>: the name of one object for ever, 25 characters of base 36 as Swarm writes them.
//
// Held inline (26 bytes, no allocation) because a manager holds hundreds of thousands. The tag only
// keeps a TaskId from being taken for a NodeId. The empty id means "none".
#pragma once

#include <fmt/core.h>

#include <array>
#include <bit>
#include <compare>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/rng.h"

namespace shoal {

inline constexpr size_t kIdLength = 25;

template <class Tag>
class Id {
 public:
  constexpr Id() = default;

  // Any text of 1 to 25 characters from [a-z0-9_.-] (tests use short ones).
  static Result<Id> parse(std::string_view text) {
    if (text.empty() || text.size() > kIdLength) return invalid_argument("invalid id \"{}\"", text);
    for (const char c : text) {
      const bool fits =
          (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
      if (!fits) return invalid_argument("invalid id \"{}\"", text);
    }
    return of(text);
  }

  // For text known to be an id (stored, or a literal of a test). Longer text is cut.
  static Id of(std::string_view text) {
    Id id;
    id.size_ = uint8_t(text.size() < kIdLength ? text.size() : kIdLength);
    std::memcpy(id.text_.data(), text.data(), id.size_);
    return id;
  }

  static Id random(Rng& rng) {
    static constexpr char kDigits[] = "0123456789abcdefghijklmnopqrstuvwxyz";
    Id id;
    id.size_ = kIdLength;
    for (size_t i = 0; i < kIdLength;) {
      uint64_t word = rng.next();
      for (int k = 0; k < 12 && i < kIdLength; ++k, word /= 36) id.text_[i++] = kDigits[word % 36];
    }
    return id;
  }

  std::string_view view() const { return {text_.data(), size_}; }
  std::string str() const { return std::string(view()); }
  bool empty() const { return size_ == 0; }
  explicit operator bool() const { return size_ != 0; }

  friend bool operator==(const Id& a, const Id& b) {
    return a.head() == b.head() && a.size_ == b.size_ &&
           std::memcmp(a.text_.data(), b.text_.data(), kIdLength) == 0;
  }
  // Every table is ordered by ids, so this is inline: of random ids the first eight bytes decide.
  friend std::strong_ordering operator<=>(const Id& a, const Id& b) {
    if (const auto first = a.head() <=> b.head(); first != 0) return first;
    const int order = std::memcmp(a.text_.data(), b.text_.data(), kIdLength);
    return order != 0 ? order <=> 0 : a.size_ <=> b.size_;
  }

 private:
  // The first eight bytes as a number that orders as they do.
  uint64_t head() const {
    uint64_t bytes;
    std::memcpy(&bytes, text_.data(), sizeof bytes);
    return std::endian::native == std::endian::little ? std::byteswap(bytes) : bytes;
  }

  std::array<char, kIdLength> text_{};  // Unused bytes stay zero: comparisons read all of them.
  uint8_t size_ = 0;
};

}  // namespace shoal

// "{}" only: formatter<string_view> with its paddings needs the whole of <fmt/format.h>.
template <class Tag>
struct fmt::formatter<shoal::Id<Tag>> {
  constexpr auto parse(format_parse_context& context) { return context.begin(); }
  auto format(const shoal::Id<Tag>& id, format_context& context) const {
    return fmt::format_to(context.out(), "{}", id.view());
  }
};

template <class Tag>
struct std::hash<shoal::Id<Tag>> {
  size_t operator()(const shoal::Id<Tag>& id) const {
    return std::hash<std::string_view>{}(id.view());
  }
};
