#include <fmt/format.h>

#include "network/plan.h"

namespace shoal::network {
namespace {

std::string link_text(const std::string& name, const LinkPlan& link) {
  auto text = fmt::format("{} {} mtu {}", link.kind == LinkPlan::Kind::Bridge ? "bridge" : "veth",
                          name, link.mtu);
  if (link.address) text += " address " + link.address->str();
  if (!link.master.empty()) text += " master " + link.master;
  if (link.peer) {
    text += fmt::format(" peer {} {} {}", link.peer->name, link.peer->mac.str(),
                        link.peer->address.str());
    if (link.peer->gateway) text += " via " + link.peer->gateway->str();
  }
  return text;
}

// The whole map or chain is not at hand here: a rule that follows a map is named by the map alone.
std::string rule_text(const Rule& rule) {
  if (const auto* follow = std::get_if<FollowMap>(&rule.action)) return "follow " + follow->map;
  if (const auto* note = std::get_if<NoteAsked>(&rule.action)) return "note in " + note->set;
  for (const auto& condition : rule.conditions) {
    if (const auto* pair = std::get_if<AddressesAreIn>(&condition)) return "ask " + pair->set;
  }
  return to_text(rule, MapShapes{});
}

}  // namespace

std::string to_text(const RuleChange& change) {
  struct Visitor {
    std::string operator()(const AddMap& c) const { return "add map " + c.name; }
    std::string operator()(const AddChain& c) const { return "add chain " + c.name; }
    std::string operator()(const SetRules& c) const {
      auto text = fmt::format("set rules of {}", c.chain);
      for (const auto& rule : c.rules) text += "\n    " + rule_text(rule);
      return text;
    }
    std::string operator()(const RemoveElement& c) const {
      return fmt::format("remove element {} {{ {} }}", c.map, to_text(c.key));
    }
    std::string operator()(const AddElement& c) const {
      const auto target = to_text(c.target);
      return fmt::format("add element {} {{ {}{} }}", c.map, to_text(c.key),
                         target.empty() ? "" : " : " + target);
    }
    std::string operator()(const RemoveChain& c) const { return "remove chain " + c.name; }
  };
  return std::visit(Visitor{}, change);
}

std::string to_text(const Plan& plan) {
  std::string text;
  for (const auto& [name, link] : plan.links) text += link_text(name, link) + "\n";
  for (const auto& [path, value] : plan.sysctls)
    text += fmt::format("sysctl {} = {}\n", path, value);
  return text + to_text(plan.rules, "shoal_node");
}

std::string to_text(const Changes& changes) {
  std::string text;
  for (const auto& name : changes.remove_links) text += "remove link " + name + "\n";
  for (const auto& [name, link] : changes.add_links) text += "add " + link_text(name, link) + "\n";
  for (const auto& [path, value] : changes.set_sysctls) {
    text += fmt::format("sysctl {} = {}\n", path, value);
  }
  for (const auto& change : changes.rules) text += to_text(change) + "\n";
  return text;
}

}  // namespace shoal::network
