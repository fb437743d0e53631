// Expected failures: Result<T> is a T or an Error that says what kind of failure and why.
//
// The leaf gives the reason once; callers add context with with_context(). api/ maps each ErrorCode
// to one HTTP status, so the code is chosen by what the client must do, not by where it happened.
#pragma once

#include <fmt/core.h>

#include <expected>
#include <string>
#include <utility>

namespace shoal {

enum class ErrorCode {
  InvalidArgument,     // the request can never succeed: 400
  FailedPrecondition,  // not in the present state: 400
  OutOfRange,          // 400
  Unauthenticated,     // 401
  PermissionDenied,    // 403
  NotFound,            // 404
  AlreadyExists,       // the name is taken: 409
  Conflict,            // the object is in use or in the wrong state for this: 409
  TooLarge,            // 413
  Unimplemented,       // not there yet, the message names it: 501
  Unavailable,         // try again or elsewhere: 503
  OutOfSequence,       // the object changed since it was read: 500, as Docker answers
  Cancelled,           // the caller went away: never answered
  DeadlineExceeded,    // no answer in the time given: 500
  Internal,            // 500
};

struct Error {
  ErrorCode code = ErrorCode::Internal;
  std::string message;

  bool operator==(const Error&) const = default;
};

template <class T>
using Result = std::expected<T, Error>;

template <class... Args>
std::unexpected<Error> make_error(ErrorCode code, fmt::format_string<Args...> text,
                                  Args&&... args) {
  return std::unexpected(Error{code, fmt::format(text, std::forward<Args>(args)...)});
}

#define SHOAL_ERROR_MAKER(name, code)                                             \
  template <class... Args>                                                        \
  std::unexpected<Error> name(fmt::format_string<Args...> text, Args&&... args) { \
    return make_error(ErrorCode::code, text, std::forward<Args>(args)...);        \
  }
SHOAL_ERROR_MAKER(invalid_argument, InvalidArgument)
SHOAL_ERROR_MAKER(failed_precondition, FailedPrecondition)
SHOAL_ERROR_MAKER(out_of_range, OutOfRange)
SHOAL_ERROR_MAKER(unauthenticated, Unauthenticated)
SHOAL_ERROR_MAKER(permission_denied, PermissionDenied)
SHOAL_ERROR_MAKER(not_found, NotFound)
SHOAL_ERROR_MAKER(already_exists, AlreadyExists)
SHOAL_ERROR_MAKER(conflict, Conflict)
SHOAL_ERROR_MAKER(too_large, TooLarge)
SHOAL_ERROR_MAKER(unimplemented, Unimplemented)
SHOAL_ERROR_MAKER(unavailable, Unavailable)
SHOAL_ERROR_MAKER(out_of_sequence, OutOfSequence)
SHOAL_ERROR_MAKER(cancelled, Cancelled)
SHOAL_ERROR_MAKER(deadline_exceeded, DeadlineExceeded)
SHOAL_ERROR_MAKER(internal_error, Internal)
#undef SHOAL_ERROR_MAKER

// "no such manifest" with context "pulling web:2" reads "pulling web:2: no such manifest".
template <class T, class... Args>
Result<T> with_context(Result<T> result, fmt::format_string<Args...> text, Args&&... args) {
  if (!result) {
    result.error().message =
        fmt::format(text, std::forward<Args>(args)...) + ": " + result.error().message;
  }
  return result;
}

}  // namespace shoal

#define SHOAL_CONCAT_INNER(a, b) a##b
#define SHOAL_CONCAT(a, b) SHOAL_CONCAT_INNER(a, b)

// Returns the error of a Result<void> (or of any Result whose value is not needed).
#define RETURN_IF_ERROR(expression)                            \
  do {                                                         \
    if (auto shoal_result = (expression); !shoal_result)       \
      return std::unexpected(std::move(shoal_result).error()); \
  } while (false)

// ASSIGN_OR_RETURN(auto x, compute()): x is the value, or the function returns the error.
#define ASSIGN_OR_RETURN(declaration, expression) \
  SHOAL_ASSIGN_IMPL(SHOAL_CONCAT(shoal_assign_, __LINE__), declaration, expression)
#define SHOAL_ASSIGN_IMPL(temporary, declaration, expression)           \
  auto temporary = (expression);                                        \
  if (!temporary) return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)

// The same inside a coroutine (os/co.h).
#define CO_RETURN_IF_ERROR(expression)                            \
  do {                                                            \
    if (auto shoal_result = (expression); !shoal_result)          \
      co_return std::unexpected(std::move(shoal_result).error()); \
  } while (false)
#define CO_ASSIGN_OR_RETURN(declaration, expression) \
  SHOAL_CO_ASSIGN_IMPL(SHOAL_CONCAT(shoal_assign_, __LINE__), declaration, expression)
#define SHOAL_CO_ASSIGN_IMPL(temporary, declaration, expression)           \
  auto temporary = (expression);                                           \
  if (!temporary) co_return std::unexpected(std::move(temporary).error()); \
  declaration = std::move(*temporary)
