// SwarmFolder: the files that make this machine a node of its swarm, below data_root/swarm.
//
//   node.json                      who the node is; written last and removed first: without it the
//                                  rest is half a swarm and goes
//   state.db, data.key             the manager's store, and what seals it (state/sqlite)
//   certificates/swarm-root-ca.crt the roots that the node trusts
//   certificates/swarm-node.pem    the node's key and its certificates, 0600; one file, so that
//                                  they change together
//   reserved/                      only during a join: room for the files above
//
// Every file is replaced as one step and synced. All calls block: on the pool, or before the loop
// runs. A value; cheap to copy.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/ids.h"
#include "rpc/credentials.h"

namespace shoal::daemon {

struct NodeRecord {
  model::NodeId id;
  std::string address;  // that other nodes reach it at, without a port
  // "10.0.0.1:2377": where managers are found; of a manager only its own.
  std::vector<std::string> managers;
  std::string listen_address;  // "0.0.0.0:2377"; empty: the node is a worker and listens nowhere
  std::string data_path_address = {};  // where its overlays are reached; empty: at `address`

  bool is_manager() const { return !listen_address.empty(); }
};

class SwarmFolder {
 public:
  explicit SwarmFolder(const std::string& data_root) : path_(data_root + "/swarm") {}

  const std::string& path() const { return path_; }
  std::string database_path() const { return path_ + "/state.db"; }

  // Nothing when there is no node.json; Internal, with the file and the field, when it is damaged.
  Result<std::optional<NodeRecord>> read_record() const;
  Result<void> write_record(const NodeRecord& record) const;
  Result<void> remove_record() const;

  // NotFound when the node has no certificate yet (a swarm of Shoal 0.1).
  Result<rpc::CredentialsPem> read_credentials() const;
  Result<void> write_credentials(const rpc::CredentialsPem& credentials) const;

  // Makes the folder, and takes as much of the disk as a worker's files need at most. What a full
  // or broken disk would refuse it refuses now, before a manager has made a node of this machine.
  Result<void> reserve() const;
  // Writes all that a worker has, into what was reserved.
  Result<void> write_reserved(const rpc::CredentialsPem& credentials,
                              const NodeRecord& record) const;

  Result<void> remove() const;

 private:
  std::string reserved_path() const { return path_ + "/reserved"; }
  std::string record_path() const { return path_ + "/node.json"; }
  std::string roots_path() const { return path_ + "/certificates/swarm-root-ca.crt"; }
  std::string node_pem_path() const { return path_ + "/certificates/swarm-node.pem"; }

  std::string path_;
};

}  // namespace shoal::daemon
