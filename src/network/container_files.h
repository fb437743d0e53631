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
