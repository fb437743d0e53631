// For the tests of handlers: asks a Router without sockets, and plays a manager whose store lives
// in memory.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/http/error.h"
#include "api/http/parser.h"
#include "api/http/router.h"
#include "api/swarm_backend.h"
#include "os/loop.h"
#include "store/memory_engine.h"

namespace shoal::api {

// A request's body that is all there.
class TextBody final : public Body {
 public:
  explicit TextBody(std::string text) : text_(std::move(text)) {}
  os::Co<Result<std::string>> whole(size_t bytes_max) override {
    if (text_.size() > bytes_max) co_return too_large("the request body is too large");
    co_return std::exchange(text_, {});
  }
  os::Co<Result<std::string>> next() override { co_return std::exchange(text_, {}); }

 private:
  std::string text_;
};

// Keeps what a handler answers. It cannot be hijacked.
class Answer final : public Responder {
 public:
  void header(std::string name, std::string value) override {
    headers.emplace_back(std::move(name), std::move(value));
  }
  void reply(Response response) override {
    status = response.status;
    body = std::move(response.body);
  }
  os::Co<Result<void>> start(Response head) override {
    status = head.status;
    started_ = true;
    co_return Result<void>{};
  }
  os::Co<Result<void>> write(std::string bytes) override {
    body += bytes;
    co_return Result<void>{};
  }
  os::Co<Result<Hijacked*>> hijack(std::string) override {
    co_return unimplemented("no connection to take over");
  }
  os::Co<Result<void>> reserve(size_t) override { co_return Result<void>{}; }
  bool started() const override { return started_; }

  int status = 0;
  std::string body;
  Fields headers;

 private:
  bool started_ = false;
};

struct Ask {
  std::string method;
  std::string target;
  std::string body;
  Fields headers = {{"content-type", "application/json"}};
};

// Answers as the server would; `done` when it has. Not inline: what g++ 12 makes of an
// inline coroutine does not always link when two files of a program have it.
os::Co<> serve_one(Router& router, Ask ask, Answer& answer, bool& done);

// Completes every commit in a later turn of the loop, unless it is told to hold them.
class LoopEngine final : public store::Engine {
 public:
  explicit LoopEngine(os::Loop& loop) : loop_(loop) {}
  Result<Contents> load() override { return inner_.load(); }
  void commit(std::shared_ptr<const store::Batch> batch, Done done) override {
    inner_.commit(std::move(batch), std::move(done));
    loop_.post([this] {
      if (!hold) inner_.flush();
    });
  }
  store::MemoryEngine& inner() { return inner_; }

  bool hold = false;

 private:
  os::Loop& loop_;
  store::MemoryEngine inner_;
};

// A node that is the one manager of a swarm, or of none.
class FakeBackend final : public SwarmBackend {
 public:
  LocalNodeState state() const override { return state_now; }
  std::string error() const override { return ""; }
  model::NodeId node_id() const override { return model::NodeId::of("n1"); }
  std::string node_address() const override { return "10.0.0.1"; }
  std::vector<RemoteManager> remote_managers() const override {
    return {{node_id(), "10.0.0.1:2377"}};
  }
  store::Store* store() override { return store_now; }
  manager::LogBroker* log_broker() override { return log_broker_now; }
  manager::NodeReach* node_reach() override { return node_reach_now; }
  model::NodeId leader() const override { return node_id(); }
  Rng& rng() override { return rng_; }
  os::Co<Result<model::NodeId>> init(InitRequest request) override {
    last_init = std::move(request);
    co_return node_id();
  }
  os::Co<Result<void>> join(JoinRequest) override { co_return unimplemented("joining"); }
  os::Co<Result<void>> leave(bool force) override {
    if (!force) co_return unavailable("last manager");
    co_return Result<void>{};
  }
  os::Co<Result<void>> unlock(std::string) override { co_return Result<void>{}; }
  Result<std::string> unlock_key() override { return std::string(); }
  Result<std::string> make_join_token(const model::Cluster&) override {
    return std::string("SWMTKN-1-new");
  }
  os::Co<Result<model::RootRotation>> make_root_rotation(const model::Cluster&,
                                                         std::string certificate,
                                                         std::string key) override {
    if (certificate == "bad") co_return invalid_argument("no certificate");
    co_return model::RootRotation{.root = {certificate, "", ""}, .key = key};
  }

  LocalNodeState state_now = LocalNodeState::Active;
  store::Store* store_now = nullptr;
  manager::LogBroker* log_broker_now = nullptr;
  manager::NodeReach* node_reach_now = nullptr;
  std::optional<InitRequest> last_init;

 private:
  Rng rng_{1};
};

}  // namespace shoal::api
