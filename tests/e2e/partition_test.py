"""A node that is cut off while everything changes: once it is back, no name, virtual address or backend is left
of before, in the kernel of any node.

Two witnesses: the daemons' own check finds nothing to mend, and neither does a comparison of the kernel with the
manager's API (kernel_networks.py).
"""
import time
import unittest

import kernel_networks
from harness import BIN, until
from three_nodes import ThreeNodes, ask

CUT_S = 30
WITHIN_S = 60
ON_THE_THIRD = ("--constraint", "node.hostname==hostos3")


class Partition(ThreeNodes):
    def await_exact(self, nodes, gone=()):
        """Until the kernel and the names of these nodes are as the manager says."""
        last = []

        def exact():
            last[:] = kernel_networks.differences(self.manager, nodes)
            last.extend(kernel_networks.name_differences(self.manager, nodes, gone))
            return not last
        try:
            until(exact, "kernel and names are as the manager says", WITHIN_S)
        except AssertionError:
            raise AssertionError("\n".join([*last, *(node.describe() for node in nodes)])) from None

    def await_states(self, **states):
        def as_said():
            rows = self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}")
            seen = dict(row.split() for row in rows)
            return all(seen[host] == state for host, state in states.items())
        until(as_said, f"nodes are {states}", WITHIN_S)

    def test_a_node_that_was_cut_off_forgets_what_is_gone_and_knows_what_is_new(self):
        lost = self.nodes[2]
        for name in ("blue", "green", "old"):
            self.network(name)
        self.create("web", "--network", "blue", "--publish", "8081:80", "--replicas", "3")
        self.create("api", "--network", "blue", "--network", "green", "--endpoint-mode", "dnsrr", "--replicas", "3")
        self.create("leaves", "--network", "old", "--network", "blue", "--publish", "8082:80", "--mode", "global")
        self.create("stays", "--network", "green", "--replicas", "1", *ON_THE_THIRD)
        self.await_running("leaves", *(node.name for node in self.nodes))
        self.await_running("stays", "hostos3")
        until(lambda: len(self.running("web")) == len(self.running("api")) == 3, "everything runs")
        self.await_exact(self.nodes)

        self.addCleanup(self.lan.heal, 3)
        self.lan.cut(3)
        began = time.monotonic()
        self.manager.docker("service", "scale", "--detach", "web=5", "api=1")
        self.manager.docker("service", "rm", "leaves")
        self.network("new")
        self.create("arrives", "--network", "new", "--network", "blue", "--publish", "8083:80", "--replicas", "2")
        self.await_states(hostos3="Down")
        until(lambda: len(self.running("web")) == 5 and len(self.running("arrives")) == 2 and
              "hostos3" not in self.running("web") + self.running("api"), "the others have taken over", WITHIN_S)
        self.await_exact(self.nodes[:2], gone=("leaves", "tasks.leaves"))
        until(lambda: time.monotonic() - began >= CUT_S, f"the cut has lasted {CUT_S} s", 2 * CUT_S)

        self.lan.heal(3)
        healed = time.monotonic()
        self.await_states(hostos3="Ready")
        ready = time.monotonic()
        until(lambda: self.running("stays") == ["hostos3"], "what only the third may run runs again", WITHIN_S)
        self.await_exact(self.nodes, gone=("leaves", "tasks.leaves"))
        print(f"after the heal: ready in {ready - healed:.1f} s, exact {time.monotonic() - ready:.1f} s later")
        for node in self.nodes:
            self.assertEqual(kernel_networks.check(node), [])
        for address in self.addresses:
            self.assertIn("hostname", ask(self.outside, address, 8083))
            refused = self.outside.run("curl", "-sS", "--max-time", 30, f"http://{address}:8082/", check=False)
            self.assertEqual(refused.returncode, 7, refused.stderr)
        self.assertEqual(kernel_networks.mended(lost), [])

    def test_what_an_administrator_destroyed_is_mended(self):
        self.network("blue")
        self.create("web", "--network", "blue", "--publish", "8081:80", "--mode", "global")
        self.await_running("web", *(node.name for node in self.nodes))
        self.await_exact(self.nodes)
        node = self.nodes[1]
        [blue] = [i for i, network in kernel_networks.Swarm(self.manager).networks.items()
                  if network["Name"] == "blue"]
        inside = ("nsenter", f"--net={kernel_networks.path_of(node, blue)}")
        flush = ("nft", "flush", "ruleset")
        for damage, found in (
                ([flush], ["bridge: add map ports"]),
                ([("ip", "link", "delete", "shoal0"), ("sysctl", "-w", "net.ipv4.ip_forward=0")],
                 ["bridge: add bridge shoal0", "bridge: set net/ipv4/ip_forward to 1"]),
                ([("ip", "link", "delete", "shg0")], ["add link shg0"]),
                ([(*inside, *flush)], [f"{blue}: add map services"]),
                ([(*inside, "ip", "address", "flush", "dev", "br0"), (*inside, "ip", "link", "delete", "vx0")],
                 [f"{blue}: add VXLAN link", f"{blue}: add address"])):
            for command in damage:
                node.namespaces.run(*command)
            said = "\n".join(kernel_networks.check(node))
            for part in found:
                self.assertIn(part, said, damage)
            self.assertEqual(kernel_networks.check(node), [], damage)
            self.assertEqual(kernel_networks.differences(self.manager, self.nodes), [], damage)
            for address in self.addresses:
                self.assertIn("hostname", ask(self.outside, address, 8081))
        self.assertNotEqual(kernel_networks.mended(node), [])

    def test_the_check_of_a_daemon_that_is_not_there_says_so(self):
        with self.assertRaisesRegex(AssertionError, "shoal: "):
            kernel_networks.check(Missing)


class Missing:
    """A node without a daemon."""
    name = "nobody"

    @staticmethod
    def environment():
        return {"DOCKER_HOST": f"unix://{BIN}/no.sock"}


if __name__ == "__main__":
    unittest.main()
