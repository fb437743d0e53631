// The words that Docker's API uses for the model's enumerations, both ways. Only for the JSON half
// of codec.
#pragma once

#include <string>
#include <string_view>
#include <utility>

#include "base/result.h"
#include "codec/json_reader.h"

namespace shoal::codec {

template <class E>
struct Word {
  E value;
  std::string_view text;
};

template <class E, size_t N>
std::string_view word_of(const Word<E> (&words)[N], E value) {
  for (const auto& word : words) {
    if (word.value == value) return word.text;
  }
  return words[0].text;
}

// Empty text leaves `out`; an unknown word is InvalidArgument `invalid WHAT: "text"`.
template <class E, size_t N>
Result<void> read_word(const Word<E> (&words)[N], std::string_view what, const std::string& text,
                       E& out) {
  if (text.empty()) return {};
  for (const auto& word : words) {
    if (word.text == text) {
      out = word.value;
      return {};
    }
  }
  return invalid_argument("invalid {}: \"{}\"", what, text);
}

template <class E, size_t N>
Result<void> read_word(JsonReader& reader, std::string_view key, const Word<E> (&words)[N],
                       std::string_view what, E& out) {
  std::string text;
  reader.read(key, text, what);
  return read_word(words, what, text, out);
}

}  // namespace shoal::codec
