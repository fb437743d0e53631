// The text forms of mounts in Docker's API: HostConfig.Binds (`docker run -v`) and Tmpfs.
#pragma once

#include <string>
#include <string_view>

#include "model/container_spec.h"

namespace shoal::api {

// "source:target[:options]" or "target". A source that starts with a slash is a path of the host
// (made when it is not there), anything else a volume. InvalidArgument in Docker's words.
Result<model::Mount> parse_bind(std::string_view text);

// --tmpfs /run:size=64m,mode=1770,noexec
Result<model::Mount> parse_tmpfs(const std::string& target, std::string_view options);

// "64m", "1g", "1024": bytes.
Result<int64_t> parse_size(std::string_view text);

}  // namespace shoal::api
