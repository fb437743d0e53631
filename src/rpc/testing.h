// What tests, benchmarks and the peer program share: a swarm's certificates, made on the spot, and
// coroutines run to their end.
#pragma once

#include <fmt/core.h>

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/log.h"
#include "crypto/certificate.h"
#include "crypto/key.h"
#include "crypto/root_ca.h"
#include "os/loop.h"
#include "rpc/credentials.h"

namespace shoal::rpc {

// The value, or the end of the test with the error.
template <class T>
T must(Result<T> result) {
  CHECK(result, "{}", result ? "" : result.error().message);
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Runs a coroutine to its end.
template <class T>
T run_on(os::Loop& loop, os::Co<T> co) {
  std::optional<T> value;
  auto body = [](os::Loop& l, os::Co<T> inner, std::optional<T>& out) -> os::Co<> {
    out.emplace(co_await inner);
    l.stop();
  };
  loop.post([&] { os::spawn(body(loop, std::move(co), value)); });
  loop.run();
  return std::move(*value);
}
inline void run_on(os::Loop& loop, os::Co<> co) {
  auto body = [](os::Co<> inner) -> os::Co<bool> {
    co_await inner;
    co_return true;
  };
  run_on(loop, body(std::move(co)));
}

// A certificate authority and the nodes that it knows.
class TestSwarm {
 public:
  explicit TestSwarm(Time now) : now_(now), root_(must(crypto::make_root_ca(now))) {}

  const std::string& roots() const { return root_.certificate_pem; }
  const crypto::RootCa& root() const { return root_; }

  CredentialsPem node(std::string_view id, model::NodeRole role = model::NodeRole::Worker,
                      Duration lifetime = 24h) const {
    return issue(id, role, now_, lifetime);
  }
  CredentialsPem manager(std::string_view id = "manager1") const {
    return node(id, model::NodeRole::Manager);
  }
  // Valid in the past only.
  CredentialsPem expired(std::string_view id) const {
    return issue(id, model::NodeRole::Worker, now_ - 240h, 24h);
  }
  CredentialsPem roots_only() const { return {.key = "", .certificates = "", .roots = roots()}; }

 private:
  CredentialsPem issue(std::string_view id, model::NodeRole role, Time now,
                       Duration lifetime) const {
    model::CertificateTerms terms;
    terms.identity.node_id = model::NodeId::of(id);
    terms.identity.role = role;
    terms.identity.cluster_id = model::ClusterId::of("cluster1");
    terms.dns_names = {std::string(model::role_unit(role)), std::string(id)};
    if (role == model::NodeRole::Manager) terms.dns_names.push_back(kCaName);
    terms.lifetime = lifetime;
    const std::string key = must(crypto::make_key_pem());
    const std::string csr = must(crypto::make_csr(key));
    const crypto::Signer signer{root_.certificate_pem, root_.key_pem};
    return {.key = key,
            .certificates = must(crypto::issue_certificate(signer, csr, terms, now)),
            .roots = roots()};
  }

  Time now_;
  crypto::RootCa root_;
};

// Keeps what was logged, one line each: "sentence key=value …".
class KeptLog final : public Log {
 public:
  void write(LogLevel, std::string_view sentence, Fields fields) override {
    std::string line(sentence);
    for (const LogField& field : fields) line += fmt::format(" {}={}", field.key, field.value);
    lines.push_back(std::move(line));
  }

  std::vector<std::string> lines;
};

}  // namespace shoal::rpc
