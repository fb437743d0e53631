#include "rpc/status.h"

#include <gtest/gtest.h>

#include "rpc/head.h"

namespace shoal::rpc {
namespace {

TEST(Status, CodesComeBackAsTheyWent) {
  // The numbers that peers depend on.
  const std::pair<ErrorCode, int> codes[] = {
      {ErrorCode::Cancelled, 1},        {ErrorCode::InvalidArgument, 3},
      {ErrorCode::DeadlineExceeded, 4}, {ErrorCode::NotFound, 5},
      {ErrorCode::AlreadyExists, 6},    {ErrorCode::PermissionDenied, 7},
      {ErrorCode::TooLarge, 8},         {ErrorCode::FailedPrecondition, 9},
      {ErrorCode::OutOfSequence, 10},   {ErrorCode::OutOfRange, 11},
      {ErrorCode::Unimplemented, 12},   {ErrorCode::Internal, 13},
      {ErrorCode::Unavailable, 14},     {ErrorCode::Unauthenticated, 16},
  };
  for (const auto& [code, number] : codes) {
    EXPECT_EQ(grpc_status(code), number);
    EXPECT_EQ(error_code(number), code);
  }
  EXPECT_EQ(grpc_status(ErrorCode::Conflict), 9);
  EXPECT_EQ(error_code(2), ErrorCode::Internal);   // UNKNOWN
  EXPECT_EQ(error_code(15), ErrorCode::Internal);  // DATA_LOSS
  EXPECT_EQ(error_code(-7), ErrorCode::Internal);
}

TEST(Status, TextIsPercentEncoded) {
  const std::string text = "50 % of \"größer\"\r\n";
  EXPECT_EQ(encode_status_text(text), "50 %25 of \"gr%C3%B6%C3%9Fer\"%0D%0A");
  EXPECT_EQ(decode_status_text(encode_status_text(text)), text);
  EXPECT_EQ(decode_status_text("%zz 100% %4"), "%zz 100% %4");
  EXPECT_EQ(decode_status_text("%c3%b6"), "ö");
  EXPECT_LE(encode_status_text(std::string(100000, '\n')).size(), kStatusTextMax);
}

TEST(Status, NumbersAreReadStrictly) {
  EXPECT_EQ(parse_status("0"), 0);
  EXPECT_EQ(parse_status("16"), 16);
  for (const char* bad : {"", "17", "-1", "1x", " 1", "99999999999999"}) {
    EXPECT_FALSE(parse_status(bad)) << bad;
  }
  EXPECT_EQ(parse_http_status("200"), 200);
  EXPECT_EQ(parse_http_status("2000"), 0);
  EXPECT_EQ(parse_http_status("2x0"), 0);
}

TEST(Timeout, TravelsInEightDigits) {
  EXPECT_EQ(format_timeout(5s), "5000000u");
  EXPECT_EQ(format_timeout(1ns), "1n");
  EXPECT_EQ(format_timeout(-1s), "1n");
  EXPECT_EQ(format_timeout(100s), "100000m");
  EXPECT_EQ(format_timeout(100s + 1ns), "100001m");  // Never earlier than asked for.
  for (const Duration timeout : {Duration(1ns), Duration(3ms), Duration(90s), Duration(1000h)}) {
    EXPECT_GE(*parse_timeout(format_timeout(timeout)), timeout);
  }
}

TEST(Timeout, IsReadStrictly) {
  EXPECT_EQ(parse_timeout("10S"), 10s);
  EXPECT_EQ(parse_timeout("0n"), 0ns);
  EXPECT_EQ(parse_timeout("2H"), 2h);
  EXPECT_EQ(parse_timeout("99999999H"), Duration::max());
  for (const char* bad : {"", "S", "10", "-1S", "1.5S", "10s", "123456789n", "1 S"}) {
    EXPECT_FALSE(parse_timeout(bad)) << bad;
  }
}

TEST(Head, KeepsWhatIsTheCallersAndReadsTheRest) {
  Head head;
  const std::pair<const char*, const char*> fields[] = {{":method", "POST"},
                                                        {":path", "/a.B/C"},
                                                        {":scheme", "https"},
                                                        {"te", "trailers"},
                                                        {"x-note", "kept"},
                                                        {"grpc-timeout", "5S"},
                                                        {"content-type", "application/grpc+proto"},
                                                        {":status", "200"},
                                                        {"grpc-status", "9"},
                                                        {"grpc-message", "not%20now"}};
  for (const auto& [name, value] : fields) head.add(name, value);
  EXPECT_EQ(head.path, "/a.B/C");
  EXPECT_EQ(head.timeout, Duration(5s));
  EXPECT_TRUE(head.is_grpc());
  EXPECT_EQ(head.status, 9);
  EXPECT_EQ(head.status_text, "not now");
  const Metadata kept = {{"x-note", "kept"}};
  EXPECT_EQ(head.metadata, kept);
  head.add("grpc-timeout", "soon");
  EXPECT_TRUE(head.bad_timeout);
}

TEST(HttpStatus, BecomesTheCodeThatGrpcGivesIt) {
  EXPECT_EQ(error_of_http_status(404).code, ErrorCode::Unimplemented);
  EXPECT_EQ(error_of_http_status(503).code, ErrorCode::Unavailable);
  EXPECT_EQ(error_of_http_status(401).code, ErrorCode::Unauthenticated);
  EXPECT_EQ(error_of_http_status(500).code, ErrorCode::Internal);
}

}  // namespace
}  // namespace shoal::rpc
