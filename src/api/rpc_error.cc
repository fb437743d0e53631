#include "api/rpc_error.h"

namespace shoal::api {
namespace {

// gRPC's name of the code; empty for those that are no answer of the control part.
std::string_view rpc_code(ErrorCode code) {
  switch (code) {
    case ErrorCode::InvalidArgument:
      return "InvalidArgument";
    case ErrorCode::FailedPrecondition:
    case ErrorCode::Conflict:
      return "FailedPrecondition";
    case ErrorCode::OutOfRange:
      return "OutOfRange";
    case ErrorCode::PermissionDenied:
      return "PermissionDenied";
    case ErrorCode::Unauthenticated:
      return "Unauthenticated";
    case ErrorCode::NotFound:
      return "NotFound";
    case ErrorCode::AlreadyExists:
      return "AlreadyExists";
    case ErrorCode::Unimplemented:
      return "Unimplemented";
    case ErrorCode::OutOfSequence:
    case ErrorCode::Internal:
      return "Unknown";
    case ErrorCode::TooLarge:
      return "ResourceExhausted";
    case ErrorCode::DeadlineExceeded:
      return "DeadlineExceeded";
    case ErrorCode::Unavailable:
    case ErrorCode::Cancelled:
      return "";
  }
  return "Unknown";
}

}  // namespace

Error rpc_error(Error error) {
  const std::string_view code = rpc_code(error.code);
  if (!code.empty())
    error.message = fmt::format("rpc error: code = {} desc = {}", code, error.message);
  return error;
}

}  // namespace shoal::api
