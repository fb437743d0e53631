#include "engine/log_watch.h"

#include <sys/inotify.h>
#include <unistd.h>

#include <cerrno>
#include <list>
#include <set>

#include "os/file.h"

namespace shoal::engine {

struct LogWatch::State {
  using Callbacks = std::list<std::function<void()>>;

  os::Fd inotify{::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)};
  std::map<int, Callbacks> folders;  // by watch descriptor

  void drop(int watch, Callbacks::iterator callback) {
    const auto folder = folders.find(watch);
    folder->second.erase(callback);
    if (!folder->second.empty()) return;
    folders.erase(folder);
    ::inotify_rm_watch(inotify.get(), watch);  // Fails when the folder is gone: fine.
  }

  // Which folders changed since the last look.
  std::set<int> take_events() {
    std::set<int> changed;
    alignas(inotify_event) char buffer[16384];
    for (;;) {
      const ssize_t count = ::read(inotify.get(), buffer, sizeof buffer);
      if (count < 0 && errno == EINTR) continue;
      if (count <= 0) return changed;
      for (ssize_t at = 0; at < count;) {
        const auto* event = reinterpret_cast<const inotify_event*>(buffer + at);
        at += ssize_t(sizeof *event + event->len);
        if (event->mask & IN_Q_OVERFLOW) {
          for (const auto& [watch, callbacks] : folders) changed.insert(watch);
        } else {
          changed.insert(event->wd);
        }
      }
    }
  }
};

LogWatch::LogWatch(os::Loop& loop) : state_(std::make_shared<State>()) {
  if (state_->inotify) os::spawn(pump(loop, state_, stop_.token()));
}

LogWatch::~LogWatch() {
  stop_.stop();
}

Result<LogWatch::Subscription> LogWatch::subscribe(const std::string& folder,
                                                   std::function<void()> changed) {
  if (!state_->inotify) return unavailable("inotify is not to be had: too many instances");
  const int watch = ::inotify_add_watch(state_->inotify.get(), folder.c_str(),
                                        IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR);
  if (watch < 0) return os::system_error("watch", folder, errno);
  auto& callbacks = state_->folders[watch];
  const auto at = callbacks.insert(callbacks.end(), std::move(changed));
  return Subscription(&*at, [state = state_, watch, at](void*) { state->drop(watch, at); });
}

os::Co<> LogWatch::pump(os::Loop& loop, std::shared_ptr<State> state, os::StopToken stop) {
  while (co_await loop.readable(state->inotify.get(), stop)) {
    for (const int watch : state->take_events()) {
      const auto folder = state->folders.find(watch);
      if (folder == state->folders.end()) continue;
      // Copied: a callback may drop subscriptions, its own too.
      const auto callbacks = folder->second;
      for (const auto& callback : callbacks) callback();
    }
  }
}

}  // namespace shoal::engine
