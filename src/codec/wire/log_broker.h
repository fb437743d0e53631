// The bytes of the LogBroker's messages (docker.swarmkit.v1.LogBroker), and back.
//
// ListenSubscriptions asks with an empty message and PublishLogs answers with one: no bytes.
// Errors and limits of decode_*() as in dispatcher.h. Pure functions, any thread.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"
#include "model/log_protocol.h"

namespace shoal::wire {

// A publication holds at most so many lines in so many bytes; whoever has more sends several.
inline constexpr size_t kPublishedMessagesMax = 10'000;
inline constexpr size_t kLogPublicationBytesMax = 4 << 20;
inline constexpr size_t kLogSubscriptionBytesMax = 4 << 20;

std::string encode(const model::LogSubscription& subscription);
std::string encode(const model::LogPublication& publication);

Result<model::LogSubscription> decode_log_subscription(std::string_view bytes);
Result<model::LogPublication> decode_log_publication(std::string_view bytes);

}  // namespace shoal::wire
