// Images as Docker's API writes them.
#pragma once

#include <string>
#include <vector>

#include "api/http/message.h"
#include "images/image.h"

namespace shoal::api {

// GET /images/json. What later versions left out is there for older clients.
std::string image_list_json(const std::vector<images::ImagePtr>& list, ApiVersion version);
// GET /images/{name}/json.
std::string image_json(const images::Image& image, ApiVersion version);
// GET /images/{name}/history, newest first.
std::string history_json(const images::Image& image);
// DELETE /images/{name}.
std::string removed_json(const std::vector<images::RemovedItem>& removed);
// POST /images/prune.
std::string prune_json(const images::PruneReport& report);
// GET /distribution/{name}/json.
std::string distribution_json(const images::DistributionInfo& info);
// One line of a pull or load, with its line break.
std::string progress_json(const images::Progress& progress);
// The line that ends a stream which has begun and failed.
std::string stream_error_json(const std::string& message);

}  // namespace shoal::api
