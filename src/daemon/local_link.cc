#include "daemon/local_link.h"

#include <utility>

namespace shoal::daemon {
namespace {

std::unexpected<Error> no_leader() {
  return unavailable("the manager is not ready");
}

}  // namespace

LocalLink::LocalLink(os::Loop& loop, manager::Manager& manager, model::NodeId node,
                     std::string address)
    : loop_(loop), manager_(manager), node_(node), address_(std::move(address)) {
  manager_.serve(this);
}

LocalLink::~LocalLink() {
  *alive_ = false;
  manager_.serve(nullptr);
}

os::Co<Result<model::SessionId>> LocalLink::open(model::SessionRequest request,
                                                 agent::Listener& listener) {
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  request.address = address_;
  auto session = dispatcher->open_session(node_, std::move(request), loop_.now());
  if (session) {
    listener_ = &listener;
    session_ = *session;
  }
  manager_.wake();
  co_return session;
}

os::Co<Result<void>> LocalLink::subscribe(model::SessionId session) {
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  auto subscribed = dispatcher->subscribe(node_, session);
  manager_.wake();
  co_return subscribed;
}

os::Co<Result<Duration>> LocalLink::heartbeat(model::SessionId session) {
  auto* dispatcher = manager_.dispatcher();
  if (!dispatcher) co_return no_leader();
  auto period = dispatcher->heartbeat(node_, session, loop_.now());
  manager_.wake();
  co_return period;
}

os::Co<Result<void>> LocalLink::report(model::SessionId session,
                                       std::vector<model::StatusUpdate> updates) {
  auto* dispatcher = manager_.dispatcher();
  const store::Store* store = manager_.store();
  if (!dispatcher || !store) co_return no_leader();
  auto taken = dispatcher->update_task_status(store->read(), node_, session, std::move(updates),
                                              loop_.now());
  manager_.wake();
  co_return taken;
}

void LocalLink::close(model::SessionId session) {
  listener_ = nullptr;
  if (auto* dispatcher = manager_.dispatcher()) {
    dispatcher->end_session(node_, session);
    manager_.wake();
  }
}

void LocalLink::send(dispatcher::Outgoing message) {
  loop_.post([this, alive = alive_, message = std::move(message)] {
    if (*alive && listener_ && message.session == session_) deliver(message);
  });
}

void LocalLink::deliver(const dispatcher::Outgoing& outgoing) {
  if (const auto* session = std::get_if<model::SessionMessage>(&outgoing.message)) {
    listener_->on_session(*session);
  } else if (const auto* tasks = std::get_if<model::AssignmentsMessage>(&outgoing.message)) {
    listener_->on_assignments(*tasks);
  } else if (const auto* end = std::get_if<dispatcher::SessionEnd>(&outgoing.message)) {
    std::exchange(listener_, nullptr)->on_end(end->reason);
  }
}

void LocalLink::end_all(const Error& reason) {
  loop_.post([this, alive = alive_, reason] {
    if (*alive && listener_) std::exchange(listener_, nullptr)->on_end(reason);
  });
}

}  // namespace shoal::daemon
