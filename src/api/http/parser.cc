#include "api/http/parser.h"

#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/rfc7230.hpp>

#include <algorithm>

namespace shoal::api {
namespace http = boost::beast::http;
using boost::system::error_code;

// Of memory besides the text: a request with its coroutines, one field of it.
constexpr size_t kHeadBytes = 1024;
constexpr size_t kFieldBytes = 2 * sizeof(std::string);

struct Parser::Impl {
  http::request_parser<http::buffer_body> parser;
};

namespace {

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = char(c + 32);
  }
  return out;
}

Head head_of(http::request_parser<http::buffer_body>& parser) {
  const auto& message = parser.get();
  Head head;
  head.method = std::string(message.method_string());
  head.target = std::string(message.target());
  head.bytes = kHeadBytes + 2 * head.target.size();
  head.http_1_0 = message.version() == 10;
  head.keep_alive = parser.keep_alive();
  for (const auto& field : message) {
    head.headers.emplace_back(lower(std::string_view(field.name_string())),
                              std::string(field.value()));
    head.bytes += kFieldBytes + field.name_string().size() + field.value().size();
  }
  head.expects_continue = lower(std::string_view(message[http::field::expect])) == "100-continue";
  head.wants_upgrade = http::token_list(message[http::field::connection]).exists("upgrade") &&
                       lower(std::string_view(message[http::field::upgrade])) == "tcp";
  if (parser.content_length()) head.content_length = *parser.content_length();
  return head;
}

// Lines of the head at the start of `bytes`.
size_t count_lines(std::string_view bytes) {
  bytes = bytes.substr(0, bytes.find("\r\n\r\n"));
  return size_t(std::count(bytes.begin(), bytes.end(), '\n'));
}

std::unexpected<Error> bad_request(const error_code& error) {
  if (error == http::error::header_limit) {
    return too_large("the request header is larger than {} bytes", kHeaderBytesMax);
  }
  return invalid_argument("malformed HTTP request: {}", error.message());
}

}  // namespace

Parser::Parser() : impl_(std::make_unique<Impl>()) {
  impl_->parser.header_limit(kHeaderBytesMax);
  impl_->parser.body_limit(boost::none);  // Body::whole() knows the limit of its own route.
}
Parser::~Parser() = default;

Result<std::optional<Head>> Parser::put_head(std::string_view bytes, size_t& consumed) {
  consumed = 0;
  if (bytes.empty()) return std::optional<Head>{};
  if (count_lines(bytes) > kHeaderFieldsMax) {
    return too_large("the request header has more than {} fields", kHeaderFieldsMax);
  }
  error_code error;
  consumed = impl_->parser.put(boost::asio::const_buffer(bytes.data(), bytes.size()), error);
  if (error == http::error::need_more) error = {};
  if (error) return bad_request(error);
  if (!impl_->parser.is_header_done()) return std::optional<Head>{};
  return head_of(impl_->parser);
}

Result<size_t> Parser::put_body(std::string_view bytes, std::string& out, size_t out_max) {
  const size_t before = out.size();
  // A body is never longer than its encoding. Room for all of out_max would stay with every client
  // that sends half a body and waits: 64 KiB each.
  out_max = std::min(out_max, bytes.size());
  out.resize(before + out_max);
  auto& body = impl_->parser.get().body();
  body.data = out.data() + before;
  body.size = out_max;
  body.more = true;
  size_t used = 0;
  error_code error;
  // Each put stops at the end of a chunk's header or data; go on while it makes progress.
  while (used < bytes.size() && !impl_->parser.is_done()) {
    const auto rest = bytes.substr(used);
    const size_t step =
        impl_->parser.put(boost::asio::const_buffer(rest.data(), rest.size()), error);
    used += step;
    if (error || step == 0) break;
  }
  out.resize(before + (out_max - body.size));
  if (error == http::error::need_more || error == http::error::need_buffer) error = {};
  if (error) return bad_request(error);
  return used;
}

bool Parser::done() const {
  return impl_->parser.is_done();
}

namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> unescape(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return invalid_argument("invalid URL escape in \"{}\"", text);
      out += char(high * 16 + low);
      i += 2;
    }
  }
  return out;
}

}  // namespace

Result<void> split_target(std::string_view target, Request& request) {
  // A proxy's absolute form: http://host/path.
  if (const size_t scheme = target.find("://");
      scheme != std::string_view::npos && target[0] != '/') {
    const size_t slash = target.find('/', scheme + 3);
    target = slash == std::string_view::npos ? std::string_view("/") : target.substr(slash);
  }
  const size_t question = target.find('?');
  ASSIGN_OR_RETURN(request.path, unescape(target.substr(0, question), false));
  if (question == std::string_view::npos) return {};
  std::string_view rest = target.substr(question + 1);
  while (!rest.empty()) {
    const std::string_view pair = rest.substr(0, rest.find('&'));
    rest.remove_prefix(std::min(pair.size() + 1, rest.size()));
    if (pair.empty()) continue;
    const size_t equals = pair.find('=');
    ASSIGN_OR_RETURN(std::string name, unescape(pair.substr(0, equals), true));
    const auto text =
        equals == std::string_view::npos ? std::string_view{} : pair.substr(equals + 1);
    ASSIGN_OR_RETURN(std::string value, unescape(text, true));
    request.query.emplace_back(std::move(name), std::move(value));
  }
  return {};
}

}  // namespace shoal::api
