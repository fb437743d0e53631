#include "api/missing.h"

namespace shoal::api {

void add_missing_routes(Router& router) {
  router.not_yet("secrets", "secrets are");
  router.not_yet("configs", "configs are");
  router.not_yet("plugins", "plugins are");
  router.not_yet("build", "building images is");
  router.not_yet("commit", "committing containers is");
  router.not_yet("session", "BuildKit sessions are");
  router.not_yet("grpc", "BuildKit sessions are");
  router.not_yet("distribution", "looking up digests is");
  router.not_yet("system", "disk usage figures are");
  router.not_yet("networks", "networks are");
  router.not_yet("volumes", "volumes are");
  router.not_yet("tasks", "logs of a single task are");
  router.not_yet("services", "logs of services are");
  router.not_yet("containers", "this call on containers is");
  router.not_yet("images", "this call on images is");
  router.not_yet("exec", "this call on execs is");
}

}  // namespace shoal::api
