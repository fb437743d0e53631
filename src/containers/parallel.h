// begin(co): starts a coroutine now; the answer is awaited later, so that several run side by side.
//
//   const auto mounted = begin(images.mount_rootfs(id, image));
//   const auto connected = begin(network.connect(request));
//   auto rootfs = co_await mounted;
#pragma once

#include <utility>

#include "os/co.h"
#include "os/sync.h"

namespace shoal::containers {

template <class T>
os::OneShot<T> begin(os::Co<T> co) {
  os::OneShot<T> done;
  os::spawn([](os::Co<T> running, os::OneShot<T> answer) -> os::Co<> {
    answer.set(co_await running);
  }(std::move(co), done));
  return done;
}

}  // namespace shoal::containers
