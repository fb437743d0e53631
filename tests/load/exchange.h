// One connection of the loader, and the request that is on it.
#pragma once

#include <netinet/in.h>

#include <string>
#include <string_view>

#include "os/fd.h"

namespace shoal::load {

// Reads one HTTP/1.1 answer whose length is given.
class AnswerReader {
 public:
  enum class State { Incomplete, Complete, Invalid };
  State add(std::string_view bytes);
  bool began() const { return !bytes_.empty(); }
  int status() const { return status_; }
  bool closes() const { return closes_; }
  // As its header X-Served-By says; empty without.
  const std::string& server() const { return server_; }

 private:
  bool read_head(size_t end);

  std::string bytes_;
  size_t whole_ = 0;  // head and body; 0: the head is not there yet
  int status_ = 0;
  bool closes_ = false;
  std::string server_;
};

// Non-blocking. A failure is a text; empty means that it goes on.
class Exchange {
 public:
  struct Progress {
    std::string failure;
    bool answered = false;
    bool may_retry = false;  // the server closed a connection that had been used, before any byte
  };
  // Begins to connect; the failure is known with the first progress.
  explicit Exchange(const sockaddr_in& target);

  // Only when no request is on it.
  void ask(std::string_view request);
  // After an event on fd().
  Progress proceed();

  int fd() const { return fd_.get(); }
  bool idle() const { return !asked_; }
  // What may be asked another request: it was answered, and the server keeps it open.
  bool reusable() const { return used_ && !reader_.closes(); }
  // Of the last answer.
  const std::string& server() const { return reader_.server(); }

 private:
  Progress fail(int error, const char* what) const;
  Progress write();
  Progress read();

  os::Fd fd_;
  int refused_ = 0;  // why connecting was not even begun
  bool connected_ = false;
  bool used_ = false;   // a request was answered on it
  bool asked_ = false;  // a request is on it
  std::string out_;
  AnswerReader reader_;
};

}  // namespace shoal::load
