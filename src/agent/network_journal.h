// NetworkJournal: the file in which a node keeps what it was told of its networks, for its next
// daemon, so that names and balancing go on before a manager is reached again.
//
// A file of frames (four bytes of length, little endian, then the bytes): where and whose it is, a
// complete message, and what changed since. It is written ahead of the kernel. It lives in the run
// directory and is of one boot: what the kernel held is gone after another, and so is its worth.
// Nothing is synced, for it has to outlive the daemon, not the machine. Blocking; one at a time.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "model/network_feed.h"
#include "os/fd.h"

namespace shoal::agent {

class NetworkJournal {
 public:
  // `epoch` names the boot (engine::Engine::epoch()).
  NetworkJournal(std::string path, std::string epoch)
      : path_(std::move(path)), epoch_(std::move(epoch)) {}

  struct Contents {
    model::NodeId self;
    std::string host;  // the address at which the others reach this node
    model::NetworksMessage message;

    bool operator==(const Contents&) const = default;
  };

  // All that was written, as one complete message; nothing when there is no file or it is of
  // another boot. What a daemon wrote in part when it was killed does not count. An error when
  // the file is damaged.
  Result<std::optional<Contents>> read();

  // In place of what there was. `everything.message` is complete.
  Result<void> write(const Contents& everything);
  // A message that is not complete. FailedPrecondition before a write().
  Result<void> append(const model::NetworksMessage& message);
  // What was appended outweighs the rest: write() makes it short again.
  bool is_long() const { return appended_ > kAppendedMin && appended_ > 2 * written_; }

  Result<void> remove();

 private:
  static constexpr size_t kAppendedMin = size_t{256} << 10;  // bytes

  std::string path_;
  std::string epoch_;
  os::Fd file_;  // at its end; none before write()
  size_t written_ = 0, appended_ = 0;
};

}  // namespace shoal::agent
