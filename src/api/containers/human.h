// Texts for people in Docker's own wording: "Up 5 minutes (healthy)", "Exited (0) 2 hours ago".
#pragma once

#include <string>

#include "containers/container.h"

namespace shoal::api {

// "Less than a second", "About a minute", "3 weeks"
std::string human_duration(Duration duration);

// The STATUS column of docker ps.
std::string status_text(const containers::State& state, Time now);

}  // namespace shoal::api
