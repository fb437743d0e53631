#include "codec/wire/log_broker.h"

#include <algorithm>

#include "codec/wire/parts.h"

namespace shoal::wire {
namespace {

using wire::get;  // besides those of this file
using wire::put;

using model::LogStream;

template <class Ids, class Texts>
void put_ids(const Ids& in, Texts* out) {
  for (const auto& id : in) *out->Add() = id.str();
}

void put(const model::LogSelector& in, pb::LogSelector* out) {
  put_ids(in.services, out->mutable_service_ids());
  put_ids(in.nodes, out->mutable_node_ids());
  put_ids(in.tasks, out->mutable_task_ids());
}

model::LogSelector get(const pb::LogSelector& in, Fault& fault) {
  return {.services = ids_from<model::ServiceId>(in.service_ids(), "selector.service_ids", fault),
          .nodes = ids_from<model::NodeId>(in.node_ids(), "selector.node_ids", fault),
          .tasks = ids_from<model::TaskId>(in.task_ids(), "selector.task_ids", fault)};
}

// The wire counts lines from the end as -(n + 1); 0 is all of them. No stream named means both, so
// that neither is said with the stream that no line has.
void put(const model::LogOptions& in, pb::LogOptions* out) {
  if (in.stdout_wanted) out->add_streams(uint32_t(LogStream::Stdout));
  if (in.stderr_wanted) out->add_streams(uint32_t(LogStream::Stderr));
  if (out->streams().empty()) out->add_streams(uint32_t(LogStream::Unknown));
  out->set_follow(in.follow);
  constexpr uint64_t kTailMax = uint64_t(std::numeric_limits<int64_t>::max());
  if (in.tail) out->set_tail(-1 - int64_t(std::min(*in.tail, kTailMax)));
  if (in.since) put(*in.since, out->mutable_since());
}

model::LogOptions get(const pb::LogOptions& in, Fault& fault) {
  model::LogOptions out;
  if (!in.streams().empty()) out.stdout_wanted = out.stderr_wanted = false;
  for (const uint32_t number : in.streams()) {
    const auto stream = enum_from(number, LogStream::Stderr, "log stream", fault);
    if (stream == LogStream::Stdout) out.stdout_wanted = true;
    if (stream == LogStream::Stderr) out.stderr_wanted = true;
  }
  out.follow = in.follow();
  if (in.tail() > 0) fault.note("options.tail: lines are counted from the end only");
  if (in.tail() < 0) out.tail = uint64_t(-1 - in.tail());
  if (in.has_since()) out.since = get(in.since(), "options.since", fault);
  return out;
}

void put(const model::LogMessage& in, pb::LogMessage* out) {
  pb::LogContext* context = out->mutable_context();
  context->set_service_id(in.service.str());
  context->set_node_id(in.node.str());
  context->set_task_id(in.task.str());
  if (in.time.is_set()) put(in.time, out->mutable_timestamp());
  out->set_stream(uint32_t(in.stream));
  out->set_data(in.data);
  put_labels(in.attributes, out->mutable_attributes());
}

model::LogMessage get(const pb::LogMessage& in, Fault& fault) {
  const pb::LogContext& context = in.context();
  return {.service = id_from<model::ServiceId>(context.service_id(), Need::Optional,
                                               "messages.context.service_id", fault),
          .node = id_from<model::NodeId>(context.node_id(), Need::Optional,
                                         "messages.context.node_id", fault),
          .task = id_from<model::TaskId>(context.task_id(), Need::Optional,
                                         "messages.context.task_id", fault),
          .time = get(in.timestamp(), "messages.timestamp", fault),
          .stream = enum_from(in.stream(), LogStream::Stderr, "log stream", fault),
          .data = in.data(),
          .attributes = labels_from(in.attributes(), "messages.attrs", fault)};
}

model::LogSubscriptionId subscription_from(const std::string& text, const char* what,
                                           Fault& fault) {
  return id_from<model::LogSubscriptionId>(text, Need::Required, what, fault);
}

}  // namespace

std::string encode(const model::LogSubscription& subscription) {
  pb::LogSubscription out;
  out.set_id(subscription.id.str());
  put(subscription.selector, out.mutable_selector());
  put(subscription.options, out.mutable_options());
  out.set_close(subscription.close);
  return bytes_of(out);
}

Result<model::LogSubscription> decode_log_subscription(std::string_view bytes) {
  return read_message<pb::LogSubscription>(bytes, kLogSubscriptionBytesMax, "log subscription",
                                           [](const pb::LogSubscription& in, Fault& fault) {
                                             return model::LogSubscription{
                                                 .id = subscription_from(in.id(), "id", fault),
                                                 .selector = get(in.selector(), fault),
                                                 .options = get(in.options(), fault),
                                                 .close = in.close()};
                                           });
}

std::string encode(const model::LogPublication& publication) {
  pb::LogPublication out;
  out.set_subscription_id(publication.subscription.str());
  for (const model::LogMessage& message : publication.messages) put(message, out.add_messages());
  out.set_close(publication.close);
  return bytes_of(out);
}

Result<model::LogPublication> decode_log_publication(std::string_view bytes) {
  static_assert(kItemsMax == int(kPublishedMessagesMax));
  return read_message<pb::LogPublication>(
      bytes, kLogPublicationBytesMax, "log publication",
      [](const pb::LogPublication& in, Fault& fault) {
        return model::LogPublication{
            .subscription = subscription_from(in.subscription_id(), "subscription_id", fault),
            .messages = each_from<model::LogMessage>(
                in.messages(), "messages", fault,
                [&](const pb::LogMessage& message) { return get(message, fault); }),
            .close = in.close()};
      });
}

}  // namespace shoal::wire
