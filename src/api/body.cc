#include "api/body.h"

namespace shoal::api {

os::Co<Result<std::string>> json_body(Request& request) {
  Result<std::string> body = co_await request.body->whole();
  if (!body || body->empty()) co_return body;
  const std::string_view header = request.header("content-type");
  std::string type(header.substr(0, header.find(';')));
  while (type.ends_with(' ')) type.pop_back();
  for (char& c : type) c = c >= 'A' && c <= 'Z' ? char(c + 32) : c;
  if (type != "application/json") {
    co_return invalid_argument("unsupported Content-Type header ({}): must be \"application/json\"",
                               header);
  }
  co_return body;
}

}  // namespace shoal::api
