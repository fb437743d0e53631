// The texts of /etc/hosts and /etc/resolv.conf inside a container, as Docker writes them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "network/address.h"

namespace shoal::network {

struct ResolvConf {
  std::vector<std::string> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;

  bool operator==(const ResolvConf&) const = default;
};

// What a container asks for; each non-empty list replaces the host's (`--dns`, `--dns-search`,
// `--dns-option`). A search list of only "." means none.
struct DnsRequest {
  std::vector<std::string> servers;
  std::vector<std::string> search;
  std::vector<std::string> options;
};

// Reads a resolv.conf(5); lines that make no sense are left out.
ResolvConf parse_resolv_conf(std::string_view text);

// The resolv.conf of a container on the bridge: the host's, without name servers that only the host
// reaches (127.0.0.0/8, ::1, link-local) and, when none is left, with Docker's fallback 8.8.8.8 and
// 8.8.4.4. `ipv6`: the container can reach IPv6 servers; they are left out otherwise.
std::string resolv_conf_text(std::string_view host_text, const DnsRequest& request, bool ipv6);

// The same for a container in the host's own namespace: nothing is left out.
std::string host_resolv_conf_text(std::string_view host_text, const DnsRequest& request);

// The resolv.conf of a container that has a DNS responder on 127.0.0.11: that is its only server,
// the others are asked by it (dns_upstreams). Search domains and options are merged as above;
// "ndots:0" is added, as Docker does, unless an option says otherwise: a service's name has no dot.
std::string responder_resolv_conf_text(std::string_view host_text, const DnsRequest& request);

// A server that a container's responder asks for what it does not know.
struct DnsUpstream {
  IpAddress address;
  uint16_t port = 53;
  // It is asked from the container's own namespace: what the user named (`--dns`) may be reached
  // only there, as a server in one of its networks. Else from the host's: its own servers.
  bool inside = false;

  bool operator==(const DnsUpstream&) const = default;
};

struct DnsUpstreams {
  std::vector<DnsUpstream> servers;  // in their order, at most kDnsUpstreamsMax
  bool qualifies = false;            // an option sets ndots to more than 0

  bool operator==(const DnsUpstreams&) const = default;
};
inline constexpr size_t kDnsUpstreamsMax = 3;  // as many as a resolv.conf may have

// What such a container's responder needs to know. The host's servers count with its loopback,
// because it is the host that asks them; 8.8.8.8 and 8.8.4.4 when it names none. What is no address
// is left out.
DnsUpstreams dns_upstreams(std::string_view host_text, const DnsRequest& request);

struct HostsEntry {
  std::string ip;
  std::string name;  // one or more names, separated by spaces
};

// /etc/hosts: the loopback lines, `--add-host` entries in their order, then the container's own
// addresses with "HOSTNAME.DOMAIN HOSTNAME". No address (network none): no own line.
std::string hosts_text(std::string_view hostname, std::string_view domainname,
                       const std::vector<IpAddress>& addresses,
                       const std::vector<HostsEntry>& extra);

}  // namespace shoal::network
