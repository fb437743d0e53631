// Making and removing a playground as a whole.
#pragma once

#include <functional>
#include <string>

#include "base/result.h"
#include "cli/playground.h"

namespace shoal::cli {

// Tells a user who waits what happens now.
using Progress = std::function<void(const std::string& text)>;

// Makes the playground, and the swarm unless that is not wanted. AlreadyExists when something of
// that name is there. What it made is removed again when a step fails.
Result<Playground> bring_up(const PlaygroundRequest& request, const Progress& progress);

// Removes whatever is there of the playground, half-made or broken; false when there was nothing.
Result<bool> take_down(const std::string& name, const Progress& progress);

}  // namespace shoal::cli
