// Socket: one connected stream socket, unix or tcp, on the control loop. Asio is named only in
// socket.cc.
//
// One coroutine may read while another writes. close() makes both return Cancelled; the object must
// outlive them.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"
#include "os/co.h"
#include "os/fd.h"
#include "os/loop.h"

namespace shoal::os {

// A read hands out at most this much.
inline constexpr size_t kSocketReadMax = size_t{64} << 10;

class Socket {
 public:
  Socket(Loop& loop, Fd fd);
  ~Socket();

  // Waits for bytes and appends at most `bytes_max` of them to `out`; the count is 0 when the peer
  // has closed its half. Cancelled when the connection broke or was closed here.
  Co<Result<size_t>> read(std::string& out, size_t bytes_max);
  // The same, but how much may be read is asked when there is something: meanwhile others may have
  // taken the memory. There is no count when bytes_max() was 0 then.
  Co<Result<std::optional<size_t>>> read(std::string& out, std::function<size_t()> bytes_max);
  // The first without a copy: what it returns is good until the next co_await, because all sockets
  // read into one buffer. Empty when the peer has closed its half.
  Co<Result<std::string_view>> read_view(size_t bytes_max = kSocketReadMax);
  // All of `first` and then of `second`, in as few packets as it takes; both must outlive the call.
  Co<Result<void>> write(std::string_view first, std::string_view second = {});
  // Some of them, at least a byte: how much the peer takes.
  Co<Result<size_t>> write_some(std::string_view first, std::string_view second);

  // Bytes have arrived that nobody has read. Does not wait.
  bool has_unread() const;
  void close_write();
  void close();

 private:
  Co<Result<std::optional<std::string_view>>> read_now(std::function<size_t()> bytes_max);
  Co<bool> wait(bool for_reading);
  Co<> take_turn();

  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace shoal::os
