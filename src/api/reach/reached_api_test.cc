// A request that was carried here meets an ordinary handler.
#include "api/reach/reached_api.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>

#include "api/http/router.h"

namespace shoal::api {
namespace {

using model::ReachForm;
using model::ReachHead;
using model::ReachOutput;
using testing::HasSubstr;

// A manager at the other end, played by the test: what it sends is there at once.
class FakeVisit final : public agent::ReachVisit {
 public:
  os::Co<Result<std::string>> read(os::StopToken) override {
    if (input.empty()) co_return std::string();
    std::string next = std::move(input.front());
    input.pop_front();
    co_return next;
  }
  bool input_ended() const override { return input.empty(); }
  os::Co<Result<void>> write(ReachOutput output) override {
    if (gone.token().stopped()) co_return cancelled("nobody waits for the answer");
    outputs.push_back(std::move(output));
    co_return Result<void>{};
  }
  os::StopToken over() const override { return gone.token(); }

  std::deque<std::string> input;
  std::vector<ReachOutput> outputs;
  os::StopSource gone;
};

os::Co<Result<void>> show(Request& request, Responder& responder) {
  CO_ASSIGN_OR_RETURN(const auto body, co_await request.body->whole());
  responder.header("X-Not-Carried", "x");
  responder.json(200, fmt::format("{} {} {} {} {}", request.param("id"), request.version.minor,
                                  request.query_value("q"), request.header("content-type"), body));
  co_return Result<void>{};
}

os::Co<Result<void>> stream_long(Request&, Responder& responder) {
  Response head{.status = 202, .content_type = "text/plain"};
  CO_RETURN_IF_ERROR(co_await responder.start(std::move(head)));
  CO_RETURN_IF_ERROR(co_await responder.write(std::string(model::kReachPieceMax + 1, 'x')));
  co_return Result<void>{};
}

os::Co<Result<void>> stream_and_fail(Request&, Responder& responder) {
  CO_RETURN_IF_ERROR(co_await responder.start(Response()));
  co_return internal_error("half-way");
}

os::Co<Result<void>> shout(Request&, Responder& responder) {
  CO_ASSIGN_OR_RETURN(Hijacked* const raw, co_await responder.hijack("raw/x"));
  for (;;) {
    CO_ASSIGN_OR_RETURN(auto piece, co_await raw->read());
    if (piece.empty()) break;
    for (char& c : piece) c = char(std::toupper(c));
    CO_RETURN_IF_ERROR(co_await raw->write(std::move(piece)));
  }
  EXPECT_TRUE(raw->input_ended());
  raw->close_write();
  co_return Result<void>{};
}

os::Co<Result<void>> say_nothing(Request&, Responder&) {
  co_return Result<void>{};
}

os::Co<Result<void>> fail(Request&, Responder&) {
  throw std::runtime_error("the cat sat on it");
  co_return Result<void>{};
}

struct ReachedApiTest : testing::Test {
  ReachedApiTest() {
    router.post("/containers/{id}/show", show);
    router.get("/long", stream_long);
    router.get("/half", stream_and_fail);
    router.post("/shout", shout);
    router.get("/nothing", say_nothing);
    router.get("/fail", fail);
  }
  Result<void> answer(model::ReachRequest request) {
    std::optional<Result<void>> answered;
    os::spawn([](ReachedApi& to, model::ReachRequest carried, FakeVisit& by,
                 std::optional<Result<void>>& out) -> os::Co<> {
      out = co_await to.answer(std::move(carried), by);
    }(api, std::move(request), visit, answered));
    CHECK(answered, "it waits");
    return *answered;
  }
  Result<void> get(const char* path) {
    return answer({.method = "GET", .path = path, .query = {}, .api_minor = 44});
  }
  std::string whole() const {
    std::string all;
    for (const auto& output : visit.outputs) all += output.bytes;
    return all;
  }

  NullLog log;
  Router router{"Shoal/test (linux)"};
  ReachedApi api{log, [this](Request& q, Responder& p) { return router.handle(q, p); }};
  FakeVisit visit;
};

TEST_F(ReachedApiTest, AHandlerSeesTheRequestAndItsWholeAnswerGoesBack) {
  EXPECT_TRUE(answer({.method = "POST",
                      .path = "/containers/c1/show",
                      .query = {{"q", "a b"}},
                      .api_minor = 41,
                      .content_type = "application/json",
                      .body = "{}"}));
  ASSERT_FALSE(visit.outputs.empty());
  EXPECT_EQ(visit.outputs[0].head, (ReachHead{ReachForm::Whole, 200, "application/json"}));
  EXPECT_EQ(whole(), "c1 41 a b application/json {}");
}

TEST_F(ReachedApiTest, ErrorsAreAnswersOfDockersApi) {
  EXPECT_TRUE(get("/unknown"));
  EXPECT_EQ(visit.outputs[0].head->status, 404);
  EXPECT_EQ(whole(), "{\"message\":\"page not found\"}\n");
  for (const auto& [path, text] : {std::pair("/nothing", "the request was not answered"),
                                   std::pair("/fail", "the cat sat on it")}) {
    visit.outputs.clear();
    EXPECT_TRUE(get(path));
    EXPECT_EQ(visit.outputs[0].head->status, 500);
    EXPECT_THAT(whole(), HasSubstr(text));
  }
  visit.outputs.clear();
  EXPECT_TRUE(answer({.method = "GET", .path = "/nothing", .query = {}, .api_minor = 99}));
  EXPECT_THAT(whole(), HasSubstr("client version 1.99 is too new"));
}

TEST_F(ReachedApiTest, AStreamGoesInPiecesThatFitIntoAMessage) {
  EXPECT_TRUE(get("/long"));
  ASSERT_EQ(visit.outputs.size(), 3u);
  EXPECT_EQ(visit.outputs[0].head, (ReachHead{ReachForm::Stream, 202, "text/plain"}));
  EXPECT_EQ(visit.outputs[1].bytes.size(), model::kReachPieceMax);
  EXPECT_EQ(visit.outputs[2].bytes, "x");
}

TEST_F(ReachedApiTest, AStreamThatFailsIsCutOff) {
  EXPECT_EQ(get("/half").error().message, "half-way");
  EXPECT_EQ(visit.outputs.size(), 1u);
}

TEST_F(ReachedApiTest, AnUpgradeCarriesBothDirections) {
  visit.input = {"one ", "two"};
  EXPECT_TRUE(answer({.method = "POST", .path = "/shout", .query = {}, .api_minor = 44}));
  EXPECT_EQ(visit.outputs[0].head, (ReachHead{ReachForm::Raw, 101, "raw/x"}));
  EXPECT_EQ(whole(), "ONE TWO");
  EXPECT_TRUE(visit.outputs.back().end);
}

TEST_F(ReachedApiTest, NobodyWaitsForTheAnswer) {
  visit.gone.stop();
  EXPECT_EQ(get("/long").error().code, ErrorCode::Cancelled);
  EXPECT_EQ(get("/nothing").error().code, ErrorCode::Cancelled);
}

}  // namespace
}  // namespace shoal::api
