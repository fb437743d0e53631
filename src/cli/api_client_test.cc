#include "cli/api_client.h"

#include <gtest/gtest.h>

namespace shoal::cli {
namespace {

TEST(ApiClient, TakesTheBodyOfAnAnswer) {
  EXPECT_EQ(read_answer("HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}"), "{}");
  EXPECT_EQ(read_answer("HTTP/1.1 204 No Content\r\n\r\n"), "");
}

TEST(ApiClient, TakesTheDaemonsMessageAsError) {
  const auto refused =
      read_answer("HTTP/1.0 501 Not Implemented\r\n\r\n{\"message\":\"not yet\"}\n");
  EXPECT_EQ(refused.error(), (Error{ErrorCode::Unimplemented, "not yet"}));
  EXPECT_EQ(read_answer("HTTP/1.0 503 X\r\n\r\nplain text\nmore").error(),
            (Error{ErrorCode::Unavailable, "plain text"}));
  EXPECT_EQ(read_answer("HTTP/1.0 500 X\r\n\r\n[{\"message\":1}]").error(),
            (Error{ErrorCode::Internal, "[{\"message\":1}]"}));
}

TEST(ApiClient, RefusesWhatIsNoAnswer) {
  for (const char* text : {"", "hello", "HTTP/1.0", "HTTP/1.0 200 OK\r\n", "HTTP/1.0 abc\r\n\r\n",
                           "HTTP/1.0 99999 X\r\n\r\n", "HTTP/1.0\r\n\r\n 200"}) {
    EXPECT_EQ(read_answer(text).error().code, ErrorCode::Unavailable) << text;
  }
}

TEST(ApiClient, SaysWhereNoDaemonAnswers) {
  const auto nobody = ApiClient("/nowhere/shoal.sock").get("/info");
  EXPECT_EQ(nobody.error().message,
            "no daemon answers on /nowhere/shoal.sock: No such file or directory");
  EXPECT_EQ(ApiClient("/" + std::string(107, 'x')).get("/info").error().code,
            ErrorCode::InvalidArgument);
}

}  // namespace
}  // namespace shoal::cli
