#include "rpc/status.h"

#include <algorithm>
#include <array>
#include <charconv>

namespace shoal::rpc {
namespace {

// The public numbers of gRPC's codes.
constexpr int kCancelled = 1, kInvalidArgument = 3, kDeadlineExceeded = 4, kNotFound = 5,
              kAlreadyExists = 6, kPermissionDenied = 7, kResourceExhausted = 8,
              kFailedPrecondition = 9, kAborted = 10, kOutOfRange = 11, kUnimplemented = 12,
              kInternal = 13, kUnavailable = 14, kUnauthenticated = 16, kStatusMax = 16;

struct Unit {
  char letter;
  Duration one;
};
constexpr std::array kUnits = {Unit{'n', 1ns}, Unit{'u', 1us},  Unit{'m', 1ms},
                               Unit{'S', 1s},  Unit{'M', 1min}, Unit{'H', 1h}};
constexpr int64_t kTimeoutDigitsMax = 99'999'999;

// Digits only.
std::optional<int> parse_number(std::string_view text) {
  int number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  const bool whole = parsed.ec == std::errc{} && parsed.ptr == text.data() + text.size();
  return whole && number >= 0 ? std::optional(number) : std::nullopt;
}

std::optional<unsigned> hex_digit(char c) {
  if (c >= '0' && c <= '9') return unsigned(c - '0');
  if (c >= 'a' && c <= 'f') return unsigned(c - 'a' + 10);
  if (c >= 'A' && c <= 'F') return unsigned(c - 'A' + 10);
  return std::nullopt;
}

}  // namespace

int grpc_status(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return kInvalidArgument;
    case ErrorCode::FailedPrecondition:
    case ErrorCode::Conflict:
      return kFailedPrecondition;
    case ErrorCode::OutOfRange:
      return kOutOfRange;
    case ErrorCode::Unauthenticated:
      return kUnauthenticated;
    case ErrorCode::PermissionDenied:
      return kPermissionDenied;
    case ErrorCode::NotFound:
      return kNotFound;
    case ErrorCode::AlreadyExists:
      return kAlreadyExists;
    case ErrorCode::TooLarge:
      return kResourceExhausted;
    case ErrorCode::Unimplemented:
      return kUnimplemented;
    case ErrorCode::Unavailable:
      return kUnavailable;
    case ErrorCode::OutOfSequence:
      return kAborted;
    case ErrorCode::Cancelled:
      return kCancelled;
    case ErrorCode::DeadlineExceeded:
      return kDeadlineExceeded;
    case ErrorCode::Internal:
      return kInternal;
  }
  return kInternal;
}

ErrorCode error_code(int status) {
  switch (status) {
    case kCancelled:
      return ErrorCode::Cancelled;
    case kInvalidArgument:
      return ErrorCode::InvalidArgument;
    case kDeadlineExceeded:
      return ErrorCode::DeadlineExceeded;
    case kNotFound:
      return ErrorCode::NotFound;
    case kAlreadyExists:
      return ErrorCode::AlreadyExists;
    case kPermissionDenied:
      return ErrorCode::PermissionDenied;
    case kResourceExhausted:
      return ErrorCode::TooLarge;
    case kFailedPrecondition:
      return ErrorCode::FailedPrecondition;
    case kAborted:
      return ErrorCode::OutOfSequence;
    case kOutOfRange:
      return ErrorCode::OutOfRange;
    case kUnimplemented:
      return ErrorCode::Unimplemented;
    case kUnavailable:
      return ErrorCode::Unavailable;
    case kUnauthenticated:
      return ErrorCode::Unauthenticated;
    default:
      return ErrorCode::Internal;
  }
}

std::optional<int> parse_status(std::string_view text) {
  const std::optional<int> status = parse_number(text);
  return status && *status <= kStatusMax ? status : std::nullopt;
}

int parse_http_status(std::string_view text) {
  return text.size() == 3 ? parse_number(text).value_or(0) : 0;
}

std::string encode_status_text(std::string_view text) {
  constexpr std::string_view kHex = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    if (encoded.size() + 3 > kStatusTextMax) break;
    if (c >= ' ' && c <= '~' && c != '%') {
      encoded += c;
    } else {
      encoded += '%';
      encoded += kHex[static_cast<unsigned char>(c) >> 4];
      encoded += kHex[static_cast<unsigned char>(c) & 15];
    }
  }
  return encoded;
}

std::string decode_status_text(std::string_view text) {
  std::string decoded;
  for (size_t at = 0; at < text.size(); ++at) {
    if (text[at] == '%' && at + 2 < text.size()) {
      const auto high = hex_digit(text[at + 1]), low = hex_digit(text[at + 2]);
      if (high && low) {
        decoded += char(*high << 4 | *low);
        at += 2;
        continue;
      }
    }
    decoded += text[at];
  }
  return decoded;
}

std::string format_timeout(Duration timeout) {
  const int64_t wanted = std::max<int64_t>(timeout.count(), 1);
  for (const Unit& unit : kUnits) {
    const int64_t one = unit.one.count();
    const int64_t count = wanted / one + (wanted % one != 0);
    if (count <= kTimeoutDigitsMax) return fmt::format("{}{}", count, unit.letter);
  }
  return fmt::format("{}H", kTimeoutDigitsMax);
}

std::optional<Duration> parse_timeout(std::string_view text) {
  if (text.size() < 2 || text.size() > 9) return std::nullopt;
  int64_t count = 0;
  const char* end = text.data() + text.size() - 1;
  const auto parsed = std::from_chars(text.data(), end, count);
  if (parsed.ec != std::errc{} || parsed.ptr != end || count < 0) return std::nullopt;
  for (const Unit& unit : kUnits) {
    if (unit.letter != text.back()) continue;
    // 99,999,999 hours do not fit into nanoseconds: then there is no deadline to speak of.
    if (count > Duration::max() / unit.one / 2) return Duration::max();
    return count * unit.one;
  }
  return std::nullopt;
}

Error error_of_http_status(int status) {
  ErrorCode code = ErrorCode::Internal;
  if (status == 401) code = ErrorCode::Unauthenticated;
  if (status == 403) code = ErrorCode::PermissionDenied;
  if (status == 404) code = ErrorCode::Unimplemented;
  if (status == 429 || (status >= 502 && status <= 504)) code = ErrorCode::Unavailable;
  if (status == 200) return {code, "the server ended the call without a grpc-status"};
  return {code, fmt::format("the server answered with HTTP status {}, which is not gRPC", status)};
}

}  // namespace shoal::rpc
