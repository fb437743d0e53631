// For tests: an engine on a file of its own, with a store on it and without a loop.
#pragma once

#include <stdlib.h>

#include <chrono>
#include <condition_variable>
#include <deque>
#include <filesystem>
#include <memory>
#include <mutex>
#include <string>

#include "base/check.h"
#include "model/testing.h"
#include "state/sqlite/engine.h"
#include "store/store.h"

namespace shoal::state {

// Stands for the control thread's loop: functions come from the writer and run here.
class Inbox {
 public:
  SqliteEngine::Post post() {
    return [this](std::move_only_function<void()> function) {
      {
        const std::lock_guard lock(mutex_);
        functions_.push_back(std::move(function));
      }
      changed_.notify_one();
    };
  }
  // Runs what arrives until `done` is true; false after 30 s.
  template <class Done>
  bool run_until(Done done) {
    while (!done()) {
      std::unique_lock lock(mutex_);
      if (!changed_.wait_for(lock, 30s, [this] { return !functions_.empty(); })) return false;
      auto function = std::move(functions_.front());
      functions_.pop_front();
      lock.unlock();
      function();
    }
    return true;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::move_only_function<void()>> functions_;
};

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "shoal-state-XXXXXX").string();
    CHECK(::mkdtemp(name.data()), "mkdtemp {}", name);
    path = name;
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string file() const { return path + "/state/store.db"; }
  std::string path;
};

inline model::Service service(std::string_view name) {
  model::Service s;
  s.id = model::ServiceId::of(name);
  s.spec.annotations.name = std::string(name);
  return s;
}

// An open engine with a loaded store on it.
struct Manager {
  static Result<std::unique_ptr<Manager>> open(const std::string& file) {
    auto manager = std::make_unique<Manager>();
    ASSIGN_OR_RETURN(manager->engine, SqliteEngine::open({file}, manager->inbox.post()));
    manager->store = std::make_unique<store::Store>(*manager->engine);
    RETURN_IF_ERROR(manager->store->load());
    return manager;
  }
  template <class Write>
  Result<store::Ticket> write(Write write) {
    return store->update(Time{1000}, write);
  }
  template <class T>
  void create(T object) {
    const auto ticket = write([&](store::WriteTx& tx) { return tx.create(object); });
    CHECK(ticket, "{}", ticket ? "" : ticket.error().message);
  }
  // Waits until everything is durable, or the store has failed.
  bool settle() {
    return inbox.run_until(
        [&] { return store->failure() || store->durable_version() == store->newest_version(); });
  }

  Inbox inbox;
  std::unique_ptr<SqliteEngine> engine;
  std::unique_ptr<store::Store> store;
};

inline std::unique_ptr<Manager> open_ok(const std::string& file) {
  auto manager = Manager::open(file);
  CHECK(manager, "{}", manager ? "" : manager.error().message);
  return std::move(*manager);
}

inline std::string open_error(const std::string& file) {
  const auto manager = Manager::open(file);
  return manager ? "no error" : manager.error().message;
}

// One object of each kind, every field set; tasks that share a spec and one that does not.
inline void fill(Manager& manager) {
  manager.create(model::full_cluster());
  manager.create(model::full_node());
  manager.create(model::full_service());
  manager.create(model::full_network());
  model::Task task = model::full_task();
  manager.create(task);
  task.id = model::TaskId::of("task2");
  manager.create(task);
  task.id = model::TaskId::of("task3");
  task.service_annotations = nullptr;
  manager.create(task);
  CHECK(manager.settle());
}

}  // namespace shoal::state
