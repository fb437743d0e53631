#include "api/reach/remote_execs.h"

#include <utility>

namespace shoal::api {

Result<void> RemoteExecs::remember(const std::string& id, RemoteExec exec) {
  if (id.empty() || id.size() > kExecIdMax)
    return internal_error("node {} made no exec", exec.node);
  if (!execs_.emplace(id, exec).second) {
    return internal_error("node {} answered with the id of another exec", exec.node);
  }
  by_age_.push_back(id);
  if (by_age_.size() > kRemoteExecsMax) {
    execs_.erase(by_age_.front());
    by_age_.pop_front();
  }
  return {};
}

const RemoteExec* RemoteExecs::find(const std::string& id) const {
  const auto at = execs_.find(id);
  return at == execs_.end() ? nullptr : &at->second;
}

}  // namespace shoal::api
