// Heap: keeps what malloc holds near what is used. After a burst (a flood of connections, long
// lists) the allocator keeps the freed memory between what is still used; it would stay resident
// for the life of the daemon.
#pragma once

#include "os/co.h"
#include "os/loop.h"

namespace shoal::daemon {

// How often it is looked at, and how much free memory may stay.
inline constexpr Duration kHeapLookInterval = 5s;
inline constexpr size_t kHeapFreeMax = size_t{16} << 20;

// Call before there are threads. Few arenas for malloc: each keeps free memory of its own.
void limit_heap();
// Gives back what is free beyond kHeapFreeMax, on the pool. Returns after `stop`.
os::Co<> keep_heap(os::Loop& loop, os::StopToken stop);

}  // namespace shoal::daemon
