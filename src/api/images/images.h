// /images/…, /distribution/… and /auth: the images of this node, for `docker pull`, `images`,
// `rmi`, `load` and the rest. Decodes, asks the ImageStore, and writes what it answers in Docker's
// form.
#pragma once

#include <string>

#include "api/event_bus.h"
#include "api/http/router.h"
#include "images/image_store.h"
#include "os/loop.h"

namespace shoal::api {

class ImagesApi {
 public:
  // All of them outlive it. `users`: the containers that stand in the way of removing an image.
  ImagesApi(os::Loop& loop, images::ImageStore& store, images::ImageUsers users, EventBus& events)
      : loop_(loop), store_(store), users_(std::move(users)), events_(events) {}
  void add_routes(Router& router);

 private:
  os::Co<Result<void>> list(Request& request, Responder& responder);
  os::Co<Result<void>> inspect(Request& request, Responder& responder);
  os::Co<Result<void>> history(Request& request, Responder& responder);
  os::Co<Result<void>> tag(Request& request, Responder& responder);
  os::Co<Result<void>> remove(Request& request, Responder& responder);
  os::Co<Result<void>> prune(Request& request, Responder& responder);
  os::Co<Result<void>> login(Request& request, Responder& responder);
  os::Co<Result<void>> distribution(Request& request, Responder& responder);
  // transfers.cc
  os::Co<Result<void>> create(Request& request, Responder& responder);
  os::Co<Result<void>> pull(Request& request, Responder& responder);
  os::Co<Result<void>> import(Request& request, Responder& responder);
  os::Co<Result<void>> load(Request& request, Responder& responder);
  os::Co<Result<void>> save(Request& request, Responder& responder);

  void post(std::string action, const std::string& id, const std::string& name);

  os::Loop& loop_;
  images::ImageStore& store_;
  images::ImageUsers users_;
  EventBus& events_;
};

}  // namespace shoal::api
