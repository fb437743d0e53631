#include "daemon/addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <sys/socket.h>

#include <charconv>
#include <map>
#include <memory>
#include <vector>

#include "network/address.h"
#include "os/fd.h"

namespace shoal::daemon {
namespace {

const std::string kEverywhere = "0.0.0.0";

using ByInterface = std::map<std::string, std::vector<network::IpAddress>>;

// Global addresses of the interfaces that are up, IPv4 first.
ByInterface machine_addresses() {
  ByInterface found;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return found;
  const std::unique_ptr<ifaddrs, decltype(&::freeifaddrs)> guard(list, ::freeifaddrs);
  for (const int family : {AF_INET, AF_INET6}) {
    for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
      if (!entry->ifa_addr || entry->ifa_addr->sa_family != family) continue;
      if (!(entry->ifa_flags & IFF_UP)) continue;
      char text[INET6_ADDRSTRLEN];
      const void* bytes =
          family == AF_INET ? static_cast<const void*>(
                                  &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr)
                            : &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr;
      if (!::inet_ntop(family, bytes, text, sizeof text)) continue;
      const auto address = network::IpAddress::parse(text);
      if (address && !std::string_view(text).starts_with("fe80:")) {
        found[entry->ifa_name].push_back(*address);
      }
    }
  }
  return found;
}

std::string joined(const std::vector<network::IpAddress>& addresses) {
  std::string text;
  for (const auto& address : addresses) text += (text.empty() ? "" : " and ") + address.str();
  return text;
}

Result<std::string> only_address(const ByInterface& machine, const std::string& own_bridge) {
  std::string chosen_interface, chosen;
  for (const auto& [name, addresses] : machine) {
    if (name == own_bridge || addresses.front().is_loopback()) continue;
    if (addresses.size() > 1 && addresses[0].is_v4() == addresses[1].is_v4()) {
      return invalid_argument(
          "could not choose an IP address to advertise since this system has multiple addresses "
          "on interface {} ({})",
          name, joined(addresses));
    }
    if (!chosen.empty()) {
      return invalid_argument(
          "could not choose an IP address to advertise since this system has multiple addresses "
          "on different interfaces ({} on {} and {} on {})",
          chosen, chosen_interface, addresses.front().str(), name);
    }
    chosen_interface = name;
    chosen = addresses.front().str();
  }
  if (chosen.empty()) {
    return invalid_argument("could not find the system's IP address");
  }
  return chosen;
}

struct HostPort {
  std::string host;
  uint16_t port = 0;  // 0: none was given
};

// "eth0", "10.0.0.1", "10.0.0.1:2377", "[::1]:2377" → host and port.
Result<HostPort> split(const std::string& given) {
  HostPort parts{given};
  const size_t colon = given.rfind(':');
  const bool bracketed = given.starts_with('[');
  if (bracketed || (colon != std::string::npos && given.find(':') == colon)) {
    const size_t end = bracketed ? given.find(']') : colon;
    if (end == std::string::npos) return invalid_argument("invalid address {}", given);
    parts.host = given.substr(bracketed ? 1 : 0, end - (bracketed ? 1 : 0));
    const std::string rest = given.substr(bracketed ? end + 1 : end);
    if (!rest.empty()) {
      const char* stop = rest.data() + rest.size();
      const auto read = std::from_chars(rest.data() + 1, stop, parts.port);
      if (rest[0] != ':' || read.ec != std::errc() || read.ptr != stop || parts.port == 0) {
        return invalid_argument("invalid port in address {}", given);
      }
    }
  }
  return parts;
}

// An interface's name becomes its first address. `what` stands at the beginning of Docker's error.
Result<network::IpAddress> address_of(const std::string& host, const ByInterface& machine,
                                      std::string_view what) {
  if (const auto literal = network::IpAddress::parse(host)) return *literal;
  const auto interface = machine.find(host);
  if (interface == machine.end()) {
    return invalid_argument("{} or network interface (with optional port number)", what);
  }
  return interface->second.front();
}

constexpr std::string_view kListenMust = "listen address must be an IP address";
constexpr std::string_view kAdvertiseMust = "advertise address must be a non-zero IP address";

}  // namespace

