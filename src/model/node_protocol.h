// What managers and agents say to each other, as plain values.
//
// The shapes are those of the node protocol (docker.swarmkit.v1), so the wire carries exactly these
// and an agent linked in process gets them unchanged. Tasks travel as shared references: a message
// to a node costs nothing per task until it is encoded.
//
// Rules of the protocol that both sides keep:
// - a COMPLETE assignment is authoritative: a task that it lacks is to be stopped and removed;
// - an INCREMENTAL one applies only to the state its applies_to names (the results_in of the
//   message before); otherwise the agent subscribes again and gets a COMPLETE one;
// - a REMOVE needs only the id;
// - observed states only rise; duplicates and late reports are normal.
#pragma once

#include <string>
#include <vector>

#include "model/node.h"
#include "model/task.h"

namespace shoal::model {

// A manager that an agent may talk to.
struct ManagerPeer {
  NodeId node;
  std::string address;  // "10.0.0.1:2377"
  int64_t weight = 10;

  bool operator==(const ManagerPeer&) const = default;
};

// Agent to manager: opens a session, or renews the description of the one it has.
struct SessionRequest {
  NodeDescription description;
  SessionId previous;   // of the session before, empty at the first
  std::string address;  // where the node was seen from; the manager's shell fills it in
};

// A key of the overlay networks' gossip and encryption. Secret: never logged.
struct EncryptionKey {
  std::string subsystem;  // "networking:gossip", "networking:ipsec"
  std::string key;        // 16 bytes
  uint64_t lamport_time = 0;

  bool operator==(const EncryptionKey&) const = default;
};

// Manager to agent: the first one within the answer to SessionRequest, another one whenever the
// node's own record or the list of managers changed. Managers that are not listed are forgotten.
struct SessionMessage {
  SessionId session;
  Ref<Node> node;
  std::vector<ManagerPeer> managers;
  std::vector<EncryptionKey> network_keys;
  std::string root_ca;             // PEM, every root to trust; empty: as before
  bool renew_certificate = false;  // with `node`: it shall ask for a new certificate at once
};

enum class AssignmentAction { Update, Remove };

// Secrets, configs and networks become further kinds of change when they exist.
struct AssignmentChange {
  AssignmentAction action = AssignmentAction::Update;
  TaskId task_id;
  Ref<Task> task;  // null for Remove
};

enum class AssignmentsType { Complete, Incremental };

// Manager to agent: what the node shall run. `applies_to` and `results_in` are opaque.
struct AssignmentsMessage {
  AssignmentsType type = AssignmentsType::Complete;
  std::string applies_to;  // empty for Complete
  std::string results_in;
  std::vector<AssignmentChange> changes;
};

// The most statuses that one report may hold; an agent with more sends several.
inline constexpr size_t kStatusUpdatesMax = 10'000;

// Agent to manager: how a task does. A timestamp that is unset is filled in on arrival.
struct StatusUpdate {
  TaskId task;
  TaskStatus status;

  bool operator==(const StatusUpdate&) const = default;
};

// Agent to manager: one report. The answer is empty.
struct StatusReport {
  SessionId session;
  std::vector<StatusUpdate> updates;

  bool operator==(const StatusReport&) const = default;
};

}  // namespace shoal::model
