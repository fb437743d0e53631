#include "api/event_bus.h"

namespace shoal::api {

size_t Event::bytes() const {
  size_t bytes = sizeof *this + action.size() + id.size();
  for (const auto& [key, value] : attributes) bytes += key.size() + value.size();
  return bytes;
}

EventBus::Listener::~Listener() {
  bus_.listeners_.erase(this);
}

os::Co<std::shared_ptr<const Event>> EventBus::Listener::next(os::StopToken stop) {
  while (queue_.empty() && !too_slow_ && !stop.stopped()) co_await posted_.wait(stop);
  if (queue_.empty()) co_return nullptr;
  auto event = std::move(queue_.front());
  queue_.pop_front();
  queued_bytes_ -= event->bytes();
  co_return event;
}

void EventBus::post(Event event) {
  const auto shared = std::make_shared<const Event>(std::move(event));
  const size_t bytes = shared->bytes();
  kept_.push_back(shared);
  kept_bytes_ += bytes;
  while (kept_.size() > kEventsKept || kept_bytes_ > kEventBytesMax) {
    kept_bytes_ -= kept_.front()->bytes();
    kept_.pop_front();
  }
  // A woken listener may end and leave the set.
  const auto listeners = listeners_;
  for (Listener* listener : listeners) {
    if (!listeners_.contains(listener)) continue;
    const bool is_first = listener->queue_.empty();
    const size_t queued = listener->queued_bytes_ + bytes;
    if (listener->queue_.size() >= kListenerQueueMax || (queued > kEventBytesMax && !is_first)) {
      listener->too_slow_ = true;
      listener->queue_.clear();  // It may never ask again.
      listener->queued_bytes_ = 0;
    } else {
      listener->queue_.push_back(shared);
      listener->queued_bytes_ = queued;
    }
    listener->posted_.notify();
  }
}

std::unique_ptr<EventBus::Listener> EventBus::listen(std::optional<Time> since) {
  std::unique_ptr<Listener> listener(new Listener(*this));
  for (const auto& event : kept_) {
    if (!since || event->time < *since) continue;
    listener->queue_.push_back(event);
    listener->queued_bytes_ += event->bytes();
  }
  listeners_.insert(listener.get());
  return listener;
}

}  // namespace shoal::api
