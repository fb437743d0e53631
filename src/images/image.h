// What an image is, as this node keeps it. Plain values; the store hands them out as
// shared_ptr<const Image>, so a reader keeps a consistent image whatever happens to its tags.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/time.h"
#include "model/common.h"
#include "model/container_spec.h"

namespace shoal::images {

// The part of an image that a container inherits (Docker's and OCI's `config`).
struct ImageConfig {
  std::vector<std::string> entrypoint;
  std::vector<std::string> command;
  std::vector<std::string> env;  // "NAME=value"
  std::string user;
  std::string working_dir;
  std::vector<std::string> exposed_ports;  // "80/tcp", sorted
  std::vector<std::string> volumes;        // paths in the container, sorted
  model::Labels labels;
  std::string stop_signal;
  std::optional<model::HealthConfig> healthcheck;
  std::vector<std::string> shell;
  std::vector<std::string> on_build;

  bool operator==(const ImageConfig&) const = default;
};

// One line of `docker history`, oldest first in an image.
struct HistoryEntry {
  Time created;
  std::string created_by;
  std::string author;
  std::string comment;
  bool empty_layer = false;

  bool operator==(const HistoryEntry&) const = default;
};

struct Layer {
  std::string diff_id;      // "sha256:…" of the uncompressed tar
  uint64_t size_bytes = 0;  // of the regular files in it

  bool operator==(const Layer&) const = default;
};

struct Image {
  std::string id;                         // "sha256:…" of the configuration document
  std::vector<std::string> repo_tags;     // as docker shows them: "web:latest"; sorted
  std::vector<std::string> repo_digests;  // "web@sha256:…"; sorted
  Time created;
  Time last_tagged;
  uint64_t size_bytes = 0;
  std::string architecture;
  std::string variant;
  std::string os;
  std::string author;
  std::string comment;
  ImageConfig config;
  std::vector<Layer> layers;  // lowest first
  std::vector<HistoryEntry> history;
};
using ImagePtr = std::shared_ptr<const Image>;

// GET /images/json?filters=…; empty lists do not filter. All that are given must match.
struct ImageFilter {
  std::vector<std::string> references;  // patterns as `docker images --filter reference=`
  std::optional<bool> dangling;
  std::vector<std::string> labels;  // "key" or "key=value"
  std::string before;               // created before this image
  std::string since;
  std::optional<Time> until;  // created before this time (prune)
};

// One element of the answer of DELETE /images/{name}: exactly one of the two is set.
struct RemovedItem {
  std::string untagged;
  std::string deleted;

  bool operator==(const RemovedItem&) const = default;
};

struct PruneReport {
  std::vector<RemovedItem> removed;
  uint64_t reclaimed_bytes = 0;
};

// A container that was made from an image: what stands in the way of removing it.
struct ImageUser {
  std::string container_id;
  bool running = false;
};
// The containers made from the image with this id ("sha256:…"). Control thread.
using ImageUsers = std::function<std::vector<ImageUser>(const std::string& image_id)>;

// One JSON line of a pull, push or load, as the docker client draws them.
struct Progress {
  std::string status;
  std::string id;              // short layer id, or the tag
  uint64_t current_bytes = 0;  // with total_bytes: a bar
  uint64_t total_bytes = 0;
  std::string stream;  // instead of status: plain text (`docker load`)
};
// Called on the control thread, in order; must not block.
using ProgressSink = std::function<void(const Progress&)>;

// What the registry says about a name, without pulling (GET /distribution/{name}/json).
struct Platform {
  std::string architecture;
  std::string os;
  std::string os_version;
  std::string variant;
};
struct DistributionInfo {
  std::string media_type;
  std::string digest;
  uint64_t size_bytes = 0;
  std::vector<Platform> platforms;
};

}  // namespace shoal::images
