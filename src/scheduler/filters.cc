#include "scheduler/filters.h"

#include <fmt/core.h>

#include <algorithm>

#include "model/constraint.h"

namespace shoal::scheduler {
namespace {

std::string on_nodes(std::string_view what, size_t nodes) {
  return fmt::format("{} on {} node{}", what, nodes, nodes == 1 ? "" : "s");
}

// Only nodes that answer and take tasks.
class ReadyFilter final : public Filter {
 public:
  bool set_task(const model::Task&) override { return true; }
  bool passes(const NodeInfo& info, uint32_t) const override { return info.ready; }
  std::string explain(size_t nodes) const override {
    return fmt::format("{} node{} not available for new tasks", nodes, nodes == 1 ? "" : "s");
  }
};

// Reservations fit into what is left.
class ResourceFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    if (!task.spec->resources) return false;
    wanted_ = &task.spec->resources->reservations;
    return wanted_->nano_cpus != 0 || wanted_->memory_bytes != 0 || !wanted_->generic.empty();
  }
  bool passes(const NodeInfo& info, uint32_t) const override {
    return wanted_->nano_cpus <= info.nano_cpus && wanted_->memory_bytes <= info.memory_bytes &&
           model::has_generic(info.generic, wanted_->generic);
  }
  bool depends_on_tasks() const override { return true; }
  std::string explain(size_t nodes) const override {
    return on_nodes("insufficient resources", nodes);
  }

 private:
  const model::Resources* wanted_ = nullptr;
};

// Volume and log drivers that the task names. The network driver "overlay" is the next filter's.
class PluginFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    volumes_.clear();
    log_.clear();
    for (const model::Mount& mount : task.spec->container.mounts) {
      if (mount.type != model::MountType::Volume || !mount.volume_driver) continue;
      const std::string& name = mount.volume_driver->name;
      if (!name.empty() && name != "local") volumes_.push_back(name);
    }
    if (task.spec->log_driver && task.spec->log_driver->name != "none") {
      log_ = task.spec->log_driver->name;
    }
    return !volumes_.empty() || !log_.empty();
  }
  bool passes(const NodeInfo& info, uint32_t) const override {
    const auto& plugins = info.node->description.plugins;
    if (!std::ranges::all_of(volumes_,
                             [&](const auto& name) { return has(plugins, "Volume", name); })) {
      return false;
    }
    // A node that names no log driver at all is an old one, which has those that Docker builds in.
    return log_.empty() || has(plugins, "Log", log_) ||
           std::ranges::none_of(plugins, [](const auto& one) { return one.type == "Log"; });
  }
  std::string explain(size_t nodes) const override { return on_nodes("missing plugin", nodes); }

 private:
  static bool has(const std::vector<model::Plugin>& plugins, std::string_view type,
                  const std::string& name) {
    return std::ranges::any_of(plugins, [&](const model::Plugin& one) {
      return one.type == type && (one.name == name || one.name == name + ":latest");
    });
  }

  std::vector<std::string> volumes_;
  std::string log_;
};

// A task with an address in an overlay or in the ingress network needs a node that carries them:
// Docker Engines that joined as workers carry none of ours.
class ShoalNodeFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override { return !task.networks.empty(); }
  bool passes(const NodeInfo& info, uint32_t) const override {
    return info.node->description.shoal_version > 0;
  }
  std::string explain(size_t) const override { return "needs a Shoal node"; }
};

