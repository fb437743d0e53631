// ReachCalls: the agent's side of the node protocol's Reach. For one session it listens to what
// clients of the manager ask about containers here, and answers each request on a call of its own.
//
// The answers go over connections of their own, few on each: a client that does not read holds up
// neither heartbeats nor other clients.
//
// Control thread. Lives as long as the link; run() may begin for the next session before the one
// before has ended.
#pragma once

#include <string>

#include "agent/reach_host.h"
#include "base/log.h"
#include "os/loop.h"
#include "rpc/client.h"

namespace shoal::agent {

// Answers under way; further requests are not taken up.
inline constexpr size_t kReachAnswersMax = 64;
// Of one connection. What is unread of that many (rpc/limits.h) does not fill it.
inline constexpr size_t kAnswersPerConnectionMax = 8;

class ReachCalls {
 public:
  // `session` is the session's channel, `manager` how others like it are made.
  ReachCalls(os::Loop& loop, Log& log, rpc::Channel& session, rpc::ChannelOptions manager,
             ReachHost& host);

  // Speaks to the manager at `address` until `stop` or the end of its stream, whose error it
  // returns; then every answer ends too. Success when the manager has no Reach.
  os::Co<Result<void>> run(std::string address, os::StopToken stop);

 private:
  struct Connection;
  struct Session;
  os::Co<Result<void>> listen(Session& session);
  os::Co<> answer(Session& session, model::ReachId id);
  os::Co<Result<void>> carry(Connection& connection, model::ReachId id, os::StopToken stop);

  os::Loop& loop_;
  Log& log_;
  rpc::Channel& session_;
  rpc::ChannelOptions manager_;
  ReachHost& host_;
};

}  // namespace shoal::agent
