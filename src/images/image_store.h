// ImageStore: the images of this node, their layers, and the root file systems made of them.
//
//   data_root/images/    one file an image: its configuration; repositories.json: names and digests
//   data_root/layers/    one folder an unpacked layer, named by diff id; l/: short links to them
//   data_root/rootfs/    one folder a container: upper, work, merged, and which layers it stands on
//   data_root/scratch/   whatever is half done; emptied by open()
//
// Lives as long as the daemon. Every function is called on the control thread; lookups answer from
// memory, everything that touches the disk, a registry or a mount runs on the loop's pool or as a
// program and is awaited. Arguments are taken by value because the caller may go away meanwhile.
//
// Invariants: an image in the store has all its layers; a layer that is visible is whole and its
// content was checked against its diff id; a layer goes when the last image and the last root file
// system on it are gone. What a crash leaves half done is removed by the next open().
//
// Errors carry Docker's wording ("No such image: web:latest").
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "images/image.h"
#include "os/co.h"
#include "os/loop.h"
#include "os/sync.h"

namespace shoal::images {

// A body that arrives: the next bytes, empty at its end.
using ByteSource = std::function<os::Co<Result<std::string>>()>;
// A body that leaves: an error means that the reader is gone.
using ByteSink = std::function<os::Co<Result<void>>(std::string bytes)>;

struct StoreOptions {
  std::string data_root;
  // Registries ("host:port") spoken to without TLS verification. 127.0.0.0/8 and localhost are
  // always.
  std::vector<std::string> insecure_registries;
  // How long a registry may take for a document, or send nothing of a layer.
  Duration registry_answer_max = 30s;
};

// Who asks a registry. `registry_auth` is the X-Registry-Auth header as it came (base64url JSON).
struct PullRequest {
  std::string reference;      // "web", "web:2", "host:5000/team/web@sha256:…"
  std::string registry_auth;  // empty: anonymous
  std::string platform;       // "linux/arm64"; empty: this machine's
};

// POST /auth, as `docker login` sends it.
struct LoginRequest {
  std::string username;
  std::string password;
  std::string server_address;  // "host:5000", with or without scheme and path; empty: Docker Hub
};

struct ImportRequest {
  std::string repository;            // "web" or "web:2"; empty: an image without a name
  std::string message;               // becomes its comment
  std::vector<std::string> changes;  // Dockerfile lines: CMD ENTRYPOINT ENV EXPOSE LABEL STOPSIGNAL
                                     // USER VOLUME WORKDIR HEALTHCHECK ONBUILD
  std::string platform;              // empty: this machine's
};

// A container's root file system, mounted.
struct Rootfs {
  std::string path;  // absolute; in the mount namespace of the daemon
};

class ImageStore {
 public:
  // Blocks: call it before the loop runs. Creates the folders, forgets what a crash left half done.
  static Result<std::unique_ptr<ImageStore>> open(os::Loop& loop, Log& log, StoreOptions options);
  ~ImageStore();

  // --- Lookups: from memory, at once.

  // By name ("web", "web:2", "web@sha256:…"), id, or a prefix of the id that fits only one image.
  // NotFound "No such image: web:latest"; InvalidArgument when it can be no reference.
  Result<ImagePtr> resolve(std::string_view name) const;
  // Newest first, as `docker images` shows them.
  Result<std::vector<ImagePtr>> list(const ImageFilter& filter) const;
  // Bytes of all layers together, each counted once (`docker system df`).
  uint64_t layers_size_bytes() const;

  // --- Names and removal.

  // POST /images/{name}/tag. `target` is "repository[:tag]"; moves the tag when another image has
  // it.
  os::Co<Result<void>> tag(std::string source, std::string target);
  // DELETE /images/{name}: takes a name away, and the image with its last one, as `docker rmi`.
  // Conflict in Docker's words when containers or several repositories use it.
  os::Co<Result<std::vector<RemovedItem>>> remove(std::string name, bool force, ImageUsers users);
  // POST /images/prune: unused images without a tag; filter.dangling = false: all unused ones.
  os::Co<Result<PruneReport>> prune(ImageFilter filter, ImageUsers users);

  // --- Bringing images in and out. `stop`: the client went away; the answer is then Cancelled and
  // nothing is left behind.

  // POST /images/create?fromImage=: the image by that name, freshly asked for from its registry.
  // A reference by digest that is present asks nobody.
  os::Co<Result<ImagePtr>> pull(PullRequest request, ProgressSink progress, os::StopToken stop);
  // GET /distribution/{name}/json.
  os::Co<Result<DistributionInfo>> inspect_remote(PullRequest request, os::StopToken stop);
  // Asks the registry whether it knows the user; Unauthenticated when it does not. Keeps nothing:
  // the client does.
  os::Co<Result<void>> log_in(LoginRequest request, os::StopToken stop);
  // POST /images/load: a tar of `docker save` or an OCI layout, plain or compressed.
  os::Co<Result<std::vector<ImagePtr>>> load(ByteSource body, ProgressSink progress,
                                             os::StopToken stop);
  // POST /images/create?fromSrc=-: a tar of a root file system, plain or compressed.
  os::Co<Result<ImagePtr>> import_rootfs(ImportRequest request, ByteSource body,
                                         os::StopToken stop);
  // GET /images/get: the tar of `docker save`. Names that are given as tags are saved as such.
  os::Co<Result<void>> save(std::vector<std::string> names, ByteSink sink, os::StopToken stop);

  // --- Root file systems of containers.

  // Mounts an overlay of the image's layers and the container's own writable one, which is created
  // on the first call and kept by later ones (a restart). Already mounted is fine. `transient`: a
  // container that is gone when it ends (--rm, a task), so what it wrote need not survive a power
  // cut: saves waiting for the disk on create, on unmount and on every fsync in the container.
  os::Co<Result<Rootfs>> mount_rootfs(std::string container_id, ImagePtr image,
                                      bool transient = false);
  // Not mounted is fine. The writable layer stays.
  os::Co<Result<void>> unmount_rootfs(std::string container_id);
  // Unmounts and deletes the writable layer. Not there is fine.
  os::Co<Result<void>> remove_rootfs(std::string container_id);
  // Bytes in the writable layer (`docker ps -s`). NotFound when the container has none.
  os::Co<Result<uint64_t>> rootfs_size_bytes(std::string container_id);
  // Where the root file system of a container is (or will be) mounted, and its writable layer.
  std::string rootfs_path(std::string_view container_id) const;
  std::string rootfs_upper_path(std::string_view container_id) const;
  // The containers that have a root file system here, in order: after a restart of the daemon the
  // caller removes those that it no longer knows.
  std::vector<std::string> rootfs_containers() const;

 private:
  struct Impl;
  explicit ImageStore(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::images
