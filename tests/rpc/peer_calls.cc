#include "peer_calls.h"

#include <fmt/core.h>

#include <cstdio>

#include "rpc/client.h"
#include "rpc/testing.h"

namespace shoal::rpc {
namespace {

class Checks {
 public:
  void that(bool good, const char* what, const std::string& seen = "") {
    fmt::print("{} {}{}{}\n", good ? "ok" : "bad", what, good ? "" : ": ", good ? "" : seen);
    std::fflush(stdout);
    failed_ = failed_ || !good;
  }
  bool failed() const { return failed_; }

 private:
  bool failed_ = false;
};

std::string words(const Result<std::string>& answer) {
  if (answer) return fmt::format("{} bytes", answer->size());
  return fmt::format("code {}: {}", int(answer.error().code), answer.error().message);
}

os::Co<> unary(Channel& channel, Checks& checks) {
  const Result<std::string> echo = co_await channel.call("/t.T/Echo", "hello");
  checks.that(echo && *echo == "hello", "unary", words(echo));
  const Result<std::string> empty = co_await channel.call("/t.T/Echo", "");
  checks.that(empty && empty->empty(), "empty message", words(empty));
  const std::string text(size_t{20} << 20, 'm');
  const Result<std::string> large = co_await channel.call("/t.T/Echo", text);
  checks.that(large && *large == text, "20 MB", words(large));
  const Result<std::string> fail = co_await channel.call("/t.T/Fail", "100 % größer");
  const Error expected{ErrorCode::FailedPrecondition, "100 % größer"};
  checks.that(!fail && fail.error() == expected, "error", words(fail));
  const Result<std::string> unknown = co_await channel.call("/t.T/Nothing", "");
  checks.that(!unknown && unknown.error().code == ErrorCode::Unimplemented, "unknown method",
              words(unknown));
}

os::Co<> ends(os::Loop& loop, Channel& channel, Checks& checks) {
  CallOptions hasty;
  hasty.timeout = 200ms;
  const Result<std::string> late = co_await channel.call("/t.T/Wait", "", hasty);
  checks.that(!late && late.error().code == ErrorCode::DeadlineExceeded, "deadline", words(late));
  const os::StopSource stop;
  CallOptions stoppable;
  stoppable.stop = stop.token();
  const auto timer = loop.at(loop.now() + 200ms, [stop] { stop.stop(); });
  const Result<std::string> stopped = co_await channel.call("/t.T/Wait", "", stoppable);
  checks.that(!stopped && stopped.error().code == ErrorCode::Cancelled, "stop", words(stopped));
}

os::Co<> streams(Channel& channel, Checks& checks) {
  const auto count = must(co_await channel.open("/t.T/Count"));
  must(co_await count->write("1000"));
  count->finish_writing();
  int next = 1;
  bool in_order = true;
  while (const auto message = must(co_await count->read())) {
    in_order = in_order && *message == std::to_string(next++);
  }
  checks.that(in_order && next == 1001, "server stream", std::to_string(next));

  const auto sum = must(co_await channel.open("/t.T/Sum"));
  for (size_t i = 0; i < 1000; ++i) must(co_await sum->write(std::string(i, 'x')));
  sum->finish_writing();
  const auto bytes = must(co_await sum->read());
  const auto after_sum = must(co_await sum->read());
  checks.that(bytes == "499500" && !after_sum, "client stream");

  const auto talk = must(co_await channel.open("/t.T/Talk"));
  bool same = true;
  for (int i = 0; i < 100; ++i) {
    const std::string said = fmt::format("message {}", i);
    must(co_await talk->write(said));
    const auto heard = must(co_await talk->read());
    same = same && heard == said;
  }
  talk->finish_writing();
  const auto after_talk = must(co_await talk->read());
  checks.that(same && !after_talk, "both ways");
}

os::Co<bool> call_on(os::Loop& loop, Channel& channel, bool all) {
  Checks checks;
  const Result<std::string> reached = co_await channel.call("/t.T/Echo", "hello");
  checks.that(reached.has_value(), "connect", words(reached));
  if (!reached || !all) co_return !checks.failed();
  co_await unary(channel, checks);
  co_await streams(channel, checks);
  co_await ends(loop, channel, checks);
  co_return !checks.failed();
}

}  // namespace

int call_all(const CredentialsPem& pem, const std::string& address, bool all) {
  os::Loop loop(1);
  NullLog log;
  Channel channel(loop, log, {.address = address, .credentials = must(Credentials::make(pem))});
  return run_on(loop, call_on(loop, channel, all)) ? 0 : 1;
}

}  // namespace shoal::rpc
