#include "containers/merge.h"

#include <algorithm>
#include <string_view>

namespace shoal::containers {
namespace {

constexpr std::string_view kDefaultPath =
    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

std::string_view name_of(std::string_view variable) {
  return variable.substr(0, variable.find('='));
}

auto find_variable(std::vector<std::string>& list, std::string_view name) {
  return std::find_if(list.begin(), list.end(),
                      [&](const std::string& entry) { return name_of(entry) == name; });
}

template <class T>
void fill(T& field, const T& from_image) {
  if (field == T{}) field = from_image;
}

void merge_command(model::ContainerSpec& spec, const images::ImageConfig& image) {
  const bool cleared = spec.command == std::vector<std::string>{""};
  if (cleared) {
    spec.command.clear();
  } else if (spec.command.empty()) {
    spec.command = image.entrypoint;
    fill(spec.args, image.command);
  }
}

void merge_health_check(std::optional<model::HealthConfig>& mine,
                        const std::optional<model::HealthConfig>& image) {
  if (!image) return;
  if (!mine) {
    mine = image;
    return;
  }
  fill(mine->test, image->test);
  fill(mine->interval, image->interval);
  fill(mine->timeout, image->timeout);
  fill(mine->start_period, image->start_period);
  fill(mine->start_interval, image->start_interval);
  fill(mine->retries, image->retries);
}

void merge_volumes(std::vector<model::Mount>& mounts, const std::vector<std::string>& volumes) {
  for (const auto& target : volumes) {
    const bool covered = std::any_of(mounts.begin(), mounts.end(),
                                     [&](const auto& mount) { return mount.target == target; });
    if (!covered) mounts.push_back({.type = model::MountType::Volume, .target = target});
  }
}

}  // namespace

Result<void> merge_image(model::ContainerConfig& config, const images::ImageConfig& image) {
  auto& spec = config.spec;
  merge_command(spec, image);
  if (spec.command.empty() && spec.args.empty()) return invalid_argument("no command specified");
  for (const auto& variable : image.env) {
    if (find_variable(spec.env, name_of(variable)) == spec.env.end()) spec.env.push_back(variable);
  }
  fill(spec.user, image.user);
  fill(spec.dir, image.working_dir);
  fill(spec.stop_signal, image.stop_signal);
  spec.labels.insert(image.labels.begin(), image.labels.end());  // The asked ones stay.
  merge_health_check(spec.healthcheck, image.healthcheck);
  merge_volumes(spec.mounts, image.volumes);
  auto& exposed = config.exposed_ports;
  exposed.insert(exposed.end(), image.exposed_ports.begin(), image.exposed_ports.end());
  std::sort(exposed.begin(), exposed.end());
  exposed.erase(std::unique(exposed.begin(), exposed.end()), exposed.end());
  return {};
}

std::vector<std::string> process_environment(const std::vector<std::string>& given) {
  std::vector<std::string> result{std::string(kDefaultPath)};
  for (const auto& variable : given) {
    const auto name = name_of(variable);
    const auto at = find_variable(result, name);
    const bool removes = name.size() == variable.size();
    if (removes) {
      if (at != result.end()) result.erase(at);
    } else if (at != result.end()) {
      *at = variable;
    } else {
      result.push_back(variable);
    }
  }
  return result;
}

}  // namespace shoal::containers
