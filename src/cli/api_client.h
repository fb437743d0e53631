// ApiClient: asks a daemon's API over its unix socket, one request a connection, and waits for the
// answer.
#pragma once

#include <string>
#include <string_view>

#include "base/result.h"

namespace shoal::cli {

class ApiClient {
 public:
  explicit ApiClient(std::string socket_path) : socket_path_(std::move(socket_path)) {}

  // The answer's body. An answer of 400 or more is an error with the daemon's message; Unavailable
  // when the daemon does not listen, goes away, or stays silent for kAnswerWithinS.
  Result<std::string> get(std::string_view target) const;
  Result<std::string> post(std::string_view target, std::string_view json) const;

 private:
  Result<std::string> ask(std::string_view request) const;

  std::string socket_path_;
};

inline constexpr int kAnswerWithinS = 120;
inline constexpr size_t kAnswerMax = size_t{64} << 20;

// For a path or a query: everything but what may stand there as it is.
std::string url_escaped(std::string_view text);

// The body of an HTTP answer that ended with its connection; as ApiClient answers.
Result<std::string> read_answer(std::string_view answer);

}  // namespace shoal::cli
