#include "ca/root_rotation.h"

#include <utility>

namespace shoal::ca {

using model::Ref;

void RootRotationLoop::reset(const store::Tables& tables) {
  *this = RootRotationLoop();
  for (const auto& [id, cluster] : tables.clusters().all()) rotation_ = cluster->rotation;
}

void RootRotationLoop::on_batch(const store::Batch& batch) {
  for (const store::Change& change : batch.changes) {
    if (const auto* cluster = std::get_if<Ref<model::Cluster>>(&change.after)) {
      auto rotation = *cluster ? (*cluster)->rotation : std::nullopt;
      if (rotation == rotation_) continue;
      rotation_ = std::move(rotation);
      begun_ = false;
    } else if (const auto* node = std::get_if<Ref<model::Node>>(&change.after)) {
      if (!rotation_ || !begun_) continue;
      const auto& before = std::get<Ref<model::Node>>(change.before);
      if (*node && !model::has_new_issuer(**node, *rotation_)) {
        waiting_for_.insert((*node)->id);
      } else {
        waiting_for_.erase(*node ? (*node)->id : before->id);
      }
    }
  }
}

void RootRotationLoop::look_at(const store::Tables& tables) {
  begun_ = true;
  waiting_for_.clear();
  for (const auto& [id, node] : tables.nodes().all()) {
    if (!model::has_new_issuer(*node, *rotation_)) waiting_for_.insert(id);
  }
}

store::Plan RootRotationLoop::plan(const store::Tables& tables, Time) {
  store::Plan plan;
  if (!rotation_) return plan;
  if (!begun_) look_at(tables);
  if (!waiting_for_.empty()) return plan;
  for (const auto& [id, stored] : tables.clusters().all()) {
    if (stored->rotation != rotation_) continue;
    model::Cluster cluster = *stored;
    cluster.root_ca = rotation_->root;
    cluster.root_ca_key = rotation_->key;
    cluster.join_token_worker = rotation_->join_token_worker;
    cluster.join_token_manager = rotation_->join_token_manager;
    cluster.rotation.reset();
    plan.update_clusters.push_back(std::move(cluster));
  }
  rotation_.reset();
  return plan;
}

std::optional<Time> RootRotationLoop::next_deadline() const {
  if (!rotation_ || (begun_ && !waiting_for_.empty())) return std::nullopt;
  return Time{};
}

}  // namespace shoal::ca
