// Inside codec/wire only: the parts that several messages of wire.proto have in common.
//
// put() fills a message from the model, get() makes the model from a message; what get() does not
// understand it notes in the Fault. Lists are bounded, so that bytes of a stranger cannot become a
// hundred times their size in memory.
#pragma once

#include <limits>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "codec/fields/fields.h"
#include "codec/wire/wire.pb.h"
#include "model/node_protocol.h"

namespace shoal::wire {

using codec::enum_from;
using codec::Fault;
using codec::put_labels;
using codec::put_strings;

// The most elements that any list inside a message may have.
inline constexpr int kItemsMax = 10'000;

// --- lists ---

inline bool bounded(int size, const char* what, Fault& fault) {
  if (size > kItemsMax) fault.note("{}: more than {}", what, kItemsMax);
  return size <= kItemsMax;
}
template <class Strings>
std::vector<std::string> strings_from(const Strings& in, const char* what, Fault& fault) {
  return bounded(in.size(), what, fault) ? codec::strings_from(in) : std::vector<std::string>();
}
template <class Entries>
model::Labels labels_from(const Entries& in, const char* what, Fault& fault) {
  return bounded(in.size(), what, fault) ? codec::labels_from(in) : model::Labels();
}
template <class T, class Messages, class Get>
std::vector<T> each_from(const Messages& in, const char* what, Fault& fault, Get get_one) {
  std::vector<T> items;
  if (!bounded(in.size(), what, fault)) return items;
  items.reserve(size_t(in.size()));
  for (const auto& message : in) items.push_back(get_one(message));
  return items;
}

// --- ids, times, words ---

enum class Need { Required, Optional };

template <class IdType>
IdType id_from(const std::string& text, Need need, const char* what, Fault& fault) {
  if (text.empty() && need == Need::Optional) return {};
  const auto id = IdType::parse(text);
  if (!id) fault.note("{}: {}", what, id.error().message);
  return id ? *id : IdType();
}
template <class IdType, class Texts>
std::vector<IdType> ids_from(const Texts& in, const char* what, Fault& fault) {
  return each_from<IdType>(in, what, fault, [&](const std::string& text) {
    return id_from<IdType>(text, Need::Required, what, fault);
  });
}

void put(Time in, pb::Timestamp* out);
Time get(const pb::Timestamp& in, const char* what, Fault& fault);
void put(Duration in, pb::Duration* out);
Duration get(const pb::Duration& in, const char* what, Fault& fault);

// A text of the model that the public protocol says as a number, its place among `words`. `exact`
// is false when the number does not give the text back; it must then be written as well.
struct Word {
  uint32_t number = 0;
  bool exact = false;
};
Word word_of(std::string_view text, std::span<const std::string_view> words);
std::string word_from(uint32_t number, std::span<const std::string_view> words, const char* what,
                      Fault& fault);

// --- parts of objects ---

void put(const model::Meta& in, pb::Meta* out);
void put(const model::Annotations& in, pb::Annotations* out);
void put(const model::Driver& in, pb::Driver* out);
void put(const model::Platform& in, pb::Platform* out);
void put(const model::GenericResource& in, pb::GenericResource* out);
void put(const model::Resources& in, pb::Resources* out);
void put(const model::PortConfig& in, pb::PortConfig* out);
void put(const model::NetworkAttachmentConfig& in, pb::NetworkAttachmentConfig* out);
void put(const model::TaskSpec& in, pb::TaskSpec* out);
void put(const model::Endpoint& in, pb::Endpoint* out);
void put(const model::TaskStatus& in, pb::TaskStatus* out);
void put(const model::NetworkAttachment& in, pb::NetworkAttachment* out);
void put(const model::NodeDescription& in, pb::NodeDescription* out);
void put(const model::Node& in, pb::Node* out);

model::Meta get(const pb::Meta& in, Fault& fault);
model::Annotations get(const pb::Annotations& in, Fault& fault);
model::Driver get(const pb::Driver& in, Fault& fault);
model::Platform get(const pb::Platform& in, Fault& fault);
model::GenericResource get(const pb::GenericResource& in, Fault& fault);
model::Resources get(const pb::Resources& in, Fault& fault);
model::PortConfig get(const pb::PortConfig& in, Fault& fault);
model::NetworkAttachmentConfig get(const pb::NetworkAttachmentConfig& in, Fault& fault);
model::TaskSpec get(const pb::TaskSpec& in, Fault& fault);
model::Endpoint get(const pb::Endpoint& in, Fault& fault);
model::TaskStatus get(const pb::TaskStatus& in, Fault& fault);
model::NetworkAttachment get(const pb::NetworkAttachment& in, Fault& fault);
model::NodeDescription get(const pb::NodeDescription& in, Fault& fault);
model::Node get(const pb::Node& in, Fault& fault);

model::TaskState state_from(uint32_t number, const char* what, Fault& fault);

// Lists of the parts above.
template <class Items, class Messages>
void put_all(const Items& in, Messages* out) {
  for (const auto& item : in) put(item, out->Add());
}
template <class T, class Messages>
std::vector<T> all_from(const Messages& in, const char* what, Fault& fault) {
  return each_from<T>(in, what, fault, [&](const auto& message) { return get(message, fault); });
}

// --- whole messages ---

template <class Message>
std::string bytes_of(const Message& message) {
  std::string bytes;
  CHECK(message.SerializeToString(&bytes), "a message of more than 2 GiB");
  return bytes;
}

template <class Message>
bool parse(std::string_view bytes, Message& message) {
  return bytes.size() <= size_t(std::numeric_limits<int>::max()) &&
         message.ParseFromArray(bytes.data(), int(bytes.size()));
}

// `make` builds the value; what it notes in the Fault becomes the error.
template <class Message, class Make>
auto read_message(std::string_view bytes, size_t bytes_max, const char* what, Make make)
    -> Result<decltype(make(std::declval<const Message&>(), std::declval<Fault&>()))> {
  if (bytes.size() > bytes_max) {
    return invalid_argument("{}: {} bytes; at most {} are taken", what, bytes.size(), bytes_max);
  }
  Message message;
  if (!parse(bytes, message)) return invalid_argument("{}: not such a message", what);
  Fault fault;
  auto value = make(message, fault);
  if (!fault.reason.empty()) return invalid_argument("{}: {}", what, fault.reason);
  return value;
}

}  // namespace shoal::wire
