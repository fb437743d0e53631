// For the tests of handlers: a swarm of two nodes, the manager alpha (n1) and the worker beta (n2),
// with the ingress network, in a store that lives in memory, and a router that is asked without
// sockets.
#pragma once

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>
#include <string>
#include <utility>

#include "api/context.h"
#include "api/testing.h"

namespace shoal::api {

class SwarmFixture : public testing::Test {
 protected:
  SwarmFixture() {
    CHECK(store_.load());
    backend_.store_now = &store_;
    write([](store::WriteTx& tx) -> Result<void> {
      model::Node node;
      node.id = model::NodeId::of("n1");
      node.spec.role = node.role = model::NodeRole::Manager;
      node.status.state = model::NodeState::Ready;
      node.description.hostname = "alpha";
      RETURN_IF_ERROR(tx.create(node));
      node.id = model::NodeId::of("n2");
      node.spec.role = node.role = model::NodeRole::Worker;
      node.description.hostname = "beta";
      RETURN_IF_ERROR(tx.create(node));
      model::Cluster cluster;
      cluster.id = model::ClusterId::of("c");
      cluster.spec.annotations.name = "default";
      cluster.join_token_worker = "SWMTKN-1-old";
      RETURN_IF_ERROR(tx.create(cluster));
      model::Network ingress;
      ingress.id = model::NetworkId::of("ingress-id");
      ingress.spec.annotations.name = "ingress";
      ingress.spec.driver.name = "overlay";
      ingress.spec.ingress = true;
      ingress.allocation.emplace().vni = 4096;
      return tx.create(ingress);
    });
  }

  void write(const store::Store::Write& write) {
    const auto written = store_.update(loop_.now(), write);
    ASSERT_TRUE(written) << written.error().message;
    engine_.inner().flush();
  }

  Answer ask(Ask ask) {
    Answer answer;
    bool done = false;
    loop_.post([&] { os::spawn(run(std::move(ask), answer, done)); });
    loop_.run();
    EXPECT_TRUE(done);
    return answer;
  }
  os::Co<> run(Ask ask, Answer& answer, bool& done) {
    co_await serve_one(router_, std::move(ask), answer, done);
    loop_.stop();
  }
  Answer get(std::string target) { return ask({"GET", std::move(target), ""}); }
  Answer post(std::string target, std::string body) {
    return ask({"POST", std::move(target), std::move(body)});
  }
  Answer del(std::string target) { return ask({"DELETE", std::move(target), ""}); }
  Answer filtered(std::string path, std::string_view filters, std::string method = "GET") {
    std::string escaped;
    for (const char c : filters) escaped += fmt::format("%{:02x}", uint8_t(c));
    return ask({std::move(method), path + "?filters=" + escaped, ""});
  }
  static std::string message(const Answer& answer) {
    const auto body = nlohmann::json::parse(answer.body, nullptr, false);
    return body.is_object() ? body.value("message", "") : "";
  }

  os::Loop loop_{1};
  NullLog log_;
  LoopEngine engine_{loop_};
  store::Store store_{engine_};
  FakeBackend backend_;
  Router router_{"test"};
  Context context_{loop_, log_, backend_};
};

}  // namespace shoal::api
