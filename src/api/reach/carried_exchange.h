// CarriedExchange: a request that a manager carries to this node, and its answer on the way back.
// It is the Body, the Responder and the Hijacked of http/message.h, as Exchange is for a
// connection; it lives on the frame of the one who calls the handler.
//
// Headers of an answer are not carried: the manager's server gives its own.
#pragma once

#include <optional>
#include <string>

#include "agent/reach_host.h"
#include "api/http/message.h"

namespace shoal::api {

class CarriedExchange final : public Body, public Responder, public Hijacked {
 public:
  CarriedExchange(agent::ReachVisit& visit, std::string body)
      : visit_(visit), body_(std::move(body)) {}

  // Sends what the handler has left to be sent. An error cuts the answer off.
  os::Co<Result<void>> finish(Result<void> result);

  // Body
  os::Co<Result<std::string>> whole(size_t bytes_max) override;
  os::Co<Result<std::string>> next() override;
  // Responder
  void header(std::string, std::string) override {}
  void reply(Response response) override;
  os::Co<Result<void>> start(Response head) override;
  os::Co<Result<void>> write(std::string bytes) override;
  os::Co<Result<Hijacked*>> hijack(std::string content_type) override;
  os::Co<Result<void>> reserve(size_t bytes) override;
  bool started() const override { return started_; }
  // Hijacked
  os::Co<Result<std::string>> read(os::StopToken stop) override;
  void close_write() override;
  bool input_ended() const override { return visit_.input_ended(); }

 private:
  os::Co<Result<void>> send_head(model::ReachForm form, int status, std::string content_type);
  os::Co<> send_end(os::OneShot<bool> sent);

  agent::ReachVisit& visit_;
  std::string body_;
  bool started_ = false;
  bool replied_ = false;
  Response reply_;
  std::optional<os::OneShot<bool>> ending_;  // of our half
};

}  // namespace shoal::api
