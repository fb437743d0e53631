// Reach: a manager's client looks into a container of another node, as plain values: one HTTP
// request and its answer, carried over a call that the node makes.
//
// The manager asks on the node's Listen stream, by an id; the node answers with a Carry call that
// names the id first. On it the manager sends the request, then what the client sends; the node
// sends the answer's head, then its bytes. The end of the call is the end of the answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/id.h"

namespace shoal::model {

using ReachId = Id<struct ReachTag>;

// A longer body is refused; the longest that is of use holds the command line of an exec.
inline constexpr size_t kReachBodyMax = size_t{2} << 20;
// Parameters of one request.
inline constexpr size_t kReachQueryMax = 64;
// The most bytes in one message of either direction.
inline constexpr size_t kReachPieceMax = size_t{64} << 10;

struct ReachRequest {
  std::string method;
  std::string path;                                        // without the version
  std::vector<std::pair<std::string, std::string>> query;  // decoded
  uint32_t api_minor = 0;                                  // of version 1.x
  std::string content_type;                                // of the body
  std::string body;

  bool operator==(const ReachRequest&) const = default;
};

// From the manager.
struct ReachInput {
  std::optional<ReachRequest> request;  // in the first one
  std::string bytes;                    // that the client sent after an upgrade
  bool end = false;                     // the client has closed its half

  bool operator==(const ReachInput&) const = default;
};

enum class ReachForm : uint8_t {
  Whole = 0,   // an answer that is sent as one
  Stream = 1,  // piece by piece
  Raw = 2,     // both directions are free from here on
};

struct ReachHead {
  ReachForm form = ReachForm::Whole;
  int status = 200;
  std::string content_type;

  bool operator==(const ReachHead&) const = default;
};

// From the node.
struct ReachOutput {
  ReachId id;  // in the first one, which has nothing else
  std::optional<ReachHead> head;
  std::string bytes;
  bool end = false;  // of the output, while the input may go on

  bool operator==(const ReachOutput&) const = default;
};

// What a request of the few that a manager may carry to a node is about.
struct ReachTarget {
  enum class Kind { Container, Exec };
  Kind kind = Kind::Container;
  std::string id;      // as it was written
  std::string action;  // "json", "logs", "start" …

  bool operator==(const ReachTarget&) const = default;
};

// Nothing for every other request. Both ends ask: the manager what it may carry, the node what it
// lets in.
std::optional<ReachTarget> reach_target(std::string_view method, std::string_view path);
// The path of a target.
std::string reach_path(const ReachTarget& target);

}  // namespace shoal::model