Result<SwarmAddresses> resolve_addresses(const std::string& listen, const std::string& advertise,
                                         const std::string& own_bridge) {
  const ByInterface machine = machine_addresses();
  ASSIGN_OR_RETURN(HostPort listening, split(listen.empty() ? kEverywhere : listen));
  if (listening.port == 0) listening.port = kSwarmPort;
  ASSIGN_OR_RETURN(const auto heard, address_of(listening.host, machine, kListenMust));

  SwarmAddresses found;
  found.listening = with_port(heard.str(), listening.port);
  uint16_t port = listening.port;
  if (!advertise.empty()) {
    ASSIGN_OR_RETURN(const HostPort told, split(advertise));
    ASSIGN_OR_RETURN(const auto address, address_of(told.host, machine, kAdvertiseMust));
    if (address.is_any()) {
      return invalid_argument("{} or network interface (with optional port number)",
                              kAdvertiseMust);
    }
    found.advertised = address.str();
    if (told.port != 0) port = told.port;
  } else if (!heard.is_any()) {
    found.advertised = heard.str();
  } else {
    ASSIGN_OR_RETURN(found.advertised, only_address(machine, own_bridge));
  }
  found.manager = with_port(found.advertised, port);
  return found;
}

Result<std::string> resolve_data_path(const std::string& given) {
  if (given.empty()) return std::string();
  const auto address = address_of(given, machine_addresses(), "");
  if (address && !address->is_any()) return address->str();
  return invalid_argument(
      "data path address must be a non-zero IP address or network interface (without a port "
      "number)");
}

std::string dial_address(const std::string& listening) {
  const auto parts = split(listening);
  if (!parts) return listening;
  const auto address = network::IpAddress::parse(parts->host);
  if (!address || !address->is_any()) return listening;
  return with_port(address->is_v4() ? "127.0.0.1" : "::1", parts->port);
}

Result<std::string> remote_address(const std::string& given) {
  ASSIGN_OR_RETURN(const HostPort parts, split(given));
  if (parts.host.empty())
    return invalid_argument("invalid address \"{}\": it names no host", given);
  return with_port(parts.host, parts.port ? parts.port : kSwarmPort);
}

Result<std::string> address_towards(const std::string& remote) {
  ASSIGN_OR_RETURN(const HostPort parts, split(remote));
  const auto address = network::IpAddress::parse(parts.host);
  if (!address) return unavailable("{} is no IP address", parts.host);
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_DGRAM;  // Connecting sends nothing: it only chooses a route.
  addrinfo* list = nullptr;
  const std::string port = std::to_string(parts.port);
  if (::getaddrinfo(parts.host.c_str(), port.c_str(), &hints, &list) != 0) {
    return unavailable("no way to {}", remote);
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> guard(list, ::freeaddrinfo);
  const os::Fd fd(::socket(list->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  sockaddr_storage own{};
  socklen_t size = sizeof own;
  char text[INET6_ADDRSTRLEN];
  if (!fd || ::connect(fd.get(), list->ai_addr, list->ai_addrlen) != 0 ||
      ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&own), &size) != 0 ||
      ::getnameinfo(reinterpret_cast<sockaddr*>(&own), size, text, sizeof text, nullptr, 0,
                    NI_NUMERICHOST) != 0) {
    return unavailable("no way to {}", remote);
  }
  return std::string(text);
}

std::string with_port(const std::string& address, uint16_t port) {
  const bool is_v6 = address.find(':') != std::string::npos;
  return fmt::format(fmt::runtime(is_v6 ? "[{}]:{}" : "{}:{}"), address, port);
}

}  // namespace shoal::daemon
