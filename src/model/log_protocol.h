// The logs of tasks on their way from the nodes to a reader at a manager, as plain values; the
// shapes are those of the node protocol's LogBroker.
//
// A reader makes a subscription. The manager sends it to every node that has (or, while it follows,
// gets) a task of the selection; the node publishes what its containers wrote and says when that is
// all. A subscription with `close` set takes one back.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "model/common.h"

namespace shoal::model {

using LogSubscriptionId = Id<struct LogSubscriptionTag>;

// Tasks of any of these; an empty selector selects nothing.
struct LogSelector {
  std::vector<ServiceId> services;
  std::vector<NodeId> nodes;
  std::vector<TaskId> tasks;

  bool operator==(const LogSelector&) const = default;
};

struct LogOptions {
  bool stdout_wanted = true;
  bool stderr_wanted = true;
  bool follow = false;
  std::optional<uint64_t> tail;  // only the last n lines of each container; unset: all
  std::optional<Time> since;     // lines at or after

  bool operator==(const LogOptions&) const = default;
};

struct LogSubscription {
  LogSubscriptionId id;
  LogSelector selector;
  LogOptions options;
  bool close = false;

  bool operator==(const LogSubscription&) const = default;
};

enum class LogStream : uint8_t { Unknown = 0, Stdout = 1, Stderr = 2 };

// One line, with its newline unless the output ended without one.
struct LogMessage {
  ServiceId service;
  NodeId node;
  TaskId task;
  Time time;
  LogStream stream = LogStream::Unknown;
  std::string data;
  Labels attributes;  // details of the log driver

  bool operator==(const LogMessage&) const = default;
};

// A node's answer, many for one subscription. `close` is its last.
struct LogPublication {
  LogSubscriptionId subscription;
  std::vector<LogMessage> messages;
  bool close = false;

  bool operator==(const LogPublication&) const = default;
};

}  // namespace shoal::model
