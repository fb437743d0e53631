// Inside codec only: the parts that several records of disk.proto have in common.
//
// put() fills a message from the model, get() makes the model from a message. get() cannot fail
// half way: it notes the first thing that it does not understand in a Fault, and the record's
// reader turns that into an error.
#pragma once

#include <string>
#include <vector>

#include "codec/disk.pb.h"
#include "codec/fields/fields.h"
#include "model/network.h"
#include "model/service.h"

namespace shoal::codec {

void put(const model::Annotations& in, disk::Annotations* out);
void put(const model::Driver& in, disk::Driver* out);
void put(const model::Platform& in, disk::Platform* out);
void put(const model::GenericResource& in, disk::GenericResource* out);
void put(const model::Resources& in, disk::Resources* out);
void put(const model::PortConfig& in, disk::PortConfig* out);
void put(const model::TaskSpec& in, disk::TaskSpec* out);
void put(const model::Endpoint& in, disk::Endpoint* out);
void put(const model::ServiceSpec& in, disk::ServiceSpec* out);
void put(const model::NetworkAttachment& in, disk::NetworkAttachment* out);

model::Annotations get(const disk::Annotations& in, Fault& fault);
model::Driver get(const disk::Driver& in, Fault& fault);
model::Platform get(const disk::Platform& in, Fault& fault);
model::GenericResource get(const disk::GenericResource& in, Fault& fault);
model::Resources get(const disk::Resources& in, Fault& fault);
model::PortConfig get(const disk::PortConfig& in, Fault& fault);
model::TaskSpec get(const disk::TaskSpec& in, Fault& fault);
model::Endpoint get(const disk::Endpoint& in, Fault& fault);
model::ServiceSpec get(const disk::ServiceSpec& in, Fault& fault);
model::NetworkAttachment get(const disk::NetworkAttachment& in, Fault& fault);

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
