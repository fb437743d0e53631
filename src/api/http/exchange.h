// Exchange: one request and its answer on a Connection. It is the Body, the Responder and the
// Hijacked of message.h; it lives on the frame of Connection::handle.
#pragma once

#include <string>
#include <string_view>

#include "api/http/connection.h"
#include "api/http/message.h"
#include "api/http/parser.h"

namespace shoal::api {

// The head of an answer with a counted body. `connection` is the value of that header.
std::string format_head(const Response& response, size_t body_bytes, std::string_view connection);

class Exchange final : public Body, public Responder, public Hijacked {
 public:
  Exchange(Connection& connection, const Head& head, os::StopToken stop);
  ~Exchange() override;

  // The connection ends with this answer.
  void close_after() { head_.keep_alive = false; }

  // Sends what the handler has left to be sent; true when the connection may go on.
  os::Co<bool> finish(Result<void> result);

  // Body
  os::Co<Result<std::string>> whole(size_t bytes_max) override;
  os::Co<Result<std::string>> next() override;
  // Responder
  void header(std::string name, std::string value) override;
  void reply(Response response) override;
  os::Co<Result<void>> start(Response head) override;
  os::Co<Result<void>> write(std::string bytes) override;
  os::Co<Result<Hijacked*>> hijack(std::string content_type) override;
  os::Co<Result<void>> reserve(size_t bytes) override;
  bool started() const override { return form_ != Form::None && form_ != Form::Reply; }
  // Hijacked
  os::Co<Result<std::string>> read(os::StopToken stop) override;
  void close_write() override;
  bool input_ended() const override { return connection_.input_ended(); }

 private:
  enum class Form { None, Reply, Stream, Hijacked };

  // One piece of the body; waits for it until `end`, or as long as an upload may stall.
  os::Co<Result<std::string>> next_until(std::optional<Time> end);
  os::Co<Result<void>> say_continue();
  os::Co<bool> send_reply();
  bool chunked() const { return !head_.http_1_0; }
  bool has_body(int status) const;
  std::string_view connection_header() const { return head_.keep_alive ? "" : "close"; }

  Connection& connection_;
  Head head_;  // without its headers
  os::StopToken stop_;
  Room::Share held_;    // of the head and the body
  Room::Share answer_;  // of a long answer
  Form form_ = Form::None;
  Fields headers_;
  Response reply_;
  bool continued_ = false;
  bool write_failed_ = false;
};

}  // namespace shoal::api
