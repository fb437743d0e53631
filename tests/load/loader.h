// Loader: asks servers at a steady rate, whether or not earlier requests are answered, and accounts
// for each request.
//
// What it says are lines of JSON: `{"failed":…}` for each request that was not answered, with the
// time (CLOCK_MONOTONIC) at which it began and ended, and `{"answered":…}` every kTellEvery and at
// the end.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "load/exchange.h"

namespace shoal::load {

struct Options {
  double rate = 1000;     // requests a second, over all targets
  size_t keep = 0;        // connections that are kept, a target; 0: one a request
  double timeout_s = 10;  // of a request
  std::string path = "/";
  std::vector<std::string> names;  // of the targets, as the lines have them
  std::vector<sockaddr_in> targets;
};

class Loader {
 public:
  explicit Loader(Options options);
  // Until the standard input ends; what is under way then is still waited for.
  void run();

 private:
  struct Request {
    size_t target = 0;
    double began = 0;
    bool retried = false;
  };
  struct Line {
    std::unique_ptr<Exchange> exchange;
    Request request;
  };

  void begin_due(double now);
  void begin(const Request& request);
  void ask_new(const Request& request);
  void ask_on(int fd, const Request& request);
  void on_event(int fd);
  void on_answer(int fd);
  void close(int fd);
  void fail(const Request& request, const std::string& how);
  void end_late(double now);
  void tell(double now);

  Options options_;
  std::vector<std::string> requests_;  // a target
  os::Fd epoll_;
  std::map<int, Line> lines_;
  std::vector<std::deque<int>> idle_;  // a target; the one that rested longest first
  std::multimap<double, int> begun_;   // requests under way by time; some may be over
  size_t under_way_ = 0;
  size_t turn_ = 0;
  double next_ = 0;
  double told_ = 0;
  uint64_t answered_ = 0, failed_ = 0, retried_ = 0;
  double slowest_s_ = 0;
  std::map<std::string, uint64_t> servers_;  // who answered how often
};

}  // namespace shoal::load
