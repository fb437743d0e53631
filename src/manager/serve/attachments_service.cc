#include "manager/serve/attachments_service.h"

#include <utility>

#include "codec/wire/attachments.h"
#include "manager/serve/commit.h"
#include "manager/serve/streams.h"

namespace shoal::manager {

void AttachmentsService::add_to(rpc::Server& server) {
  const std::string service = "/docker.swarmkit.v1.ResourceAllocator/";
  rpc::MethodOptions options = peers_.for_nodes();
  options.request_bytes_max = wire::kAttachRequestBytesMax;
  server.unary(
      service + "AttachNetwork",
      [this](const rpc::Call& call, std::string request) {
        return attach(call, std::move(request));
      },
      options);
  server.unary(
      service + "DetachNetwork",
      [this](const rpc::Call& call, std::string request) {
        return detach(call, std::move(request));
      },
      options);
}

os::Co<Result<std::string>> AttachmentsService::attach(const rpc::Call& call, std::string bytes) {
  CO_ASSIGN_OR_RETURN(const model::AttachRequest request, wire::decode_attach_request(bytes));
  const model::NodeId node = peers_.node_of(call);
  model::TaskId id;
  const store::Store::Write write = [&](store::WriteTx& tx) -> Result<void> {
    ASSIGN_OR_RETURN(id, attach_container(tx, node, request, rng_));
    return {};
  };
  CO_RETURN_IF_ERROR(co_await commit(manager_, loop_.now(), write));
  const auto allocation = co_await allocated(id, call.cancelled());
  if (allocation) co_return wire::encode_attachment(id);
  (void)co_await remove(node, id);  // It may be gone already.
  co_return std::unexpected(allocation.error());
}

// Whoever waits for the container hears at once why it gets no address. What else keeps the
// allocator from it (a term that ends) the node finds out by waiting for the assignment.
os::Co<Result<void>> AttachmentsService::allocated(model::TaskId id, os::StopToken gone) {
  const os::Signal changed;
  const auto bound = loop_.at(loop_.now() + kAttachWait, [changed] { changed.notify(); });
  const Time until = loop_.now() + kAttachWait;
  std::unique_ptr<store::Store::Watch> watch;
  if (store::Store* store = manager_.store()) {
    watch = store->watch([changed](const store::Batch&) { changed.notify(); });
  }
  for (;;) {
    const store::Store* store = manager_.store();
    if (!store) co_return no_leader();
    const auto task = store->read().tasks().get(id);
    if (!task) co_return unavailable("attachment {} is gone", id);
    if (task->status.state != model::TaskState::New) co_return Result<void>{};
    if (!task->status.error.empty()) co_return failed_precondition("{}", task->status.error);
    if (loop_.now() >= until || gone.stopped()) co_return Result<void>{};
    (void)co_await changed.wait(gone);
  }
}

os::Co<Result<std::string>> AttachmentsService::detach(const rpc::Call& call, std::string bytes) {
  CO_ASSIGN_OR_RETURN(const model::TaskId id, wire::decode_attachment(bytes));
  CO_RETURN_IF_ERROR(co_await remove(peers_.node_of(call), id));
  co_return std::string();
}

os::Co<Result<void>> AttachmentsService::remove(model::NodeId node, model::TaskId id) {
  const store::Store::Write write = [&](store::WriteTx& tx) {
    return detach_container(tx, node, id);
  };
  co_return co_await commit(manager_, loop_.now(), write);
}

}  // namespace shoal::manager
