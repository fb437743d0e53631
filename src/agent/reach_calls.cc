#include "agent/reach_calls.h"

#include <algorithm>
#include <list>
#include <utility>

#include "codec/wire/reach.h"

namespace shoal::agent {
namespace {

constexpr std::string_view kListen = "/shoal.v1.Reach/Listen";
constexpr std::string_view kCarry = "/shoal.v1.Reach/Carry";

// The visit that a call brings. Somebody reads the call all the time, one message ahead, so that
// its end is seen; more waits in the manager.
class CallVisit final : public ReachVisit {
 public:
  explicit CallVisit(rpc::ClientCall& call) : call_(call), over_(call.ended()) {}

  os::Co<Result<std::string>> read(os::StopToken stop) override {
    const os::StopSource either;
    const auto by_caller = stop.on_stop([either] { either.stop(); });
    const auto by_end = over_.on_stop([either] { either.stop(); });
    const os::StopToken any = either.token();
    while (ahead_.empty()) {
      if (over_.stopped()) co_return cancelled("nobody waits for the answer");
      if (input_ended_) co_return std::string();
      if (!co_await changed_.wait(any)) co_return cancelled("nobody reads any more");
    }
    std::string bytes = std::exchange(ahead_, {});
    changed_.notify();
    co_return bytes;
  }
  bool input_ended() const override { return input_ended_ || over_.stopped(); }
  os::Co<Result<void>> write(model::ReachOutput output) override {
    std::string bytes = wire::encode(output);
    co_return co_await call_.write(std::move(bytes));
  }
  os::StopToken over() const override { return over_; }

  // Until the call has ended; sets `done` then.
  os::Co<> read_ahead(os::OneShot<bool> done) {
    for (;;) {
      const auto bytes = co_await call_.read();
      if (!bytes || !*bytes) break;
      auto input = wire::decode_reach_input(**bytes);
      if (!input) {
        call_.cancel();
        break;
      }
      if (closed_) continue;
      ahead_ = std::move(input->bytes);
      input_ended_ = input_ended_ || input->end;
      changed_.notify();
      while (!ahead_.empty()) (void)co_await changed_.wait();
    }
    input_ended_ = true;
    changed_.notify();
    done.set(true);
  }
  // Nothing is read any more.
  void close() {
    closed_ = true;
    ahead_.clear();
    changed_.notify();
  }

 private:
  rpc::ClientCall& call_;
  const os::StopToken over_;
  std::string ahead_;
  bool input_ended_ = false;
  bool closed_ = false;
  os::Signal changed_;
};

}  // namespace

struct ReachCalls::Connection {
  Connection(os::Loop& loop, Log& log, const rpc::ChannelOptions& options)
      : channel(loop, log, options) {}
  rpc::Channel channel;
  size_t answers = 0;
};

// What lives as long as one run(), on its frame.
struct ReachCalls::Session {
  rpc::ChannelOptions manager;
  os::StopSource over;
  std::list<Connection> connections;
  size_t running = 0;  // answers
  os::Signal ended;    // one of them has
};

ReachCalls::ReachCalls(os::Loop& loop, Log& log, rpc::Channel& session, rpc::ChannelOptions manager,
                       ReachHost& host)
    : loop_(loop), log_(log), session_(session), manager_(std::move(manager)), host_(host) {
  manager_.message_bytes_max = wire::kReachInputBytesMax;
}

os::Co<Result<void>> ReachCalls::run(std::string address, os::StopToken stop) {
  Session session{.manager = manager_, .over = {}, .connections = {}, .ended = {}};
  session.manager.address = std::move(address);
  const auto guard = stop.on_stop([over = session.over] { over.stop(); });
  Result<void> ended = co_await listen(session);
  session.over.stop();
  while (session.running > 0) (void)co_await session.ended.wait();
  if (!ended && ended.error().code == ErrorCode::Unimplemented) co_return Result<void>{};
  co_return ended;
}

os::Co<Result<void>> ReachCalls::listen(Session& session) {
  const rpc::CallOptions options{.metadata = {}, .stop = session.over.token()};
  CO_ASSIGN_OR_RETURN(const auto call, co_await session_.open(kListen, options));
  CO_RETURN_IF_ERROR(co_await call->write(std::string()));
  call->finish_writing();
  for (;;) {
    auto bytes = co_await call->read();
    if (!bytes) co_return std::unexpected(bytes.error());
    if (!*bytes) co_return unavailable("the manager ended the stream of requests");
    CO_ASSIGN_OR_RETURN(const auto id, wire::decode_reach_call(**bytes));
    if (session.running < kReachAnswersMax) os::spawn(answer(session, id));
  }
}

os::Co<> ReachCalls::answer(Session& session, model::ReachId id) {
  ++session.running;
  auto& all = session.connections;
  auto at = std::find_if(all.begin(), all.end(), [](const Connection& one) {
    return one.answers < kAnswersPerConnectionMax;
  });
  if (at == all.end()) at = all.emplace(at, loop_, log_, session.manager);
  ++at->answers;
  const Result<void> carried = co_await carry(*at, id, session.over.token());
  // Whoever waits for the answer learns of it by the broken call.
  if (!carried) log_.debug("a request was not answered", {{"reason", carried.error().message}});
  // One is kept for the next request.
  if (--at->answers == 0 && all.size() > 1) all.erase(at);
  --session.running;
  session.ended.notify();
}

os::Co<Result<void>> ReachCalls::carry(Connection& connection, model::ReachId id,
                                       os::StopToken stop) {
  const rpc::CallOptions options{.metadata = {}, .stop = stop};
  CO_ASSIGN_OR_RETURN(const auto call, co_await connection.channel.open(kCarry, options));
  model::ReachOutput mine;
  mine.id = id;
  std::string bytes = wire::encode(mine);
  CO_RETURN_IF_ERROR(co_await call->write(std::move(bytes)));
  const auto first = co_await call->read();
  if (!first) co_return std::unexpected(first.error());
  if (!*first) co_return cancelled("there was no request");
  CO_ASSIGN_OR_RETURN(auto input, wire::decode_reach_input(**first));
  if (!input.request) co_return invalid_argument("there was no request");

  CallVisit visit(*call);
  os::OneShot<bool> call_ended;
  os::spawn(visit.read_ahead(call_ended));
  const Result<void> answered = co_await host_.answer(std::move(*input.request), visit);
  if (answered) {
    call->finish_writing();
  } else {
    call->cancel();
  }
  visit.close();
  co_await call_ended;
  co_return answered;
}

}  // namespace shoal::agent
