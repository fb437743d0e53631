#include "daemon/daemon.h"

#include <signal.h>
#include <sys/resource.h>

#include "agent/network_checker.h"
#include "daemon/heap.h"
#include "daemon/machine.h"
#include "daemon/pidfile.h"
#include "daemon/service.h"
#include "daemon/swarm_node.h"

namespace shoal::daemon {
namespace {

agent::NetworkJournal network_journal(const Flags& flags, const Machine& machine) {
  return {flags.exec_root + "/networks", machine.engine->epoch()};
}

// The daemon's parts beside the machine, in the order in which they need each other.
struct Parts {
  Parts(const Flags& flags, Machine& machine, Log& log)
      : networks(machine.loop, log, *machine.overlays, *machine.network, machine.names,
                 network_journal(flags, machine)),
        checker(machine.loop, log, machine.rng,
                {[&machine] { return machine.network->check(); },
                 [&machine] { return machine.overlays->check(); }}),
        attachments(machine.loop, log, networks),
        executor({machine.loop, *machine.containers, *machine.images, *machine.network, networks,
                  attachments, log, machine.facts, flags.labels, std::string(kVersion)}),
        logs(*machine.containers),
        swarm({machine.loop, machine.rng, log, *machine.containers, executor, attachments, logs,
               flags.data_root, flags.bridge}),
        service(flags, machine, networks, swarm, checker, log) {
    machine.containers->attach_with(attachments);
    networks.on_complete([this] { checker.look_behind(); });
  }

  agent::NodeNetworks networks;
  agent::NetworkChecker checker;
  agent::Attachments attachments;
  agent::ContainerExecutor executor;
  agent::ContainerLogs logs;
  SwarmNode swarm;
  Service service;
};

// Set by an earlier run of the daemon, whose clock may have been ahead of the wall clock now.
Time newest_time(const containers::Containers& containers) {
  Time newest;
  for (const auto& container : containers.list()) {
    const auto& state = container->state;
    newest = std::max({newest, container->created_at, state.started_at, state.finished_at});
  }
  return newest;
}

// `over`: the daemon ends.
os::Co<> start_up(Machine& machine, Parts& parts, Log& log, int& exit_code, os::StopToken over) {
  co_await parts.networks.recall();
  Result<void> started = co_await machine.containers->open();
  if (started) {
    co_await parts.networks.restore();
    os::spawn(parts.checker.run(over));
    machine.loop.not_before(newest_time(*machine.containers));
    parts.swarm.resume();
    parts.attachments.ready();
    started = parts.service.listen();
  }
  if (!started) {
    log.error("the daemon cannot start", {{"reason", started.error().message}});
    exit_code = 1;
    machine.loop.stop();
    co_return;
  }
  log.info("the API listens", {{"version", kVersion}});
  notify_ready();
}

os::Co<> shut_down(Machine& machine, Parts& parts, Log& log) {
  log.info("the daemon stops; containers go on");
  parts.swarm.hurry_up();  // The service's end waits for what it asked of the swarm.
  co_await parts.service.close();
  co_await parts.swarm.stop();
  machine.loop.stop();
}

int fail(Log& log, const Error& error) {
  log.error("the daemon cannot start", {{"reason", error.message}});
  return 1;
}

os::Co<> clean_up(Machine& machine, agent::NetworkJournal networks, Log& log, int& exit_code) {
  const auto opened = co_await machine.containers->open();
  if (!opened) {
    log.error("the containers cannot be read", {{"reason", opened.error().message}});
    exit_code = 1;
  } else {
    for (const auto& container : machine.containers->list()) {
      const std::string id = container->id;
      const containers::RemoveOptions options{.force = true, .volumes = true};
      const auto removed = co_await machine.containers->remove(id, options);
      if (removed) continue;
      log.error("a container is left", {{"container", id}, {"reason", removed.error().message}});
      exit_code = 1;
    }
  }
  const auto overlays_gone = co_await machine.overlays->remove_all();
  const auto network_gone = co_await machine.network->remove_all();
  const auto journal_gone = networks.remove();
  for (const auto* gone : {&overlays_gone, &network_gone, &journal_gone}) {
    if (*gone) continue;
    log.error("the network is left", {{"reason", gone->error().message}});
    exit_code = 1;
  }
  machine.loop.stop();
}

// Published ports, containers and clients each hold descriptors: take what the system allows.
void raise_descriptor_limit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  ::setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace

int run_daemon(const Flags& flags, Log& log) {
  ::signal(SIGPIPE, SIG_IGN);
  raise_descriptor_limit();
  limit_heap();
  const auto pidfile = PidFile::claim(flags.pidfile);
  if (!pidfile) return fail(log, pidfile.error());
  auto machine = assemble(flags, log);
  if (!machine) return fail(log, machine.error());

  int exit_code = 0;
  Parts parts(flags, **machine, log);
  bool stopping = false;
  for (const int signal : {SIGTERM, SIGINT}) {
    (*machine)->loop.on_signal(signal, [&] {
      if (std::exchange(stopping, true)) return (*machine)->loop.stop();  // Asked twice: at once.
      os::spawn(shut_down(**machine, parts, log));
    });
  }
  const os::StopSource over;
  (*machine)->loop.post([&] {
    os::spawn(start_up(**machine, parts, log, exit_code, over.token()));
    os::spawn(keep_heap((*machine)->loop, over.token()));
    os::spawn(parts.networks.keep_ports(over.token()));
    os::spawn(parts.networks.mend(over.token()));
  });
  (*machine)->loop.run();
  over.stop();
  return exit_code;
}

int run_cleanup(const Flags& flags, Log& log) {
  const auto pidfile = PidFile::claim(flags.pidfile);
  if (!pidfile) return fail(log, pidfile.error());
  auto machine = assemble(flags, log);
  if (!machine) return fail(log, machine.error());
  int exit_code = 0;
  (*machine)->loop.post(
      [&] { os::spawn(clean_up(**machine, network_journal(flags, **machine), log, exit_code)); });
  (*machine)->loop.run();
  const auto engine_gone = (*machine)->engine->remove_all();
  if (!engine_gone) return fail(log, engine_gone.error());
  return exit_code;
}

}  // namespace shoal::daemon
