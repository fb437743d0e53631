// The bounds of the wire that no caller chooses. ServerLimits (server.h) has those that one may.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/time.h"

namespace shoal::rpc {

// Flow control. A stream that nobody reads holds at most its window; a connection's unread streams
// together hold little more than kUnreadMax before the peer has to wait.
inline constexpr uint32_t kStreamWindowBytes = 256 << 10;
inline constexpr uint32_t kConnectionWindowBytes = 1 << 20;
inline constexpr size_t kUnreadMax = size_t{4} << 20;

// Writers wait while their stream has this much queued; writers of larger messages also while all
// streams of the connection together have kConnectionQueueMax.
inline constexpr size_t kStreamQueueMax = size_t{64} << 10;
inline constexpr size_t kSmallMessageMax = size_t{4} << 10;
inline constexpr size_t kConnectionQueueMax = size_t{32} << 20;
// Frames gathered into one write.
inline constexpr size_t kWriteBatchBytes = size_t{64} << 10;

// Names and values with 32 bytes each, as HTTP/2 counts them.
inline constexpr size_t kHeaderListBytesMax = size_t{16} << 10;

// What a peer may cost without doing anything useful; budget.h has the prices.
inline constexpr double kBudgetMax = 4000;
inline constexpr double kBudgetPerSecond = 200;

// How long others wait at most for a connection that has much to do.
inline constexpr Duration kTurnMax = 1ms;

}  // namespace shoal::rpc
