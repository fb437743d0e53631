#include "images/turns.h"

#include <utility>

namespace shoal::images {

bool Turns::State::is_free(const std::string& registry) const {
  const auto of = taken_of.find(registry);
  return taken < kRegistryTurnsMax && (of == taken_of.end() || of->second < kTurnsOfOneRegistryMax);
}

void Turns::State::begin(const std::string& registry) {
  ++taken;
  ++taken_of[registry];
}

void Turns::State::end(const std::string& registry) {
  --taken;
  if (--taken_of[registry] == 0) taken_of.erase(registry);
  for (auto at = waiting.begin(); at != waiting.end(); ++at) {
    if (!is_free(at->registry)) continue;
    begin(at->registry);  // On behalf of the one that is called: nobody comes in between.
    const os::OneShot<bool> called = at->called;
    waiting.erase(at);
    called.set(true);
    return;
  }
}

os::Co<Result<Turns::Turn>> Turns::take(std::string registry, os::StopToken stop) {
  const auto state = state_;
  if (stop.stopped()) co_return cancelled("given up before its turn");
  if (state->is_free(registry)) {
    state->begin(registry);
  } else {
    const os::OneShot<bool> called;
    const auto place = state->waiting.insert(state->waiting.end(), {registry, called});
    const auto guard = stop.on_stop([&, called] {
      if (called.is_set()) return;
      state->waiting.erase(place);
      called.set(false);
    });
    if (!co_await called) co_return cancelled("given up before its turn");
  }
  co_return Turn(state.get(), [state, registry](void*) { state->end(registry); });
}

}  // namespace shoal::images
