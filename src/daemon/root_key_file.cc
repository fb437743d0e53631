#include "daemon/root_key_file.h"

#include <unistd.h>

#include "os/file.h"

namespace shoal::daemon {
namespace {

constexpr size_t kKeyBytesMax = 64 * 1024;

Result<void> put_key(store::WriteTx& tx, std::string key) {
  const auto& clusters = tx.read().clusters().all();
  if (clusters.empty()) return not_found("there is no cluster");
  model::Cluster cluster = *clusters.begin()->second;
  if (!cluster.root_ca_key.empty()) return {};
  cluster.root_ca_key = std::move(key);
  return tx.update(std::move(cluster));
}

}  // namespace

void move_root_key_into_store(const std::string& file, store::Store& store, Time now, Log& log) {
  const auto failed = [&log, file](const Error& error) {
    log.warn("the root's key stays in its file", {{"file", file}, {"reason", error.message}});
  };
  auto key = os::read_file(file, kKeyBytesMax);
  if (!key && key.error().code == ErrorCode::NotFound) return;
  if (!key) return failed(key.error());
  const auto ticket =
      store.update(now, [&](store::WriteTx& tx) { return put_key(tx, std::move(*key)); });
  if (!ticket) return failed(ticket.error());
  store.when_durable(*ticket, [&log, file, failed](Result<void> durable) {
    if (!durable) return failed(durable.error());
    if (::unlink(file.c_str()) != 0) return failed(os::system_error("remove", file, errno).error());
    log.info("the root's key is in the sealed state now", {{"removed", file}});
  });
}

}  // namespace shoal::daemon
