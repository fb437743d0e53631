// The inside of Server: listeners, connections, and the calls that run. Private to server.cc and
// server_calls.cc.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <variant>
#include <vector>

#include "os/fd.h"
#include "rpc/connection.h"
#include "rpc/handshake.h"
#include "rpc/log_limiter.h"
#include "rpc/server.h"

namespace shoal::rpc {

struct Method {
  std::variant<StreamHandler, UnaryHandler> handler;
  MethodOptions options;
};

struct Server::Impl final : Connection::Owner, std::enable_shared_from_this<Impl> {
  Impl(os::Loop& l, Log& g, std::shared_ptr<Credentials> c, ServerLimits m);
  class Unidentified;

  // Connections: server.cc.
  os::Co<> accept_from(int listener);
  os::Co<> make_room(os::StopToken stop);
  os::Co<> serve(os::Fd fd);
  os::Co<> serve_secured(std::unique_ptr<os::Socket> socket, std::unique_ptr<Tls> tls, Peer peer);
  os::Co<> close(Duration grace);
  bool has_room() const;
  void complain(const std::string& host, std::string_view sentence, const Error& why);

  // Calls: server_calls.cc.
  void on_head(Stream& stream) override;
  void on_request(Connection& connection, std::shared_ptr<Stream> stream) override;
  void on_going_away(Connection&) override {}
  void on_closed(Connection& connection, const Error& why) override;
  os::Co<> run_call(std::shared_ptr<Connection> connection, std::shared_ptr<Stream> stream,
                    const Method& method);

  os::Loop& loop;
  Log& log;
  const std::shared_ptr<Credentials> credentials;
  ServerLimits limits;
  std::map<std::string, Method, std::less<>> methods;

  std::vector<os::Fd> listeners;
  uint16_t port = 0;
  os::StopSource closing;
  os::Signal changed;  // something of the following went down
  int accepting = 0;
  int running_calls = 0;
  size_t open_count = 0;  // sockets, those in their handshake included
  size_t unidentified_count = 0;
  std::map<std::string, size_t> unidentified_by_host;
  struct Silent {
    Time since;
    os::Socket* socket;
    bool dropped = false;
  };
  std::list<Silent> silent;  // connections that have not said a byte, the oldest first
  std::set<std::shared_ptr<Connection>> connections;
  std::map<model::NodeId, std::set<Connection*>> by_node;
  Turnstile turnstile{kHandshakesMax};
  MessageAccount account;
  LogLimiter log_limiter;
};

}  // namespace shoal::rpc
