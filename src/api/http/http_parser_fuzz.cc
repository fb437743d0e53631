// Requests of HTTP/1.x, whole and in pieces.
#include "api/http/parser.h"
#include "base/check.h"
#include "fuzz/fuzz.h"

namespace shoal::fuzz {
namespace {

constexpr size_t kPieceBytes = 7;

// As connection.cc does it: the head from a growing piece, then the body as it comes.
void request(std::string_view input, size_t piece) {
  api::Parser parser;
  size_t begin = 0, end = 0;
  std::optional<api::Head> head;
  while (!head && end < input.size()) {
    end = std::min(input.size(), end + piece);
    size_t consumed = 0;
    auto result = parser.put_head(input.substr(begin, end - begin), consumed);
    if (!result) return;
    head = std::move(*result);
    CHECK(consumed <= end - begin);
    begin += consumed;
  }
  if (!head) return;
  api::Request parts;
  (void)api::split_target(head->target, parts);
  std::string_view rest = input.substr(begin);
  while (!rest.empty() && !parser.done()) {
    std::string body;
    const auto used = parser.put_body(rest.substr(0, piece), body, kPieceBytes);
    if (!used) return;
    CHECK(body.size() <= kPieceBytes);
    if (*used == 0 && body.empty()) {  // A chunk's head may be longer than a piece.
      if (piece >= rest.size()) return;
      piece *= 2;
    }
    rest.remove_prefix(*used);
  }
}

}  // namespace

void run(std::string_view input) {
  request(input, input.size() + 1);
  request(input, kPieceBytes);
  api::Request parts;
  (void)api::split_target(input, parts);
}

std::vector<std::string> seeds() {
  return {
      "GET /v1.41/containers/json?all=1&filters=%7B%22a%22%3A%5B%5D%7D HTTP/1.1\r\n"
      "Host: docker\r\nUser-Agent: x\r\n\r\n",
      "POST /build HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
      "5;x=y\r\nhello\r\n0\r\nTrailer: z\r\n\r\n",
      "POST /exec/a/start HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: tcp\r\n"
      "Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
      "HEAD http://host/_ping HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"};
}

}  // namespace shoal::fuzz