// Constraints compare texts, which is the dearest thing to ask of 10,000 nodes; so the answers are
// kept for each list of constraints, until the node changes.
class ConstraintFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    if (!task.spec->placement || task.spec->placement->constraints.empty()) return false;
    const auto& texts = task.spec->placement->constraints;
    auto known = known_.find(texts);
    if (known == known_.end()) {
      if (known_.size() >= kListsMax) known_.clear();
      known = known_.try_emplace(texts).first;
      auto parsed = model::parse_constraints(texts);
      // Checked when the service was made; if it cannot be read all the same, no node is right.
      known->second.readable = parsed.has_value();
      if (parsed) known->second.constraints = *std::move(parsed);
    }
    list_ = &known->second;
    return true;
  }
  bool passes(const NodeInfo& info, uint32_t) const override {
    auto& answers = list_->answers;
    if (info.place >= answers.size()) answers.resize(info.place + 1, Answer::Unknown);
    Answer& answer = answers[info.place];
    if (answer == Answer::Unknown) {
      const bool fits = list_->readable && model::matches(list_->constraints, *info.node);
      answer = fits ? Answer::Fits : Answer::DoesNot;
    }
    return answer == Answer::Fits;
  }
  void forget_node(Place place) override {
    for (auto& [texts, list] : known_) {
      if (place < list.answers.size()) list.answers[place] = Answer::Unknown;
    }
  }
  std::string explain(size_t nodes) const override {
    return on_nodes("scheduling constraints not satisfied", nodes);
  }

 private:
  static constexpr size_t kListsMax = 256;
  enum class Answer : uint8_t { Unknown, Fits, DoesNot };
  struct List {
    bool readable = true;
    std::vector<model::Constraint> constraints;
    std::vector<Answer> answers;  // by place
  };

  std::map<std::vector<std::string>, List> known_;
  List* list_ = nullptr;
};

// The platforms that the image exists for.
class PlatformFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    platforms_ = task.spec->placement ? &task.spec->placement->platforms : nullptr;
    return platforms_ && !platforms_->empty();
  }
  bool passes(const NodeInfo& info, uint32_t) const override {
    const model::Platform& has = info.node->description.platform;
    return std::ranges::any_of(*platforms_, [&](const model::Platform& wanted) {
      return (wanted.os.empty() || wanted.os == has.os) &&
             (wanted.architecture.empty() ||
              canonical(wanted.architecture) == canonical(has.architecture));
    });
  }
  std::string explain(size_t nodes) const override {
    return on_nodes("unsupported platform", nodes);
  }

 private:
  // Machines and images name the same thing differently.
  static std::string_view canonical(std::string_view architecture) {
    if (architecture == "x86_64") return "amd64";
    if (architecture == "aarch64") return "arm64";
    return architecture;
  }

  const std::vector<model::Platform>* platforms_ = nullptr;
};

// A fixed host-mode port is free on the node.
class HostPortFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    ports_.clear();
    if (task.endpoint) ports_ = host_ports_of(*task.endpoint);
    return !ports_.empty();
  }
  bool passes(const NodeInfo& info, uint32_t) const override {
    return std::ranges::none_of(
        ports_, [&](const HostPort& port) { return info.host_ports.contains(port); });
  }
  bool depends_on_tasks() const override { return true; }
  std::string explain(size_t nodes) const override {
    return on_nodes("host-mode port already in use", nodes);
  }

 private:
  std::vector<HostPort> ports_;
};

// As many tasks of the service as it allows per node.
class MaxReplicasFilter final : public Filter {
 public:
  bool set_task(const model::Task& task) override {
    max_ = task.spec->placement ? task.spec->placement->max_replicas : 0;
    return max_ > 0;
  }
  bool passes(const NodeInfo&, uint32_t service_tasks) const override {
    return service_tasks < max_;
  }
  bool depends_on_tasks() const override { return true; }
  std::string explain(size_t) const override { return "max replicas per node limit exceed"; }

 private:
  uint64_t max_ = 0;
};

}  // namespace

std::vector<std::unique_ptr<Filter>> make_filters() {
  std::vector<std::unique_ptr<Filter>> filters;
  filters.push_back(std::make_unique<ReadyFilter>());
  filters.push_back(std::make_unique<ResourceFilter>());
  filters.push_back(std::make_unique<PluginFilter>());
  filters.push_back(std::make_unique<ShoalNodeFilter>());
  filters.push_back(std::make_unique<ConstraintFilter>());
  filters.push_back(std::make_unique<PlatformFilter>());
  filters.push_back(std::make_unique<HostPortFilter>());
  filters.push_back(std::make_unique<MaxReplicasFilter>());
  return filters;
}

}  // namespace shoal::scheduler
