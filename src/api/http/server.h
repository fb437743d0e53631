// Server: listens on unix and tcp sockets and gives every connection its Connection.
//
// However many connect, those who come are let in: see Room.
//
// On the control thread. Destroy it only after close() has returned and before the Loop.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "api/http/connection.h"
#include "os/fd.h"

namespace shoal::api {

class Server {
 public:
  Server(os::Loop& loop, Log& log, Dispatch dispatch, HttpLimits limits = {});
  ~Server();

  // Listens on a socket file, mode 0660 and owned by the group `group` when there is such a group
  // (else the process's own). A file that a dead process left is replaced; AlreadyExists when
  // somebody still answers on it. The file is removed by close().
  Result<void> listen_unix(const std::string& path, const std::string& group = "docker");
  // "127.0.0.1:2375" or "[::1]:2375"; port 0 takes a free one. No encryption: for loopback and
  // trusted networks, as dockerd's own -H tcp://.
  Result<void> listen_tcp(const std::string& address);
  // The port of the last listen_tcp.
  uint16_t tcp_port() const { return tcp_port_; }

  // Serves a socket that is connected already (tests, socketpair).
  void adopt(os::Fd fd);

  // Stops listening, stops every handler and waits until all have ended.
  os::Co<> close();

  size_t connection_count() const { return connections_.size(); }

 private:
  os::Co<> accept_from(int listener);
  os::Co<> make_place(os::StopToken stop);
  os::Co<> wait_for_end(os::StopToken stop);
  void warn(std::string_view what, const std::string& reason);
  os::Co<> serve(std::shared_ptr<Connection> connection);
  void add_listener(os::Fd fd);

  os::Loop& loop_;
  Log& log_;
  Serving serving_;
  os::StopSource closing_;
  os::Signal ended_;  // a connection or an accept loop ended
  int running_ = 0;   // accept loops
  std::vector<os::Fd> listeners_;
  std::vector<std::string> socket_files_;
  std::set<std::shared_ptr<Connection>> connections_;
  uint16_t tcp_port_ = 0;
  std::map<std::string_view, Time> warned_;  // of each sentence, when it was last said
};

}  // namespace shoal::api
