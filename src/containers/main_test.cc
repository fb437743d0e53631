// The test program's main: private mounts and a network namespace of its own, entered before any
// thread starts, so that the machine's bridge, ports and mounts stay as they are.
#include <gtest/gtest.h>
#include <net/if.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstdio>
#include <cstring>

#include "engine/host.h"
#include "os/fd.h"

namespace {

bool raise_loopback() {
  const shoal::os::Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP;
  return socket && ::ioctl(socket.get(), SIOCSIFFLAGS, &request) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  const auto entered = shoal::engine::enter_private_mounts();
  if (!entered || ::unshare(CLONE_NEWNET) != 0 || !raise_loopback()) {
    std::fprintf(stderr, "private namespaces: %s (the tests need root)\n", std::strerror(errno));
    return 1;
  }
  return RUN_ALL_TESTS();
}
