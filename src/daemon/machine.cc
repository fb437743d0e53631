#include "daemon/machine.h"

#include "crypto/random.h"
#include "engine/cgroup.h"
#include "os/file.h"

namespace shoal::daemon {
namespace {

// Of the names of the host's links into the routing mesh.
const std::string kMeshPrefix = "shg";

}  // namespace

Result<std::unique_ptr<Machine>> assemble(const Flags& flags, Log& log) {
  RETURN_IF_ERROR(os::make_folders(flags.data_root, 0711));
  RETURN_IF_ERROR(os::make_folders(flags.exec_root, 0711));
  std::vector<FolderLock> locks;
  for (const std::string& folder : {flags.data_root, flags.exec_root}) {
    ASSIGN_OR_RETURN(FolderLock lock, FolderLock::take(folder));
    locks.push_back(std::move(lock));
  }
  const std::string engine_root = flags.exec_root + "/engine";
  RETURN_IF_ERROR(
      with_context(engine::enter_private_mounts(engine_root), "entering a mount namespace"));
  ASSIGN_OR_RETURN(engine::HostFacts facts, engine::read_host_facts());
  ASSIGN_OR_RETURN(const engine::Cgroups cgroups, engine::Cgroups::open());
  RETURN_IF_ERROR(cgroups.create(flags.cgroup_parent));
  ASSIGN_OR_RETURN(FolderLock cgroup_lock, FolderLock::take(cgroups.folder(flags.cgroup_parent)));
  locks.push_back(std::move(cgroup_lock));

  auto machine = std::make_unique<Machine>(crypto::random_seed());
  machine->locks = std::move(locks);
  machine->facts = facts;
  ASSIGN_OR_RETURN(machine->images, images::ImageStore::open(
                                        machine->loop, log,
                                        {.data_root = flags.data_root,
                                         .insecure_registries = flags.insecure_registries,
                                         .registry_answer_max = flags.registry_timeout_s * 1s}));
  ASSIGN_OR_RETURN(machine->engine, engine::Engine::open(machine->loop, log, facts,
                                                         {.run_root = engine_root,
                                                          .cgroup_parent = flags.cgroup_parent}));
  machine->network = std::make_unique<netdriver::NodeNetwork>(
      machine->loop, log, machine->rng,
      netdriver::NodeNetworkOptions{
          .run_dir = flags.exec_root, .bridge = flags.bridge, .mesh_link = kMeshPrefix + "0"});
  machine->overlays = std::make_unique<netdriver::Overlays>(
      machine->loop, log,
      netdriver::OverlaysOptions{.run_dir = flags.exec_root, .veth = kMeshPrefix});
  machine->dns =
      std::make_unique<netdriver::DnsServers>(machine->loop, log, machine->rng, machine->names);
  machine->containers = std::make_unique<containers::Containers>(
      containers::Machine{.loop = machine->loop,
                          .engine = *machine->engine,
                          .images = *machine->images,
                          .network = *machine->network,
                          .rng = machine->rng,
                          .log = log,
                          .overlays = machine->overlays.get(),
                          .dns = machine->dns.get(),
                          .names = &machine->names,
                          .data_root = flags.data_root,
                          .api_socket = {}});
  return machine;
}

}  // namespace shoal::daemon
