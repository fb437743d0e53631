#include "cli/api_client.h"

#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <nlohmann/json.hpp>

#include "base/json_shape.h"
#include "os/fd.h"
#include "os/file.h"

namespace shoal::cli {
namespace {

// HTTP/1.0: the answer comes in one piece and ends with the connection.
constexpr std::string_view kHead =
    "{} /v1.44{} HTTP/1.0\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    "Content-Length: {}\r\n\r\n{}";

Result<os::Fd> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) {
    return invalid_argument("{} is too long for the path of a socket", path);
  }
  path.copy(address.sun_path, path.size());
  os::Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket) return os::system_error("socket", path, errno);
  const timeval patience{kAnswerWithinS, 0};
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(socket.get(), SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  if (::connect(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return unavailable("no daemon answers on {}: {}", path, ::strerror(errno));
  }
  return socket;
}

std::string message_of(std::string_view body) {
  if (check_json_shape(body)) {
    const auto document = nlohmann::json::parse(body, nullptr, false);
    if (document.is_object() && document.contains("message") && document["message"].is_string()) {
      return document["message"].get<std::string>();
    }
  }
  return std::string(body.substr(0, body.find('\n')));
}

ErrorCode code_of(int status) {
  switch (status) {
    case 404:
      return ErrorCode::NotFound;
    case 409:
      return ErrorCode::Conflict;
    case 501:
      return ErrorCode::Unimplemented;
    case 503:
      return ErrorCode::Unavailable;
    default:
      return status < 500 ? ErrorCode::InvalidArgument : ErrorCode::Internal;
  }
}

}  // namespace

std::string url_escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    const bool plain = std::isalnum(uint8_t(c)) || c == '-' || c == '_' || c == '.' || c == '~';
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", uint8_t(c));
  }
  return out;
}

Result<std::string> read_answer(std::string_view answer) {
  const size_t head_end = answer.find("\r\n\r\n");
  const size_t space = answer.find(' ');
  int status = 0;
  if (answer.starts_with("HTTP/1.") && head_end != std::string_view::npos && space < head_end) {
    std::from_chars(answer.data() + space + 1, answer.data() + head_end, status);
  }
  if (status < 100 || status > 599) return unavailable("what answers is no daemon");
  const std::string_view body = answer.substr(head_end + 4);
  if (status >= 400) return std::unexpected(Error{code_of(status), message_of(body)});
  return std::string(body);
}

Result<std::string> ApiClient::ask(std::string_view request) const {
  ASSIGN_OR_RETURN(const os::Fd socket, connect_to(socket_path_));
  while (!request.empty()) {
    const ssize_t sent = ::send(socket.get(), request.data(), request.size(), MSG_NOSIGNAL);
    if (sent < 0 && errno == EINTR) continue;
    if (sent < 0) return unavailable("{}: {}", socket_path_, ::strerror(errno));
    request.remove_prefix(size_t(sent));
  }
  std::string answer;
  char buffer[16384];
  for (;;) {
    const ssize_t count = ::recv(socket.get(), buffer, sizeof buffer, 0);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return unavailable("{}: {}", socket_path_, ::strerror(errno));
    if (count == 0) return read_answer(answer);
    answer.append(buffer, size_t(count));
    if (answer.size() > kAnswerMax) return too_large("the answer is larger than {}", kAnswerMax);
  }
}

Result<std::string> ApiClient::get(std::string_view target) const {
  return ask(fmt::format(kHead, "GET", target, 0, ""));
}

Result<std::string> ApiClient::post(std::string_view target, std::string_view json) const {
  return ask(fmt::format(kHead, "POST", target, json.size(), json));
}

}  // namespace shoal::cli
