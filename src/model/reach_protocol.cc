#include "model/reach_protocol.h"

#include <fmt/core.h>

#include <algorithm>
#include <array>

namespace shoal::model {
namespace {

using Kind = ReachTarget::Kind;

struct Route {
  std::string_view method;
  Kind kind;
  std::string_view action;
};

constexpr std::array kRoutes = {
    Route{"GET", Kind::Container, "json"},    Route{"GET", Kind::Container, "logs"},
    Route{"GET", Kind::Container, "top"},     Route{"GET", Kind::Container, "stats"},
    Route{"POST", Kind::Container, "exec"},   Route{"POST", Kind::Container, "kill"},
    Route{"POST", Kind::Container, "attach"}, Route{"POST", Kind::Container, "resize"},
    Route{"POST", Kind::Container, "wait"},   Route{"POST", Kind::Exec, "start"},
    Route{"POST", Kind::Exec, "resize"},      Route{"GET", Kind::Exec, "json"},
};

constexpr std::string_view kContainers = "/containers/";
constexpr std::string_view kExec = "/exec/";

}  // namespace

std::optional<ReachTarget> reach_target(std::string_view method, std::string_view path) {
  const bool container = path.starts_with(kContainers);
  if (!container && !path.starts_with(kExec)) return std::nullopt;
  path.remove_prefix(container ? kContainers.size() : kExec.size());
  const size_t slash = path.find('/');
  if (slash == 0 || slash == std::string_view::npos) return std::nullopt;
  const Kind kind = container ? Kind::Container : Kind::Exec;
  const std::string_view action = path.substr(slash + 1);
  const bool known = std::any_of(kRoutes.begin(), kRoutes.end(), [&](const Route& route) {
    return route.method == method && route.kind == kind && route.action == action;
  });
  if (!known) return std::nullopt;
  return ReachTarget{kind, std::string(path.substr(0, slash)), std::string(action)};
}

std::string reach_path(const ReachTarget& target) {
  const std::string_view root = target.kind == Kind::Container ? kContainers : kExec;
  return fmt::format("{}{}/{}", root, target.id, target.action);
}

}  // namespace shoal::model
