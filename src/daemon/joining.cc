#include "daemon/joining.h"

#include <utility>

#include "agent/certificate.h"
#include "api/rpc_error.h"
#include "ca/join_token.h"
#include "codec/wire/ca.h"
#include "crypto/certificate.h"
#include "crypto/root_ca.h"
#include "daemon/addresses.h"
#include "rpc/client.h"

namespace shoal::daemon {
namespace {

constexpr std::string_view kRootCall = "/docker.swarmkit.v1.CA/GetRootCACertificate";
constexpr Duration kRootTimeout = 5s;

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) text += fmt::format("{:02x}", uint8_t(c));
  return text;
}

// The managers, each with a port.
Result<std::vector<std::string>> managers_of(const api::JoinRequest& request) {
  if (request.remote_addresses.empty()) {
    return invalid_argument("at least 1 RemoteAddr is required to join");
  }
  std::vector<std::string> managers;
  for (const auto& given : request.remote_addresses) {
    ASSIGN_OR_RETURN(managers.emplace_back(), remote_address(given));
  }
  return managers;
}

os::Co<Result<std::string>> fetch_root(os::Loop& loop, Log& log, std::string manager,
                                       os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(const auto nothing, rpc::Credentials::make({}));
  rpc::ChannelOptions options;
  options.address = std::move(manager);
  options.credentials = nothing;
  options.verify = false;  // Whoever answers, the digest decides.
  options.message_bytes_max = wire::kJoinResponseBytesMax;
  rpc::Channel channel(loop, log, std::move(options));
  const rpc::CallOptions of_call{.timeout = kRootTimeout, .metadata = {}, .stop = stop};
  CO_ASSIGN_OR_RETURN(const std::string answer,
                      co_await channel.call(kRootCall, std::string(), of_call));
  co_return wire::decode_root_response(answer);
}

// The root that the token names, from the first manager that answers; `managers` then begins with
// that one.
os::Co<Result<std::string>> find_root(os::Loop& loop, Log& log, std::string digest,
                                      std::vector<std::string>& managers, os::StopToken stop) {
  Error last;
  for (int round = 0; round < kJoinRoundsMax; ++round) {
    if (round > 0) (void)co_await loop.sleep(kJoinPause, stop);
    for (auto& manager : managers) {
      std::string address = manager;
      const auto root = co_await fetch_root(loop, log, std::move(address), stop);
      if (stop.stopped()) co_return cancelled("the join was given up");
      if (!root) {
        last = root.error();
        // What refuses is named in the reason; an address that swallows everything is not.
        if (last.code == ErrorCode::DeadlineExceeded) {
          last.message = fmt::format("{}: no answer in {} s", manager, kRootTimeout / 1s);
        }
        continue;
      }
      if (crypto::sha256(*root) != digest) {
        co_return permission_denied("remote CA does not match fingerprint. Expected: {}",
                                    hex(digest));
      }
      if (const auto sound = crypto::read_root(*root); !sound) {
        co_return std::unexpected(sound.error());
      }
      std::swap(managers.front(), manager);
      co_return *root;
    }
  }
  co_return unavailable("no manager of the swarm can be reached: {}", last.message);
}

os::Co<Result<rpc::CredentialsPem>> become_node(os::Loop& loop, Log& log, std::string manager,
                                                std::string root, model::IssueRequest request,
                                                os::StopToken stop) {
  rpc::CredentialsPem trusted;
  trusted.roots = root;
  CO_ASSIGN_OR_RETURN(const auto credentials, rpc::Credentials::make(trusted));
  rpc::ChannelOptions options;
  options.address = std::move(manager);
  options.credentials = credentials;
  options.server_name = rpc::kCaName;
  options.message_bytes_max = wire::kJoinResponseBytesMax;
  rpc::Channel channel(loop, log, std::move(options));
  auto issued =
      co_await agent::request_certificate(loop, channel, std::move(root), std::move(request), stop);
  if (!issued) co_return std::unexpected(api::rpc_error(issued.error()));
  co_return issued;
}

}  // namespace

os::Co<Result<Joined>> join_swarm(os::Loop& loop, Log& log, api::JoinRequest request,
                                  std::string own_bridge, os::StopToken stop) {
  CO_ASSIGN_OR_RETURN(std::vector<std::string> managers, managers_of(request));
  CO_ASSIGN_OR_RETURN(const ca::JoinToken token, ca::parse_join_token(request.join_token));
  CO_ASSIGN_OR_RETURN(const std::string data_path, resolve_data_path(request.data_path_address));
  const bool told = !request.advertise_address.empty() || !request.listen_address.empty();
  SwarmAddresses addresses;
  if (told) {
    auto resolved =
        resolve_addresses(request.listen_address, request.advertise_address, own_bridge);
    if (resolved) {
      addresses = std::move(*resolved);
    } else if (!request.advertise_address.empty()) {
      co_return std::unexpected(resolved.error());
    }
  }
  CO_ASSIGN_OR_RETURN(std::string root,
                      co_await find_root(loop, log, token.root_digest, managers, stop));
  if (addresses.advertised.empty()) {
    // The manager sees the node under this one anyway.
    const auto towards = address_towards(managers.front());
    addresses.advertised = towards ? *towards : "127.0.0.1";
  }
  model::IssueRequest asks;
  asks.token = request.join_token;
  asks.availability = request.availability;
  std::string manager = managers.front();
  auto credentials =
      co_await become_node(loop, log, std::move(manager), std::move(root), std::move(asks), stop);
  if (!credentials) co_return std::unexpected(credentials.error());
  CO_ASSIGN_OR_RETURN(const auto info, crypto::read_certificate(credentials->certificates));
  if (info.identity.role == model::NodeRole::Manager) {
    co_return failed_precondition(
        "the join token is one for managers: several managers are not supported by this version of "
        "Shoal yet; join as a worker");
  }
  Joined joined;
  joined.record.id = info.identity.node_id;
  joined.record.address = addresses.advertised;
  joined.record.managers = std::move(managers);
  joined.record.data_path_address = data_path;
  joined.credentials = std::move(*credentials);
  co_return joined;
}

}  // namespace shoal::daemon
