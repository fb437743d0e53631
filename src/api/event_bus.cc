#include "api/event_bus.h"

namespace shoal::api {

EventBus::Listener::~Listener() {
  bus_.listeners_.erase(this);
}

os::Co<std::shared_ptr<const Event>> EventBus::Listener::next(os::StopToken stop) {
  while (queue_.empty() && !too_slow_) {
    if (stop.stopped()) co_return nullptr;
    co_await posted_.wait(stop);
  }
  if (too_slow_ || stop.stopped()) co_return nullptr;
  auto event = std::move(queue_.front());
  queue_.pop_front();
  co_return event;
}

void EventBus::post(Event event) {
  const auto shared = std::make_shared<const Event>(std::move(event));
  kept_.push_back(shared);
  if (kept_.size() > kEventsKept) kept_.pop_front();
  // A woken listener may end and leave the set.
  const auto listeners = listeners_;
  for (Listener* listener : listeners) {
    if (!listeners_.contains(listener)) continue;
    if (listener->queue_.size() >= kListenerQueueMax) {
      listener->too_slow_ = true;
    } else {
      listener->queue_.push_back(shared);
    }
    listener->posted_.notify();
  }
}

std::unique_ptr<EventBus::Listener> EventBus::listen(std::optional<Time> since) {
  std::unique_ptr<Listener> listener(new Listener(*this));
  for (const auto& event : kept_) {
    if (since && event->time >= *since) listener->queue_.push_back(event);
  }
  listeners_.insert(listener.get());
  return listener;
}

}  // namespace shoal::api
