// Between the fields of a protobuf message and those of the model: what the codecs of the disk and
// of the wire have in common.
//
// Reading cannot fail half way: what is not understood is noted in a Fault, the first note wins,
// and whoever reads the whole message turns it into an error. No protobuf header is needed here:
// messages are template arguments. Pure functions, any thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/result.h"

namespace shoal::codec {

struct Fault {
  std::string reason;  // empty: none so far

  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    if (reason.empty()) reason = fmt::format(text, std::forward<Args>(args)...);
  }
};

// An enum kept as its number. `last` is its highest value.
template <class E>
E enum_from(uint32_t number, E last, const char* what, Fault& fault) {
  if (number <= uint32_t(last)) return E(number);
  fault.note("unknown {} {}", what, number);
  return E();
}

// An id; `required` ones may not be empty.
template <class IdType>
IdType id_from(const std::string& text, bool required, Fault& fault) {
  if (text.empty() && !required) return {};
  const auto id = IdType::parse(text);
  if (!id) fault.note("{}", id.error().message);
  return id ? *id : IdType();
}

template <class Strings>
std::vector<std::string> strings_from(const Strings& in) {
  return {in.begin(), in.end()};
}
template <class Strings>
void put_strings(const std::vector<std::string>& in, Strings* out) {
  for (const std::string& text : in) *out->Add() = text;
}

// Maps are lists of entries in key order; the last of two equal keys counts.
template <class Entries>
std::map<std::string, std::string> labels_from(const Entries& in) {
  std::map<std::string, std::string> labels;
  for (const auto& entry : in) labels.insert_or_assign(entry.key(), entry.value());
  return labels;
}
template <class Entries>
void put_labels(const std::map<std::string, std::string>& in, Entries* out) {
  for (const auto& [key, value] : in) {
    auto* entry = out->Add();
    entry->set_key(key);
    entry->set_value(value);
  }
}

}  // namespace shoal::codec
