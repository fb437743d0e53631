// RpcLink: an agent's Link to a manager over the node protocol (wire.md, "Sequence"), on one
// connection that shows the node's certificate.
//
// A session is six calls: Session, Assignments and Networks' Watch, which are streams, the
// LogBroker's and Reach's, and a Heartbeat again and again. When one of the streams ends, the
// session does. Control thread. Lives as long as the node is in its swarm; close() or the end of
// the session comes before its destruction, and finished() after that.
#pragma once

#include <memory>
#include <string>

#include "agent/link.h"
#include "agent/log_publications.h"
#include "agent/reach_calls.h"
#include "agent/remotes.h"
#include "model/attach_protocol.h"
#include "os/loop.h"
#include "rpc/client.h"

namespace shoal::agent {

// Each single call, and the first message of a session.
inline constexpr Duration kCallTimeout = 5s;

class RpcLink final : public Link {
 public:
  // The address in `manager` is that of `remotes`, which outlives the link: a session that cannot
  // be opened there is tried at the next one.
  RpcLink(os::Loop& loop, Log& log, LogSource& logs, ReachHost& host, rpc::ChannelOptions manager,
          Remotes& remotes);
  ~RpcLink() override;

  os::Co<Result<model::SessionId>> open(model::SessionRequest request, Listener& listener) override;
  os::Co<Result<void>> subscribe(model::SessionId session) override;
  os::Co<Result<Duration>> heartbeat(model::SessionId session) override;
  os::Co<Result<void>> report(model::SessionId session,
                              std::vector<model::StatusUpdate> updates) override;
  os::Co<Result<void>> watch_networks(model::SessionId session) override;
  os::Co<Result<void>> acknowledge(model::SessionId session, uint64_t version) override;
  void close(model::SessionId session) override;

  // Attaches a container of this node's users to a network of the swarm; with or without a session.
  // The id is that of the task that stands for it: it comes as an assignment, with the addresses.
  // Asked again for the same container and network it is the same one. Errors as in
  // manager/attachments.h, FailedPrecondition with the reason when there is no address, and
  // Unavailable when no manager answers.
  os::Co<Result<model::TaskId>> attach_network(model::AttachRequest request);
  // The container is gone. NotFound when the attachment is, too.
  os::Co<Result<void>> detach_network(model::TaskId attachment);

  // Returns once none of its calls runs any more.
  os::Co<> finished();
  // For the calls that are not the session's (NodeCA).
  rpc::Channel& channel() { return channel_; }

 private:
  using CallRef = std::shared_ptr<rpc::ClientCall>;
  // One of the session's streams; a later one takes the place of the one before.
  struct Stream {
    rpc::ClientCall* call = nullptr;
    uint64_t turn = 0;
  };
  os::Co<Result<std::unique_ptr<rpc::ClientCall>>> begin(std::string_view method,
                                                         std::string request);
  os::Co<Result<model::SessionMessage>> first_message(rpc::ClientCall& call);
  os::Co<Result<model::SessionId>> open_here(model::SessionRequest request, Listener& listener);
  // Hands what comes on the stream to the listener, until its end, which is the session's.
  template <class Message>
  os::Co<> hear(std::unique_ptr<rpc::ClientCall> call, Stream& stream,
                Result<Message> (*decode)(std::string_view),
                void (Listener::*deliver)(const Message&), std::optional<Message> first);
  bool may_be_missing(const Stream& stream, const Error& reason) const;
  os::Co<> serve_logs(os::StopToken over);
  os::Co<> serve_reach(os::StopToken over);
  os::Co<Result<std::string>> call(std::string_view method, std::string request);
  // The session ends from here: the listener is told unless the reason is close().
  void end(const Error& reason);

  os::Loop& loop_;
  Remotes& remotes_;
  std::string dialled_;  // the one of them that the channel leads to
  rpc::Channel channel_;
  LogPublications logs_;
  ReachCalls reach_;
  Listener* listener_ = nullptr;  // null while no session is open
  model::SessionId session_;
  Stream messages_, assignments_, networks_;
  os::StopSource over_;  // of the present session
  int running_ = 0;      // coroutines that hear or serve
  os::Signal ended_;
};

}  // namespace shoal::agent
