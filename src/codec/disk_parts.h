// Inside codec only: the parts that several records of disk.proto have in common.
//
// put() fills a message from the model, get() makes the model from a message. get() cannot fail
// half way: it notes the first thing that it does not understand in a Fault, and the record's
// reader turns that into an error.
#pragma once

#include <string>
#include <vector>

#include "codec/disk.pb.h"
#include "model/service.h"

namespace shoal::codec {

struct Fault {
  std::string reason;  // empty: none so far

  template <class... Args>
  void note(fmt::format_string<Args...> text, Args&&... args) {
    if (reason.empty()) reason = fmt::format(text, std::forward<Args>(args)...);
  }
};

// An enum stored as its number. `last` is its highest value.
template <class E>
E enum_from(uint32_t number, E last, const char* what, Fault& fault) {
  if (number > uint32_t(last)) fault.note("unknown {} {}", what, number);
  return E(number);
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

void put(const model::Annotations& in, disk::Annotations* out);
void put(const model::Driver& in, disk::Driver* out);
void put(const model::Platform& in, disk::Platform* out);
void put(const model::GenericResource& in, disk::GenericResource* out);
void put(const model::Resources& in, disk::Resources* out);
void put(const model::PortConfig& in, disk::PortConfig* out);
void put(const model::TaskSpec& in, disk::TaskSpec* out);
void put(const model::Endpoint& in, disk::Endpoint* out);
void put(const model::ServiceSpec& in, disk::ServiceSpec* out);

model::Annotations get(const disk::Annotations& in, Fault& fault);
model::Driver get(const disk::Driver& in, Fault& fault);
model::Platform get(const disk::Platform& in, Fault& fault);
model::GenericResource get(const disk::GenericResource& in, Fault& fault);
model::Resources get(const disk::Resources& in, Fault& fault);
model::PortConfig get(const disk::PortConfig& in, Fault& fault);
model::TaskSpec get(const disk::TaskSpec& in, Fault& fault);
model::Endpoint get(const disk::Endpoint& in, Fault& fault);
model::ServiceSpec get(const disk::ServiceSpec& in, Fault& fault);

template <class Items, class Messages>
void put_each(const Items& in, Messages* out) {
  for (const auto& item : in) put(item, out->Add());
}
// The element type is what get() makes of a message.
template <class T, class Messages>
std::vector<T> get_each(const Messages& in, Fault& fault) {
  std::vector<T> items;
  items.reserve(size_t(in.size()));
  for (const auto& message : in) items.push_back(get(message, fault));
  return items;
}

}  // namespace shoal::codec
