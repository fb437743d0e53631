#include "daemon/heap.h"

#include <malloc.h>

namespace shoal::daemon {
namespace {

// One for the control thread, one that the pool's threads share.
constexpr int kArenasMax = 2;

// On the pool. False when there was nothing to give.
bool give_back() {
  const auto info = ::mallinfo2();
  return info.fordblks > kHeapFreeMax && ::malloc_trim(0) != 0;
}

}  // namespace

void limit_heap() {
  ::mallopt(M_ARENA_MAX, kArenasMax);
}

os::Co<> keep_heap(os::Loop& loop, os::StopToken stop) {
  while (co_await loop.sleep(kHeapLookInterval, stop)) {
    (void)co_await loop.offload([] { return give_back(); });
  }
}

}  // namespace shoal::daemon
