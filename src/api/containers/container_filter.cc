#include "api/containers/container_filter.h"

#include <algorithm>
#include <charconv>

namespace shoal::api {
namespace {

using containers::Container;
using Values = std::set<std::string>;

template <class Predicate>
bool any(const Values& values, Predicate predicate) {
  return std::any_of(values.begin(), values.end(), predicate);
}

struct PortPattern {
  int first = 0, last = 0;
  std::string protocol;

  bool fits(uint16_t port, std::string_view of) const {
    return port >= first && port <= last && (protocol.empty() || protocol == of);
  }
};

// "80", "80/tcp" or "8000-8010/tcp"
Result<PortPattern> parse_port(std::string_view text) {
  PortPattern pattern;
  const auto slash = text.find('/');
  if (slash != std::string_view::npos) pattern.protocol = text.substr(slash + 1);
  const auto range = text.substr(0, slash);
  const auto dash = range.find('-');
  const auto number = [](std::string_view digits, int& out) {
    const auto end = digits.data() + digits.size();
    const auto parsed = std::from_chars(digits.data(), end, out);
    return parsed.ec == std::errc() && parsed.ptr == end;
  };
  const bool good =
      number(range.substr(0, dash), pattern.first) &&
      (dash == std::string_view::npos || number(range.substr(dash + 1), pattern.last));
  if (!good) return invalid_argument("invalid port filter \"{}\"", text);
  if (dash == std::string_view::npos) pattern.last = pattern.first;
  return pattern;
}

std::string_view protocol_name(model::PortProtocol protocol) {
  if (protocol == model::PortProtocol::Udp) return "udp";
  return protocol == model::PortProtocol::Sctp ? "sctp" : "tcp";
}

bool exposes(const Container& container, const PortPattern& pattern) {
  return any({container.config.exposed_ports.begin(), container.config.exposed_ports.end()},
             [&](const std::string& text) {
               const auto exposed = parse_port(text);
               return exposed && pattern.fits(uint16_t(exposed->first), exposed->protocol);
             });
}

bool publishes(const Container& container, const PortPattern& pattern) {
  return std::any_of(container.ports.begin(), container.ports.end(), [&](const auto& port) {
    return pattern.fits(port.host_port, protocol_name(port.protocol));
  });
}

bool is_on_network(const Container& container, const std::string& network) {
  return std::ranges::any_of(container.networks, [&](const containers::Endpoint& endpoint) {
    return endpoint.network == network || endpoint.network_id.starts_with(network);
  });
}

Result<void> check_values(const std::string& name, const Values& values) {
  for (const auto& value : values) {
    if (name == "status" && !containers::parse_status(value)) {
      return invalid_argument("invalid filter 'status={}'", value);
    }
    if (name == "health" && value != "none" && value != "starting" && value != "healthy" &&
        value != "unhealthy") {
      return invalid_argument("invalid filter 'health={}'", value);
    }
    if (name == "exited") {
      int code = 0;
      const auto end = value.data() + value.size();
      const auto parsed = std::from_chars(value.data(), end, code);
      if (parsed.ec != std::errc() || parsed.ptr != end) {
        return invalid_argument("invalid filter 'exited={}'", value);
      }
    }
    if (name == "is-task" && value != "true" && value != "false") {
      return invalid_argument("invalid filter 'is-task={}'", value);
    }
    if (name == "publish" || name == "expose") RETURN_IF_ERROR(parse_port(value));
  }
  return {};
}

}  // namespace

Result<ContainerFilter> ContainerFilter::make(FilterValues filters, const FilterWorld& world) {
  RETURN_IF_ERROR(check_filter_names(
      filters, {"id", "name", "label", "status", "ancestor", "exited", "before", "since", "volume",
                "network", "publish", "expose", "health", "is-task", "isolation"}));
  ContainerFilter filter;
  for (const auto& [name, values] : filters) {
    RETURN_IF_ERROR(check_values(name, values));
    for (const auto& value : values) {
      if (name == "ancestor") filter.image_ids_.insert(world.image_id(value));
      if (name != "before" && name != "since") continue;
      ASSIGN_OR_RETURN(const auto other, world.find_container(value));
      (name == "before" ? filter.before_ : filter.since_) = other->created_at;
    }
    filter.filters_[name] = values;
  }
  filter.image_ids_.erase("");
  return filter;
}

const Values* ContainerFilter::values(std::string_view name) const {
  const auto at = filters_.find(name);
  return at == filters_.end() || at->second.empty() ? nullptr : &at->second;
}

bool ContainerFilter::passes(const Container& container) const {
  return container.created_at < before_ && container.created_at > since_ &&
         passes_state(container) && passes_parts(container);
}

bool ContainerFilter::passes_state(const Container& container) const {
  const auto& state = container.state;
  if (const auto* status = values("status");
      status && !status->contains(std::string(containers::status_name(state.status)))) {
    return false;
  }
  if (const auto* health = values("health");
      health && !health->contains(std::string(containers::health_name(state.health.status)))) {
    return false;
  }
  if (const auto* exited = values("exited")) {
    const bool ended = !state.is_running() && state.started_at.is_set();
    if (!ended || !exited->contains(std::to_string(state.exit_code))) return false;
  }
  return true;
}

bool ContainerFilter::passes_parts(const Container& container) const {
  const auto fails = [&](std::string_view name, auto fits) {
    const auto* wanted = values(name);
    return wanted && !any(*wanted, fits);
  };
  if (fails("id", [&](const auto& id) { return container.id.starts_with(id); })) return false;
  if (fails("name", [&](const auto& name) { return name_matches(container.name, name); })) {
    return false;
  }
  if (!filter_allows_labels(filters_, "label", container.labels())) return false;
  if (values("ancestor") && !image_ids_.contains(container.image_id)) return false;
  const auto mounts_it = [&](const std::string& wanted) {
    return std::any_of(container.mounts.begin(), container.mounts.end(), [&](const auto& mount) {
      return mount.name == wanted || mount.target == wanted || mount.source == wanted;
    });
  };
  if (fails("volume", mounts_it)) return false;
  if (fails("network", [&](const auto& name) { return is_on_network(container, name); })) {
    return false;
  }
  if (fails("publish", [&](const auto& text) { return publishes(container, *parse_port(text)); })) {
    return false;
  }
  if (fails("expose", [&](const auto& text) { return exposes(container, *parse_port(text)); })) {
    return false;
  }
  const bool is_task = container.labels().contains("com.docker.swarm.task.id");
  return !fails("is-task", [&](const auto& text) { return (text == "true") == is_task; });
}

}  // namespace shoal::api
