// What the dispatcher keeps for a node. Internal to the room.
#pragma once

#include <map>
#include <optional>
#include <set>

#include "dispatcher/dispatcher.h"

namespace shoal::dispatcher {

struct Dispatcher::Session {
  model::SessionId id;
  bool subscribed = false;
  bool message_due = true;    // a SessionMessage
  bool complete_due = false;  // a COMPLETE message; the dirty tasks are part of it
  uint64_t sequence = 0;      // of the last assignments message
  std::set<model::TaskId> dirty;
};

struct Dispatcher::NodeEntry {
  model::Ref<model::Node> stored;  // as durable; null when only tasks of a removed node are left
  std::optional<Session> session;
  // Durable, ASSIGNED and beyond, as the node is told of them. Of one that is withdrawn the newest
  // waits in `withheld`.
  std::map<model::TaskId, model::Ref<model::Task>> tasks;
  std::map<model::TaskId, model::Ref<model::Task>> withheld;
  Time window_start;  // of the registrations counted
  int registrations = 0;
  std::optional<Time> orphan_at;  // set while the node is down
  std::optional<model::NodeStatus> status_wanted;
  std::optional<model::NodeDescription> description_wanted;
};

}  // namespace shoal::dispatcher
