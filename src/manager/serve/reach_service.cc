#include "manager/serve/reach_service.h"

#include <utility>

#include "codec/wire/reach.h"
#include "manager/serve/outbox.h"

namespace shoal::manager {
namespace {

// A stream to a node, on which it is asked.
class Ear final : public NodeReach::Listener {
 public:
  Ear(os::Loop& loop, NodeReach& reach, model::NodeId node)
      : reach_(reach), node_(node), outbox_(loop) {
    reach_.listen(node_, this);
  }
  ~Ear() override { reach_.hang_up(node_, this); }

  void call(const model::ReachId& id) override { outbox_.put(id); }
  os::Co<Result<model::ReachId>> next(os::StopToken stop) { return outbox_.take(stop); }

 private:
  NodeReach& reach_;
  const model::NodeId node_;
  Outbox<model::ReachId> outbox_;
};

// The call of a node that answers.
class CallLine final : public NodeReach::Line {
 public:
  explicit CallLine(rpc::Call& call) : call_(call) {}

  os::Co<Result<std::optional<model::ReachOutput>>> read() override {
    auto bytes = co_await call_.read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) co_return std::nullopt;
    CO_ASSIGN_OR_RETURN(auto output, wire::decode_reach_output(**bytes));
    if (output.id) co_return invalid_argument("an id in the middle of an answer");
    co_return std::move(output);
  }
  os::Co<Result<void>> write(model::ReachInput input) override {
    std::string bytes = wire::encode(input);
    co_return co_await call_.write(std::move(bytes));
  }
  void cut(Error why) override { call_.cancel(std::move(why)); }

 private:
  rpc::Call& call_;
};

}  // namespace

void ReachService::add_to(rpc::Server& server) {
  const std::string service = "/shoal.v1.Reach/";
  rpc::MethodOptions options = peers_.for_nodes();
  options.request_bytes_max = wire::kReachOutputBytesMax;
  server.stream(service + "Listen", [this](rpc::Call& call) { return listen(call); }, options);
  server.stream(service + "Carry", [this](rpc::Call& call) { return carry(call); }, options);
}

os::Co<Result<void>> ReachService::listen(rpc::Call& call) {
  const auto request = co_await call.read();  // It is empty.
  if (!request) co_return std::unexpected(request.error());
  Ear ear(loop_, reach_, peers_.node_of(call));
  const os::StopToken gone = call.cancelled();
  for (;;) {
    const auto id = co_await ear.next(gone);
    if (!id) co_return std::unexpected(id.error());
    std::string bytes = wire::encode_reach_call(*id);
    CO_RETURN_IF_ERROR(co_await call.write(std::move(bytes)));
  }
}

os::Co<Result<void>> ReachService::carry(rpc::Call& call) {
  const auto bytes = co_await call.read();
  if (!bytes) co_return std::unexpected(bytes.error());
  if (!*bytes) co_return invalid_argument("an answer without an id");
  CO_ASSIGN_OR_RETURN(const auto first, wire::decode_reach_output(**bytes));
  CallLine line(call);
  const model::NodeId node = peers_.node_of(call);
  co_return co_await reach_.carry(node, first.id, line, call.cancelled());
}

}  // namespace shoal::manager
