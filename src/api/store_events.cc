#include "api/store_events.h"

#include "codec/json_objects.h"

namespace shoal::api {
namespace {

using model::Labels;
using model::Ref;

template <class T>
void note_change(Labels& attributes, const std::string& name, const T& before, const T& after) {
  if (before == after) return;
  attributes[name + ".old"] = fmt::format("{}", before);
  attributes[name + ".new"] = fmt::format("{}", after);
}

void describe(const model::Node& node, const model::Node* before, Labels& attributes) {
  attributes["name"] = node.description.hostname;
  if (!before) return;
  note_change(attributes, "state", codec::word(before->status.state),
              codec::word(node.status.state));
  note_change(attributes, "availability", codec::word(before->spec.availability),
              codec::word(node.spec.availability));
  note_change(attributes, "role", codec::word(before->spec.role), codec::word(node.spec.role));
}

std::string update_word(const model::Service& service) {
  return service.update_status ? std::string(codec::word(service.update_status->state)) : "";
}

void describe(const model::Service& service, const model::Service* before, Labels& attributes) {
  attributes["name"] = service.name();
  if (!before) return;
  note_change(attributes, "image", before->spec.task->container.image,
              service.spec.task->container.image);
  const auto* old_mode = std::get_if<model::ReplicatedMode>(&before->spec.mode);
  const auto* new_mode = std::get_if<model::ReplicatedMode>(&service.spec.mode);
  if (old_mode && new_mode) {
    note_change(attributes, "replicas", old_mode->replicas, new_mode->replicas);
  }
  note_change(attributes, "updatestate", update_word(*before), update_word(service));
}

void describe(const model::Network& network, const model::Network*, Labels& attributes) {
  attributes["name"] = network.name();
}

// A node's heartbeats and an allocator's bookkeeping change objects without anything to tell.
bool worth_telling(const model::Node& before, const model::Node& after) {
  return !(before.spec == after.spec) || before.status.state != after.status.state ||
         before.role != after.role;
}
bool worth_telling(const model::Service& before, const model::Service& after) {
  return !(before.spec == after.spec) || before.update_status != after.update_status;
}
bool worth_telling(const model::Network& before, const model::Network& after) {
  return !(before.spec == after.spec);
}

template <class T>
void post_one(const Ref<T>& before, const Ref<T>& after, std::string type, Time now,
              EventBus& bus) {
  if (before && after && !worth_telling(*before, *after)) return;
  const T& object = after ? *after : *before;
  Event event{.type = std::move(type), .id = object.id.str(), .swarm_scope = true, .time = now};
  event.action = !before ? "create" : after ? "update" : "remove";
  describe(object, before && after ? before.get() : nullptr, event.attributes);
  bus.post(std::move(event));
}

// Null when the change holds another kind of object.
template <class T>
Ref<T> as(const store::Object& object) {
  const auto* ref = std::get_if<Ref<T>>(&object);
  return ref ? *ref : nullptr;
}

template <class T>
bool is(const store::Change& change) {
  return as<T>(change.before) || as<T>(change.after);
}

}  // namespace

void post_changes(const store::Batch& batch, Time now, EventBus& bus) {
  for (const auto& change : batch.changes) {
    if (is<model::Node>(change)) {
      post_one(as<model::Node>(change.before), as<model::Node>(change.after), "node", now, bus);
    } else if (is<model::Service>(change)) {
      post_one(as<model::Service>(change.before), as<model::Service>(change.after), "service", now,
               bus);
    } else if (is<model::Network>(change)) {
      post_one(as<model::Network>(change.before), as<model::Network>(change.after), "network", now,
               bus);
    }
  }
}

}  // namespace shoal::api
