#include "api/service_change.h"

#include "allocator/ports.h"
#include "api/service_networks.h"
#include "model/publish_address.h"
#include "model/validate.h"

namespace shoal::api {
namespace {

using model::ServiceSpec;
using model::TaskSpec;

// A new spec with the credentials of `auth` in it.
std::shared_ptr<const TaskSpec> with_auth(const TaskSpec& task, const std::string& auth) {
  TaskSpec copy = task;
  copy.container.registry_auth = auth;
  return std::make_shared<const TaskSpec>(std::move(copy));
}

Result<void> check_labels(const model::Labels& labels) {
  const auto rebalance = labels.find(std::string(model::kRebalanceLabel));
  if (rebalance == labels.end() || rebalance->second == model::kRebalanceNever ||
      rebalance->second == model::kRebalanceOnJoin) {
    return {};
  }
  return invalid_argument("label {}: \"{}\" is neither \"{}\" nor \"{}\"", model::kRebalanceLabel,
                          rebalance->second, model::kRebalanceNever, model::kRebalanceOnJoin);
}

Result<void> roll_back(model::Service& service) {
  if (!service.previous_spec) {
    return failed_precondition("service {} does not have a previous spec", service.id);
  }
  std::swap(service.spec, *service.previous_spec);
  std::swap(service.spec_version, service.previous_spec_version);
  return {};
}

}  // namespace

bool needs_new_tasks(const ServiceSpec& before, const ServiceSpec& after) {
  TaskSpec a = *before.task;
  TaskSpec b = *after.task;
  a.container.registry_auth = b.container.registry_auth;
  const auto endpoint = [](const ServiceSpec& spec) {
    return spec.endpoint ? *spec.endpoint : model::EndpointSpec{};
  };
  return a != b || endpoint(before) != endpoint(after) || before.networks != after.networks;
}

Result<void> check_spec(const ServiceSpec& spec) {
  RETURN_IF_ERROR(model::validate(spec));
  RETURN_IF_ERROR(check_labels(spec.annotations.labels));
  const bool is_job = !std::holds_alternative<model::ReplicatedMode>(spec.mode) &&
                      !std::holds_alternative<model::GlobalMode>(spec.mode);
  if (is_job) {
    return unimplemented("jobs are not supported by this version of Shoal yet");
  }
  for (const auto& secret : spec.task->container.secrets) {
    return invalid_argument("secret not found: {}", secret.object_name);
  }
  for (const auto& config : spec.task->container.configs) {
    return invalid_argument("config not found: {}", config.object_name);
  }
  return {};
}

Result<void> create_service(store::WriteTx& tx, const model::ServiceId& id, ServiceSpec spec) {
  if (tx.read().services().by_name(spec.annotations.name)) {
    return already_exists("name conflicts with an existing object: service {} already exists",
                          spec.annotations.name);
  }
  RETURN_IF_ERROR(resolve_networks(tx.read(), spec));
  RETURN_IF_ERROR(check_ingress_network(tx.read(), spec));
  RETURN_IF_ERROR(allocator::check_ports_free(tx.read(), spec, {}));
  model::Service service;
  service.id = id;
  service.spec = std::move(spec);
  service.spec_version = tx.version();
  return tx.create(std::move(service));
}

Result<void> update_service(store::WriteTx& tx, ServiceUpdate update) {
  const model::Ref<model::Service> stored = tx.read().services().get(update.id);
  if (!stored) return not_found("service {} not found", update.id);
  if (stored->meta.version != update.version) return out_of_sequence("update out of sequence");
  model::Service changed = *stored;
  if (update.rollback) {
    RETURN_IF_ERROR(roll_back(changed));
    RETURN_IF_ERROR(resolve_networks(tx.read(), changed.spec));  // One may be gone meanwhile.
    model::UpdateStatus status{model::UpdateState::RollbackStarted, tx.now(), {}, {}};
    status.message = "manually requested rollback";
    changed.update_status = std::move(status);
  } else {
    if (update.spec.annotations.name != stored->name()) {
      return unimplemented("renaming services is not supported");
    }
    if (update.spec.mode.index() != stored->spec.mode.index()) {
      return unimplemented("service mode change is not allowed");
    }
    RETURN_IF_ERROR(resolve_networks(tx.read(), update.spec));
    const bool from_previous = update.auth_from == AuthFrom::PreviousSpec && stored->previous_spec;
    const ServiceSpec& kept = from_previous ? *stored->previous_spec : stored->spec;
    const std::string& auth =
        update.registry_auth.empty() ? kept.task->container.registry_auth : update.registry_auth;
    update.spec.task = with_auth(*update.spec.task, auth);
    // Tasks share the spec that they were made from: keep it shared when nothing changed.
    if (*update.spec.task == *stored->spec.task) update.spec.task = stored->spec.task;
    changed.previous_spec = std::move(changed.spec);
    changed.previous_spec_version = changed.spec_version;
    changed.spec = std::move(update.spec);
    changed.update_status.reset();
  }
  if (needs_new_tasks(stored->spec, changed.spec)) {
    return unimplemented(
        "changing the tasks of a running service (a rolling update) is not supported by this "
        "version of Shoal yet: only replicas, labels and update settings can change");
  }
  changed.spec_version = tx.version();
  RETURN_IF_ERROR(check_ingress_network(tx.read(), changed.spec));
  RETURN_IF_ERROR(allocator::check_ports_free(tx.read(), changed.spec, changed.id));
  return tx.update(std::move(changed));
}

Result<void> remove_service(store::WriteTx& tx, const model::ServiceId& id) {
  if (!tx.read().services().get(id)) return not_found("service {} not found", id);
  return tx.remove(id);
}

std::vector<std::string> spec_warnings(const ServiceSpec& spec) {
  std::vector<std::string> warnings;
  for (const auto& [key, value] : spec.annotations.labels) {
    if (key.starts_with("shoal.") && key != model::kRebalanceLabel &&
        !model::is_publish_address(key)) {
      warnings.push_back(fmt::format("label \"{}\" means nothing to this version of Shoal", key));
    }
  }
  return warnings;
}

}  // namespace shoal::api
