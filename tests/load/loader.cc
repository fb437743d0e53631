#include "load/loader.h"

#include <fmt/format.h>
#include <sys/epoll.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "base/check.h"

namespace shoal::load {
namespace {

constexpr double kTellEvery = 0.1;
// How far it may fall behind before it gives up to catch up: bursts would be another test.
constexpr double kBehindMax = 0.1;
constexpr size_t kUnderWayMax = 20'000;
constexpr int kEventsAtOnce = 256;
constexpr int kInput = STDIN_FILENO;

double now_s() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return double(now.tv_sec) + double(now.tv_nsec) * 1e-9;
}

void say(const std::string& line) {
  std::fputs(line.c_str(), stdout);
  std::fflush(stdout);
}

}  // namespace

Loader::Loader(Options options)
    : options_(std::move(options)),
      epoll_(::epoll_create1(EPOLL_CLOEXEC)),
      idle_(options_.targets.size()) {
  for (const std::string& name : options_.names) {
    requests_.push_back(fmt::format("GET {} HTTP/1.1\r\nHost: {}\r\nConnection: {}\r\n\r\n",
                                    options_.path, name, options_.keep ? "keep-alive" : "close"));
  }
}

void Loader::run() {
  epoll_event input{.events = EPOLLIN, .data = {.fd = kInput}};
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, kInput, &input) == 0, "the input is no pipe");
  next_ = now_s();
  bool on = true;
  while (on || under_way_ > 0) {
    const double now = now_s();
    if (on) begin_due(now);
    end_late(now);
    if (now - told_ >= kTellEvery) tell(now);
    const double until = std::min(on ? next_ : now + kTellEvery, now + kTellEvery);
    epoll_event events[kEventsAtOnce];
    const int wait_ms = std::max(0, int((until - now) * 1000));
    const int count = ::epoll_wait(epoll_.get(), events, kEventsAtOnce, wait_ms);
    for (int i = 0; i < count; ++i) {
      if (events[i].data.fd != kInput) {
        on_event(events[i].data.fd);
        continue;
      }
      char ignored[256];
      if (::read(kInput, ignored, sizeof ignored) > 0) continue;
      on = false;
      ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, kInput, nullptr);
    }
  }
  tell(now_s());
}

void Loader::begin_due(double now) {
  if (now - next_ > kBehindMax) next_ = now - kBehindMax;
  for (; next_ <= now; next_ += 1 / options_.rate) {
    begin({.target = turn_, .began = now_s()});
    turn_ = (turn_ + 1) % options_.targets.size();
  }
}

void Loader::begin(const Request& request) {
  CHECK(under_way_ < kUnderWayMax, "too many requests wait for an answer");
  std::deque<int>& idle = idle_[request.target];
  if (idle.size() < std::max<size_t>(options_.keep, 1)) return ask_new(request);
  const int fd = idle.front();
  idle.pop_front();
  ask_on(fd, request);
}

void Loader::ask_new(const Request& request) {
  auto exchange = std::make_unique<Exchange>(options_.targets[request.target]);
  const int fd = exchange->fd();
  epoll_event event{.events = EPOLLIN | EPOLLOUT | EPOLLET, .data = {.fd = fd}};
  CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  lines_[fd].exchange = std::move(exchange);
  ask_on(fd, request);
}

void Loader::ask_on(int fd, const Request& request) {
  Line& line = lines_.at(fd);
  line.request = request;
  ++under_way_;
  begun_.emplace(request.began, fd);
  line.exchange->ask(requests_[request.target]);
  // On a new connection it goes with the first event.
  if (line.exchange->reusable()) on_event(fd);
}

void Loader::on_event(int fd) {
  const auto at = lines_.find(fd);
  if (at == lines_.end()) return;
  Exchange& exchange = *at->second.exchange;
  const bool was_idle = exchange.idle();
  const Exchange::Progress progress = exchange.proceed();
  if (progress.answered) return on_answer(fd);
  if (progress.failure.empty()) return;
  Request request = at->second.request;
  close(fd);
  if (was_idle) return;  // It was kept, and the server does not keep it longer.
  --under_way_;
  if (!progress.may_retry || request.retried) return fail(request, progress.failure);
  ++retried_;
  request.retried = true;
  ask_new(request);
}

void Loader::on_answer(int fd) {
  Line& line = lines_.at(fd);
  --under_way_;
  ++answered_;
  if (const std::string& server = line.exchange->server(); !server.empty()) ++servers_[server];
  slowest_s_ = std::max(slowest_s_, now_s() - line.request.began);
  if (options_.keep > 0 && line.exchange->reusable()) {
    idle_[line.request.target].push_back(fd);
  } else {
    close(fd);
  }
}

void Loader::close(int fd) {
  std::erase(idle_[lines_.at(fd).request.target], fd);
  lines_.erase(fd);
}

void Loader::fail(const Request& request, const std::string& how) {
  ++failed_;
  say(fmt::format("{{\"failed\":\"{}\",\"target\":\"{}\",\"began\":{:.6f},\"ended\":{:.6f}}}\n",
                  how, options_.names[request.target], request.began, now_s()));
}

void Loader::end_late(double now) {
  while (!begun_.empty() && begun_.begin()->first + options_.timeout_s <= now) {
    const auto [began, fd] = *begun_.begin();
    begun_.erase(begun_.begin());
    const auto at = lines_.find(fd);
    if (at == lines_.end() || at->second.request.began != began || at->second.exchange->idle()) {
      continue;
    }
    const Request request = at->second.request;
    close(fd);
    --under_way_;
    fail(request, "no answer in time");
  }
}

void Loader::tell(double now) {
  told_ = now;
  std::string servers;
  for (const auto& [name, count] : servers_) {
    servers += fmt::format("{}\"{}\":{}", servers.empty() ? "" : ",", name, count);
  }
  say(
      fmt::format("{{\"answered\":{},\"failures\":{},\"retried\":{},\"slowest_s\":{:.3f},"
                  "\"under_way\":{},\"connections\":{},\"servers\":{{{}}}}}\n",
                  answered_, failed_, retried_, slowest_s_, under_way_, lines_.size(), servers));
}

}  // namespace shoal::load
