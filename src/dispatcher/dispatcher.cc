// The calls of the node protocol and the outbox; the control loop is in dispatcher_loop.cc.
#include "dispatcher/dispatcher.h"

#include <utility>

#include "dispatcher/node_entry.h"

namespace shoal::dispatcher {
namespace {

using model::NodeId;
using model::SessionId;
using model::TaskState;

// The states that an agent may report; the others belong to the manager's loops.
bool is_observed(TaskState state) {
  return state >= TaskState::Accepted && state <= TaskState::Rejected;
}

// A later word on the same state counts too (a port, a process id), but an end is final.
bool rises(const model::TaskStatus& from, const model::TaskStatus& to) {
  if (to.state != from.state) return to.state > from.state;
  return !model::is_terminal(to.state) && to.timestamp > from.timestamp;
}

// A manager's own agent comes over the loopback; the others reach it where it said.
std::string reached_at(const model::Node& node, std::string seen) {
  const bool is_loopback = seen.starts_with("127.") || seen == "::1";
  if (!is_loopback || node.manager_address.empty()) return seen;
  std::string host = node.manager_address.substr(0, node.manager_address.rfind(':'));
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return host;
}

}  // namespace

Dispatcher::Dispatcher(Rng& rng) : rng_(rng) {}
Dispatcher::~Dispatcher() = default;

Duration Dispatcher::heartbeat_period() const {
  return effective_heartbeat_period(explicit_period_, stored_nodes_);
}

Result<void> Dispatcher::admit_registration(NodeEntry& entry, const NodeId& node, Time now) {
  if (now - entry.window_start > kRegistrationWindow) {
    entry.window_start = now;
    entry.registrations = 0;
  }
  if (++entry.registrations > kRegistrationsMax) {
    return unavailable("node {} exceeded rate limit count of registrations", node);
  }
  return {};
}

Result<SessionId> Dispatcher::open_session(const NodeId& node, model::SessionRequest request,
                                           Time now) {
  if (!started_) return unavailable("dispatcher is stopped");
  const auto at = nodes_.find(node);
  if (at == nodes_.end() || !at->second->stored) return not_found("node not found");
  NodeEntry& entry = *at->second;
  const bool same = entry.session && entry.session->id == request.previous;
  if (!same) {
    RETURN_IF_ERROR(admit_registration(entry, node, now));
    close(node, entry, Error{ErrorCode::InvalidArgument, "session invalid"});
    entry.session = Session{.id = SessionId::random(rng_)};
  }
  // A session that is kept stays subscribed: the agent may only have renewed its description, or
  // this be a late repetition. An agent that lost the assignments meanwhile subscribes anew.
  entry.session->message_due = true;
  entry.description_wanted = std::move(request.description);
  want_status(node, entry,
              {.state = model::NodeState::Ready,
               .message = "",
               .address = reached_at(*entry.stored, std::move(request.address))});
  heartbeats_.beat(node, now + kBeatsMissedMax * heartbeat_period());
  to_send_.insert(node);
  return entry.session->id;
}

Result<Dispatcher::NodeEntry*> Dispatcher::with_session(const NodeId& node,
                                                        const SessionId& session) {
  const auto at = nodes_.find(node);
  if (at == nodes_.end() || !at->second->session) return not_found("node not registered");
  if (at->second->session->id != session) return invalid_argument("session invalid");
  return at->second.get();
}

Result<void> Dispatcher::subscribe(const NodeId& node, const SessionId& session) {
  ASSIGN_OR_RETURN(NodeEntry * entry, with_session(node, session));
  entry->session->subscribed = true;
  entry->session->complete_due = true;
  to_send_.insert(node);
  return {};
}

Result<Duration> Dispatcher::heartbeat(const NodeId& node, const SessionId& session, Time now) {
  RETURN_IF_ERROR(with_session(node, session));
  const Duration period = heartbeat_period();
  heartbeats_.beat(node, now + kBeatsMissedMax * period);
  return period;
}

Result<void> Dispatcher::update_task_status(const store::Tables& tables, const NodeId& node,
                                            const SessionId& session,
                                            std::vector<model::StatusUpdate> updates, Time now) {
  RETURN_IF_ERROR(with_session(node, session));
  if (updates.size() > model::kStatusUpdatesMax) {
    return invalid_argument("{} statuses in one report, at most {} are taken", updates.size(),
                            model::kStatusUpdatesMax);
  }
  if (statuses_.size() + updates.size() > kPendingStatusesMax) {
    return unavailable("too many task statuses wait to be written");
  }
  for (const model::StatusUpdate& update : updates) {
    const auto task = tables.tasks().get(update.task);
    if (task && task->node_id != node) {
      return permission_denied("cannot update a task not assigned this node");
    }
  }
  for (model::StatusUpdate& update : updates) {
    const auto task = tables.tasks().get(update.task);
    if (!task || !is_observed(update.status.state)) continue;
    if (!update.status.timestamp.is_set()) update.status.timestamp = now;
    if (!rises(task->status, update.status)) continue;
    const auto [at, fresh] = statuses_.try_emplace(update.task, update.status);
    if (!fresh && rises(at->second, update.status)) at->second = std::move(update.status);
  }
  return {};
}

void Dispatcher::end_session(const NodeId& node, const SessionId& session) {
  if (const auto entry = with_session(node, session)) end(node, **entry);
}

Result<void> Dispatcher::leave(const NodeId& node, const SessionId& session, Time) {
  ASSIGN_OR_RETURN(NodeEntry * entry, with_session(node, session));
  end(node, *entry);
  heartbeats_.forget(node);
  want_status(node, *entry,
              {.state = model::NodeState::Down,
               .message = "the node left the swarm",
               .address = entry->stored ? entry->stored->status.address : ""});
  return {};
}

void Dispatcher::close(const NodeId& node, NodeEntry& entry, Error reason) {
  if (!entry.session) return;
  outbox_.push_back({node, entry.session->id, SessionEnd{std::move(reason)}});
  end(node, entry);
}

void Dispatcher::end(const NodeId& node, NodeEntry& entry) {
  entry.session.reset();
  feed_.end_watch(node);
}

model::SessionMessage Dispatcher::session_message(const NodeEntry& entry) const {
  model::SessionMessage message{.session = entry.session->id, .node = entry.stored, .managers = {}};
  for (const auto& [node, address] : managers_) {
    message.managers.push_back({.node = node, .address = address});
  }
  message.root_ca = root_ca_;
  message.renew_certificate =
      rotation_ && entry.stored && !model::has_new_issuer(*entry.stored, *rotation_);
  return message;
}

void Dispatcher::queue_complete(const NodeId& node, NodeEntry& entry) {
  Session& session = *entry.session;
  model::AssignmentsMessage message{.type = model::AssignmentsType::Complete,
                                    .applies_to = "",
                                    .results_in = std::to_string(++session.sequence),
                                    .changes = {}};
  message.changes.reserve(entry.tasks.size());
  for (const auto& [id, task] : entry.tasks) {
    message.changes.push_back({model::AssignmentAction::Update, id, task});
  }
  session.complete_due = false;
  session.dirty.clear();
  outbox_.push_back({node, session.id, std::move(message)});
}

void Dispatcher::queue_changes(const NodeId& node, NodeEntry& entry) {
  Session& session = *entry.session;
  model::AssignmentsMessage message{.type = model::AssignmentsType::Incremental,
                                    .applies_to = std::to_string(session.sequence),
                                    .results_in = std::to_string(session.sequence + 1),
                                    .changes = {}};
  ++session.sequence;
  message.changes.reserve(session.dirty.size());
  for (const auto& id : session.dirty) {
    const auto task = entry.tasks.find(id);
    if (task == entry.tasks.end()) {
      message.changes.push_back({model::AssignmentAction::Remove, id, nullptr});
    } else {
      message.changes.push_back({model::AssignmentAction::Update, id, task->second});
    }
  }
  session.dirty.clear();
  outbox_.push_back({node, session.id, std::move(message)});
}

std::vector<Outgoing> Dispatcher::take_outgoing() {
  for (const NodeId& node : std::exchange(to_send_, {})) {
    const auto at = nodes_.find(node);
    if (at == nodes_.end() || !at->second->session) continue;
    NodeEntry& entry = *at->second;
    if (entry.session->message_due) {
      entry.session->message_due = false;
      outbox_.push_back({node, entry.session->id, session_message(entry)});
    }
    if (entry.session->complete_due) {
      queue_complete(node, entry);
    } else if (entry.session->subscribed && !entry.session->dirty.empty()) {
      queue_changes(node, entry);
    }
  }
  return std::exchange(outbox_, {});
}

}  // namespace shoal::dispatcher
