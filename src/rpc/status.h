// gRPC's words for what our rooms say otherwise: status codes, messages, timeouts.
//
// Pure. Whatever a peer sends is read without failing: an unknown code is Internal, a broken
// escape is taken as it stands.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "base/time.h"

namespace shoal::rpc {

// A longer grpc-message is cut: it travels in a header.
inline constexpr size_t kStatusTextMax = 4096;

int grpc_status(ErrorCode code);
// `status` is not 0.
ErrorCode error_code(int status);
// What "grpc-status" says: 0 to 16, unset when it is no number.
std::optional<int> parse_status(std::string_view text);

// Three digits, else 0.
int parse_http_status(std::string_view text);

// Percent-encoding of grpc-message: printable ASCII but '%' stays.
std::string encode_status_text(std::string_view text);
std::string decode_status_text(std::string_view text);

// "grpc-timeout": at most 8 digits and one of H M S m u n. Rounded up, at least 1n.
std::string format_timeout(Duration timeout);
std::optional<Duration> parse_timeout(std::string_view text);

// For an answer that carries no grpc-status, from a proxy or a server that speaks no gRPC.
Error error_of_http_status(int status);

}  // namespace shoal::rpc
