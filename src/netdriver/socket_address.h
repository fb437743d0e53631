// SocketAddress: an IP address and port in the form that socket calls take.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "network/address.h"

namespace shoal::netdriver {

class SocketAddress {
 public:
  static SocketAddress of(const network::IpAddress& ip, uint16_t port) {
    SocketAddress address;
    const auto bytes = ip.bytes();
    if (ip.is_v4()) {
      auto& v4 = reinterpret_cast<sockaddr_in&>(address.storage_);
      v4.sin_family = AF_INET;
      v4.sin_port = htons(port);
      std::memcpy(&v4.sin_addr, bytes.data(), bytes.size());
      address.size_ = sizeof v4;
    } else {
      auto& v6 = reinterpret_cast<sockaddr_in6&>(address.storage_);
      v6.sin6_family = AF_INET6;
      v6.sin6_port = htons(port);
      std::memcpy(&v6.sin6_addr, bytes.data(), bytes.size());
      address.size_ = sizeof v6;
    }
    return address;
  }

  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  socklen_t size() const { return size_; }

 private:
  sockaddr_storage storage_{};
  socklen_t size_ = 0;
};

}  // namespace shoal::netdriver
