// Turns: how many programs may talk to registries at the same time, together and to one registry,
// so that a client cannot start any number of them, and a registry that hangs holds up only those
// who wait for it. Control thread.
//
//   CO_ASSIGN_OR_RETURN(const auto turn, co_await turns.take(domain, stop));
//
// Those who wait are served in the order in which they came, as far as their registry allows.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "os/co.h"
#include "os/sync.h"

namespace shoal::images {

// A skopeo that copies takes some 30 MB.
inline constexpr int kRegistryTurnsMax = 8;
inline constexpr int kTurnsOfOneRegistryMax = 3;

class Turns {
 public:
  // Ends with the last copy. It may outlive the Turns.
  using Turn = std::shared_ptr<void>;

  // Cancelled when `stop` comes first.
  os::Co<Result<Turn>> take(std::string registry, os::StopToken stop);

 private:
  struct Waiting {
    std::string registry;
    os::OneShot<bool> called;
  };
  struct State {
    int taken = 0;
    std::map<std::string, int> taken_of;
    std::list<Waiting> waiting;

    bool is_free(const std::string& registry) const;
    void begin(const std::string& registry);
    void end(const std::string& registry);
  };
  std::shared_ptr<State> state_ = std::make_shared<State>();
};

}  // namespace shoal::images
