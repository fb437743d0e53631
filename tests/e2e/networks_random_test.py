"""Random changes of networks and services while nodes and daemons fail: after each round the kernel of every node
is exactly as the manager says, and at the end nothing is left.

A round is some operations at random; then cut nodes are healed and the swarm must come to rest. tools/soak
networks runs more rounds ($SHOAL_NETWORKS_ROUNDS, $SHOAL_NETWORKS_SEED).
"""
import os
import random
import re
import signal
import unittest

import kernel_networks
from harness import until
from leftovers import differ
from three_nodes import HOSTS, ThreeNodes

ROUNDS = int(os.environ.get("SHOAL_NETWORKS_ROUNDS", 20))
SEED = int(os.environ.get("SHOAL_NETWORKS_SEED", 1))
OPERATIONS = 4  # a round
NETWORKS_MAX, SERVICES_MAX, REPLICAS_MAX = 5, 6, 4
WITHIN_S = 90


class Networks(ThreeNodes):
    images = ("whoami",)

    def setUp(self):
        super().setUp()
        self.rng = random.Random(SEED)
        self.networks, self.services = {}, {}  # name -> the names of its networks, or what was asked
        self.cut_off, self.drained, self.made = set(), set(), 0

    # --- operations; each says what it did, or nothing when it makes no sense now ---
    def add_network(self):
        if len(self.networks) == NETWORKS_MAX:
            return None
        self.made += 1
        name, internal = f"net{self.made}", self.rng.random() < 0.2
        self.network(name, *(["--internal"] if internal else []))
        self.networks[name] = internal
        return f"network {name}"

    def remove_network(self):
        used = {network for service in self.services.values() for network in service["networks"]}
        free = sorted(set(self.networks) - used)
        if not free:
            return None
        name = self.rng.choice(free)
        # A task that still ends may hold it for a moment.
        until(lambda: self.manager.docker("network", "rm", name, check=False).returncode == 0, f"{name} is removed")
        del self.networks[name]
        return f"no network {name}"

    def add_service(self):
        if len(self.services) == SERVICES_MAX:
            return None
        self.made += 1
        name = f"web{self.made}"
        networks = self.rng.sample(sorted(self.networks), self.rng.randrange(min(3, len(self.networks)) + 1))
        by_names, everywhere = self.rng.random() < 0.25, self.rng.random() < 0.25
        flags = [flag for network in networks for flag in ("--network", network)]
        flags += ["--endpoint-mode", "dnsrr"] if by_names else []
        if not by_names and self.rng.random() < 0.6:
            flags += ["--publish", f"{9000 + self.made}:80/{self.rng.choice(['tcp', 'udp'])}"]
        replicas = None if everywhere else self.rng.randrange(REPLICAS_MAX + 1)
        flags += ["--mode", "global"] if everywhere else ["--replicas", replicas]
        self.create(name, "--stop-grace-period", "2s", *flags)
        self.services[name] = {"networks": networks, "replicas": replicas}
        return f"{name} {' '.join(map(str, flags))}"

    def scale(self):
        names = sorted(n for n, service in self.services.items() if service["replicas"] is not None)
        if not names:
            return None
        name, replicas = self.rng.choice(names), self.rng.randrange(REPLICAS_MAX + 1)
        self.manager.docker("service", "scale", "--detach", f"{name}={replicas}")
        self.services[name]["replicas"] = replicas
        return f"{name}={replicas}"

    def remove_service(self):
        if not self.services:
            return None
        name = self.rng.choice(sorted(self.services))
        self.manager.docker("service", "rm", name)
        del self.services[name]
        return f"no {name}"

    def kill(self):
        number = self.rng.randrange(len(self.nodes))
        self.nodes[number].stop(signal.SIGKILL)
        self.nodes[number].start()
        return f"kill {number + 1}"

    def cut(self):
        number = self.rng.randrange(2, len(self.nodes) + 1)
        if number in self.cut_off:
            return None
        self.lan.cut(number)
        self.cut_off.add(number)
        return f"cut {number}"

    def lose(self):
        """Long enough for its tasks to move."""
        done = self.cut()
        if done:
            host = f"hostos{done.split()[1]}"
            until(lambda: self.status_of(host) == "Down", f"{host} is down", WITHIN_S)
        return done and f"{done} until it is down"

    def heal(self):
        for number in sorted(self.cut_off):
            self.lan.heal(number)
        done, self.cut_off = sorted(self.cut_off), set()
        return f"heal {done}" if done else None

    def drain(self):
        host = self.rng.choice(HOSTS[1:])
        self.drained ^= {host}
        state = "drain" if host in self.drained else "active"
        self.manager.docker("node", "update", "--availability", state, host)
        return f"{state} {host}"

    ONES = [add_network] * 2 + [remove_network] + [add_service] * 5 + [scale] * 3 + [remove_service] * 2 + \
        [kill] * 3 + [cut] * 2 + [heal, drain]
    TIMES_LOST = 0.05  # of all operations

    def one_operation(self):
        while True:
            rare = self.rng.random() < self.TIMES_LOST
            done = (Networks.lose if rare else self.rng.choice(self.ONES))(self)
            if done:
                return done

    # --- what must be at rest ---
    def status_of(self, host):
        return dict(row.split() for row in self.manager.lines(
            "node", "ls", "--format", "{{.Hostname}} {{.Status}}"))[host]

    def faults(self):
        swarm = kernel_networks.Swarm(self.manager)
        names = {i: service["Spec"]["Name"] for i, service in swarm.services.items()}
        counts = dict.fromkeys(self.services, 0)
        for task in swarm.tasks:
            counts[names.get(task["ServiceID"], "nobody")] = counts.get(names.get(task["ServiceID"], "nobody"), 0) + 1
        everywhere = len(self.nodes) - len(self.drained)
        wanted = {name: everywhere if service["replicas"] is None else service["replicas"]
                  for name, service in self.services.items()}
        found = [f"tasks are {counts}, not {wanted}"] if counts != wanted else []
        found += [f"{host} is {node['Status']['State']}" for node in swarm.nodes.values()
                  for host in [node["Description"]["Hostname"]] if node["Status"]["State"] != "ready"]
        run = {task["Status"]["ContainerStatus"]["ContainerID"] for task in swarm.tasks}
        for node in self.nodes:
            found += [f"{node.name}: {one}" for one in differ("containers", set(self.containers(node)) - run, set())]
        return found or kernel_networks.differences(self.manager, self.nodes) or \
            kernel_networks.name_differences(self.manager, self.nodes)

    def await_rest(self, what):
        last = []

        def rests():
            last[:] = self.faults()
            return not last
        try:
            until(rests, "rest", WITHIN_S)
            for node in self.nodes:  # What the daemons themselves know is the same, and nothing was ever mended.
                last += kernel_networks.check(node) + [f"{node.name}: {m}" for m in kernel_networks.mended(node)]
        except AssertionError as error:
            last.append(str(error))
        if last:
            shown = "\n".join([*last, *(f"-- {node.name}\n{node.log_tail(40)}" for node in self.nodes)])
            raise AssertionError(f"no rest after {what}:\n{shown}")

    def snapshot(self, node):
        """All that networks leave behind on the host: links, routes, rules, files. A table for services that was
        made once stays, empty (network/shards.h); that it is empty is compared with the manager."""
        host = kernel_networks.look(node)[0]
        routes = "ip route; ip rule; ip -6 rule; nft list ruleset; cd %s; find netns overlay" % (node.folder / "run")
        seen = node.namespaces.run("sh", "-c", routes).stdout
        seen = re.sub(r"^table inet shoal_node_\d+ {\n.*?^}\n", "", seen, flags=re.S | re.M)
        return sorted([*host.links(), *seen.splitlines()])

    def test_the_kernel_is_as_the_manager_says(self):
        self.await_rest("the start")
        before = [self.snapshot(node) for node in self.nodes]
        for number in range(ROUNDS):
            done = [self.one_operation() for _ in range(OPERATIONS)]
            done.append(self.heal())
            self.await_rest(f"round {number} of seed {SEED}: {', '.join(filter(None, done))}")
        self.clean()
        self.services, self.networks, self.drained = {}, {}, set()
        self.await_rest("all is removed")
        left = []

        def nothing_left():
            left[:] = [line for node, was in zip(self.nodes, before) for line in differ(
                f"{node.name}: lines", set(self.snapshot(node)), set(was))]
            return not left
        try:
            until(nothing_left, "nothing is left")
        except AssertionError:
            raise AssertionError("\n".join(left)) from None


if __name__ == "__main__":
    unittest.main()
