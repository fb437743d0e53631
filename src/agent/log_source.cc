#include "agent/log_source.h"

#include <algorithm>
#include <set>
#include <utility>

#include "containers/lock.h"
#include "containers/parallel.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kServiceLabel = "com.docker.swarm.service.id";
constexpr std::string_view kTaskLabel = "com.docker.swarm.task.id";
constexpr std::string_view kNodeLabel = "com.docker.swarm.node.id";
// What is read of one container before it is handed on, counted as it lies in memory: of short
// lines their origin takes more room than their text.
constexpr size_t kBatchBytes = size_t{16} << 10;

template <class IdType>
IdType id_in(const model::Labels& labels, std::string_view label) {
  const auto at = labels.find(std::string(label));
  if (at == labels.end()) return {};
  return IdType::parse(at->second).value_or(IdType());
}

// Where a container's lines come from.
struct Origin {
  model::ServiceId service;
  model::NodeId node;
  model::TaskId task;

  explicit Origin(const model::Labels& labels)
      : service(id_in<model::ServiceId>(labels, kServiceLabel)),
        node(id_in<model::NodeId>(labels, kNodeLabel)),
        task(id_in<model::TaskId>(labels, kTaskLabel)) {}

  bool matches(const model::LogSelector& selector) const {
    const auto has = [](const auto& ids, const auto& id) {
      return std::find(ids.begin(), ids.end(), id) != ids.end();
    };
    return has(selector.services, service) || has(selector.tasks, task) ||
           has(selector.nodes, node);
  }
};

// The logs of several containers that go into one; on the frame of read().
struct Merge {
  containers::Containers& containers;
  const LogSource::Sink& sink;
  engine::LogQuery query;
  os::Signal changed;          // one has ended, or another has started
  containers::AsyncLock turn;  // one batch at a time
  os::StopSource over;         // the sink takes no more, or nobody wants more
  Result<void> outcome;
  int running = 0;
};

os::Co<> hand_on(Merge& merge, std::vector<model::LogMessage> batch) {
  const auto turn = co_await merge.turn.acquire();
  if (merge.over.token().stopped()) co_return;
  auto sent = co_await merge.sink(std::move(batch));
  if (sent) co_return;
  merge.outcome = std::move(sent);
  merge.over.stop();
}

os::Co<> carry_lines(Merge& merge, engine::LogReader& reader, Origin origin) {
  std::vector<model::LogMessage> batch;
  size_t batch_bytes = 0;
  const os::StopToken over = merge.over.token();
  while (!over.stopped()) {
    const auto reading = containers::begin(reader.next(over));
    // What is there goes out before we wait for more.
    if (!batch.empty() && (!reading.is_set() || batch_bytes >= kBatchBytes)) {
      batch_bytes = 0;
      auto full = std::exchange(batch, {});
      co_await hand_on(merge, std::move(full));
    }
    auto line = co_await reading;
    if (!line || !*line) break;
    batch_bytes += sizeof(model::LogMessage) + (*line)->bytes.size();
    batch.push_back({.service = origin.service,
                     .node = origin.node,
                     .task = origin.task,
                     .time = (*line)->time,
                     .stream = model::LogStream((*line)->stream),
                     .data = std::move((*line)->bytes),
                     .attributes = {}});
  }
  if (!batch.empty()) co_await hand_on(merge, std::move(batch));
}

os::Co<> carry(Merge& merge, containers::ContainerRef container, engine::LogQuery query) {
  auto reader = merge.containers.logs(container->id, std::move(query));
  if (reader) co_await carry_lines(merge, **reader, Origin(container->labels()));
  --merge.running;
  merge.changed.notify();
}

engine::LogQuery query_of(const model::LogOptions& options) {
  engine::LogQuery query;
  query.since = options.since;
  query.tail = options.tail;
  query.follow = options.follow;
  query.stdout_wanted = options.stdout_wanted;
  query.stderr_wanted = options.stderr_wanted;
  return query;
}

}  // namespace

ContainerLogs::ContainerLogs(containers::Containers& containers) : containers_(containers) {
  containers_.on_event([this](const containers::Event& event) {
    if (event.action == "start") started_.notify();
  });
}

os::Co<Result<void>> ContainerLogs::read(model::LogSubscription what, Sink sink,
                                         os::StopToken stop) {
  Merge merge{.containers = containers_,
              .sink = sink,
              .query = query_of(what.options),
              .changed = started_,
              .turn = {},
              .over = {},
              .outcome = {}};
  const auto guard = stop.on_stop([over = merge.over] { over.stop(); });
  const os::StopToken over = merge.over.token();
  std::set<std::string> seen;
  while (!over.stopped()) {
    auto there = containers_.list({{std::string(kTaskLabel), ""}});
    std::reverse(there.begin(), there.end());  // The oldest first.
    for (const auto& container : there) {
      if (!Origin(container->labels()).matches(what.selector)) continue;
      if (!seen.insert(container->id).second) continue;
      ++merge.running;
      os::spawn(carry(merge, container, merge.query));
    }
    if (merge.running == 0 && !what.options.follow) break;
    merge.query.tail.reset();  // Of those that join later, everything.
    (void)co_await merge.changed.wait(over);
  }
  while (merge.running > 0) (void)co_await merge.changed.wait();
  if (!merge.outcome) co_return merge.outcome;
  if (stop.stopped()) co_return cancelled("nobody reads any more");
  co_return Result<void>{};
}

}  // namespace shoal::agent
