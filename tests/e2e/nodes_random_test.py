"""Random operations on five nodes: whatever happens, at the end everything is as it shall be.

A round is some operations at random, then everything is healed and the swarm must come to rest: as many
replicas as asked for, one task of each global service a node, no container that no task owns, on any
node. tools/soak nodes runs more rounds ($SHOAL_NODES_ROUNDS, $SHOAL_NODES_SEED).
"""
import os
import random
import unittest

from harness import Node, make_images, until
from lan import Lan

COUNT, OPERATIONS = 5, 5
ROUNDS = int(os.environ.get("SHOAL_NODES_ROUNDS", 20))
SEED = int(os.environ.get("SHOAL_NODES_SEED", 1))
WITHIN_S = 60
WAIT = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


class Swarm:
    """Five nodes; the first manages and is never killed, cut or drained away."""

    def __init__(self, rng):
        make_images()
        self.rng, self.lan, self.nodes = rng, Lan(), []
        self.dead, self.cut_off, self.drained, self.outside = set(), set(), set(), set()
        self.replicas, self.ids = {"web": 3, "eager": 2}, {}
        for number in range(1, COUNT + 1):
            node = Node(f"hostos{number}")
            self.nodes.append(node)
            address = self.lan.join(node.namespaces)
            node.start()
            node.load("busybox")
            if number == 1:
                node.docker("swarm", "init", "--advertise-addr", address)
                self.token = node.out("swarm", "join-token", "-q", "worker")
            else:
                node.docker("swarm", "join", "--token", self.token, "10.99.0.1")
        self.manager = self.nodes[0]
        create = ("service", "create", "--quiet", "--no-resolve-image", "--detach", "--restart-delay", "0s",
                  "--stop-grace-period", "2s")
        self.manager.docker(*create, "--name", "web", "--replicas", "3", *WAIT)
        self.manager.docker(*create, "--name", "eager", "--replicas", "2", "--update-order", "start-first",
                            *WAIT)
        self.manager.docker(*create, "--name", "agent", "--mode", "global", *WAIT)

    def close(self):
        left = [one for node in self.nodes for one in node.close() if one != "link eth0"]
        self.lan.close()
        return left

    def id_of(self, number):
        """By the node itself: those that left are still listed under the same name."""
        if number not in self.dead:
            self.ids[number] = self.nodes[number - 1].out("info", "--format", "{{.Swarm.NodeID}}")
        return self.ids[number]

    # --- operations; each takes the number of a worker and says whether it makes sense now ---
    def kill(self, number):
        if number in self.dead:
            return False
        self.id_of(number)
        self.lan.cut(number)
        self.nodes[number - 1].reboot()
        self.dead.add(number)
        self.cut_off.discard(number)
        return True

    def start(self, number):
        if number not in self.dead:
            return False
        node = self.nodes[number - 1]
        self.lan.plug_in(number, node.namespaces)
        node.start()
        self.dead.discard(number)
        return True

    def restart(self, number):
        if number in self.dead:
            return False
        self.nodes[number - 1].stop()
        self.nodes[number - 1].start()
        return True

    def cut(self, number):
        if number in self.dead | self.cut_off:
            return False
        self.lan.cut(number)
        self.cut_off.add(number)
        return True

    def heal(self, number):
        if number not in self.cut_off:
            return False
        self.lan.heal(number)
        self.cut_off.discard(number)
        return True

    def drain(self, number):
        if number in self.drained | self.outside:
            return False
        self.manager.docker("node", "update", "--availability", "drain", self.id_of(number))
        self.drained.add(number)
        return True

    def activate(self, number):
        if number not in self.drained:
            return False
        self.manager.docker("node", "update", "--availability", "active", self.id_of(number))
        self.drained.discard(number)
        return True

    def leave(self, number):
        if number in self.dead | self.cut_off | self.outside | self.drained:
            return False
        self.nodes[number - 1].docker("swarm", "leave")
        self.outside.add(number)
        return True

    def join(self, number):
        if number not in self.outside or number in self.dead | self.cut_off:
            return False
        self.nodes[number - 1].docker("swarm", "join", "--token", self.token, "10.99.0.1")
        self.outside.discard(number)
        return True

    def scale(self, _):
        name = self.rng.choice(sorted(self.replicas))
        self.replicas[name] = self.rng.randrange(0, 9)
        self.manager.docker("service", "scale", "--detach", f"{name}={self.replicas[name]}")
        return True

    def restart_manager(self, _):
        self.manager.stop()
        self.manager.start()
        return True

    OPERATIONS = (kill, start, restart, cut, heal, drain, activate, leave, join, scale, scale, restart_manager)

    def one_operation(self):
        while True:
            operation, number = self.rng.choice(self.OPERATIONS), self.rng.randrange(2, COUNT + 1)
            if operation(self, number):
                return f"{operation.__name__} {number}"

    def mend(self):
        for number in range(2, COUNT + 1):
            for operation in (self.heal, self.start, self.join, self.activate):
                operation(number)

    # --- what must be at the end ---
    def running(self, name):
        """Id and host of what runs, by the manager."""
        rows = self.manager.lines("service", "ps", name, "--filter", "desired-state=running", "--no-trunc",
                                  "--format", "{{.ID}} {{.Node}} {{.CurrentState}}")
        return [tuple(row.split()[:2]) for row in rows if row.split()[2] == "Running"]

    def faults(self):
        """What is not yet as it shall be; empty at rest."""
        found, owned = [], {f"hostos{n}": set() for n in range(1, COUNT + 1)}
        for name, count in self.replicas.items():
            tasks = self.running(name)
            if len(tasks) != count:
                found.append(f"{name}: {len(tasks)} run, not {count}")
            for task, host in tasks:
                owned[host].add(task)
        agents = self.running("agent")
        if sorted(host for _, host in agents) != sorted(owned):
            found.append(f"agent runs on {[host for _, host in agents]}")
        for task, host in agents:
            owned[host].add(task)
        for node in self.nodes:
            runs = set(node.lines("ps", "--format", '{{.Label "com.docker.swarm.task.id"}}'))
            if runs != owned[node.name]:
                found.append(f"{node.name} runs {sorted(runs)}, owns {sorted(owned[node.name])}")
        return found

    def await_rest(self, what):
        last = []

        def rests():
            last[:] = self.faults()
            return not last
        try:
            until(rests, "rest", WITHIN_S)
        except AssertionError:
            shown = "\n".join([*last, self.manager.out("node", "ls"),
                               self.manager.out("service", "ps", "web", "eager", "agent"),
                               *(f"-- {node.name}\n{node.log_tail(15)}" for node in self.nodes)])
            raise AssertionError(f"no rest after {what}:\n{shown}") from None


class RandomOperations(unittest.TestCase):
    def test_the_swarm_comes_to_rest(self):
        swarm = Swarm(random.Random(SEED))
        try:
            swarm.await_rest("the start")
            for number in range(ROUNDS):
                done = [swarm.one_operation() for _ in range(OPERATIONS)]
                swarm.mend()
                swarm.await_rest(f"round {number} of seed {SEED}: {', '.join(done)}")
        finally:
            left = swarm.close()
        self.assertEqual(left, [])


if __name__ == "__main__":
    unittest.main()
