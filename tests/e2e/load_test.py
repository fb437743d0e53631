"""Not one request is lost: replicas go and come, nodes are drained, a node dies, all under load.

The load goes at once through the published port of every node and to the virtual address from a container,
over new connections and over kept ones; the servers are nginx, which closes politely when it is told to stop.
"""
import contextlib
import subprocess
import sys
import time
import unittest

from harness import until
from http_load import HttpLoad
from three_nodes import ASKER, ThreeNodes

PORT = 8081
RATE = 250  # of each of four loads
KEEP = 20
REPLICAS = 6


def answers(enter, address):
    command = [*enter, "curl", "-s", "-o", "/dev/null", "--max-time", "2", f"http://{address}/"]
    return subprocess.run(command, check=False).returncode == 0


class Loaded(ThreeNodes):
    images = ("busybox", "nginx")

    def serve(self):
        """nginx on every path there is; returns when each of them is there."""
        self.network("front")
        self.create("web", "--network", "front", "--publish", f"{PORT}:80", "--replicas", REPLICAS,
                    command=("nginx:demo",))
        self.create("asker", "--network", "front", "--constraint", "node.hostname==hostos1", command=ASKER)
        self.await_replicas(REPLICAS)
        self.await_running("asker", "hostos1")
        front = self.manager.out("network", "inspect", "--format", "{{.Id}}", "front")
        self.vip = self.manager.out("service", "inspect", "--format", "{{range .Endpoint.VirtualIPs}}"
                                    f"{{{{if eq .NetworkID \"{front}\"}}}}{{{{.Addr}}}}{{{{end}}}}{{{{end}}}}",
                                    "web").split("/")[0]
        for address in self.addresses:
            until(lambda a=address: answers(self.outside.enter(), f"{a}:{PORT}"), f"{address} serves")
        until(lambda: answers(self.in_asker(), self.vip), "the virtual address serves")

    def in_asker(self):
        [container] = self.containers(self.manager, "asker")
        return ["nsenter", "--net", "--target", str(self.manager.inspect(container)["State"]["Pid"])]

    def await_replicas(self, count, without=None):
        """So many run, none of them on a node, and no other container of the service is left."""
        def settled():
            running = self.running("web")
            return len(running) == count == len(self.tasks_of("web")) and without not in running
        until(settled, f"there are {count} replicas, none on {without}")

    @contextlib.contextmanager
    def load(self, *addresses):
        outside = [f"{address}:{PORT}" for address in addresses]
        loads = [HttpLoad("mesh, new", self.outside.enter(), outside, RATE),
                 HttpLoad("mesh, kept", self.outside.enter(), outside, RATE, KEEP),
                 HttpLoad("overlay, new", self.in_asker(), [f"{self.vip}:80"], RATE),
                 HttpLoad("overlay, kept", self.in_asker(), [f"{self.vip}:80"], RATE, KEEP)]
        try:
            yield loads
        finally:
            for load in loads:
                load.end()
                print(f"\n  {load} ", end="", file=sys.stderr)

    def each(self, loads, count):
        for load in loads:
            load.await_answers(count)

    def test_scaling_down_and_up(self):
        self.serve()
        with self.load(*self.addresses) as loads:
            for count in (2, REPLICAS, 2, REPLICAS):
                self.each(loads, 200)
                self.manager.docker("service", "scale", "--detach", f"web={count}")
                self.await_replicas(count)
            for load in loads:
                if "new" in load.name:
                    load.await_servers(self.tasks_of("web"))
        self.assertEqual([load.failed for load in loads], [[]] * len(loads))

    def test_draining(self):
        self.serve()
        with self.load(*self.addresses) as loads:
            for host in ("hostos2", "hostos3"):
                self.each(loads, 200)
                self.manager.docker("node", "update", "--availability", "drain", host)
                self.await_replicas(REPLICAS, without=host)
                self.each(loads, 200)
                self.manager.docker("node", "update", "--availability", "active", host)
        self.assertEqual([load.failed for load in loads], [[]] * len(loads))

    def test_a_node_that_dies(self):
        """What is asked once the others know of it is answered."""
        self.serve()
        lost, addresses = self.nodes[2], self.addresses[:2]
        gone = self.addresses_of_tasks(lost)
        self.assertTrue(gone <= self.balanced_to(self.manager), "the others give it work")
        self.addCleanup(self.revive, lost)
        with self.load(*addresses) as loads:
            self.each(loads, 200)
            self.lan.cut(3)
            lost.reboot()
            until(lambda: "Down" in self.manager.out("node", "ls", "--filter", "name=hostos3", "--format",
                                                     "{{.Status}}"), "the node is down")
            until(lambda: not any(gone & self.balanced_to(node) for node in self.nodes[:2]),
                  "nobody balances to it any more")
            known = time.monotonic()
            self.each(loads, 200)
            until(lambda: len(self.running("web")) == REPLICAS and "hostos3" not in self.running("web"),
                  "its replicas run elsewhere")
            self.each(loads, 200)
        late = [(load.name, lost) for load in loads for lost in load.failed if lost["began"] >= known]
        self.assertEqual(late, [])

    def addresses_of_tasks(self, node):
        """In both networks, of the service's tasks on the node."""
        found = set()
        for container in self.containers(node, "web"):
            networks = node.inspect(container)["NetworkSettings"]["Networks"]
            found |= {network["IPAddress"] for name, network in networks.items() if name != "bridge"}
        return found

    def balanced_to(self, node):
        """Every address that a rule of the node names, in its own and its overlays' namespaces."""
        spaces = [["nsenter", f"--net={path}"] for path in (node.folder / "run/overlay").iterdir()]
        text = ""
        for enter in ([], *spaces):
            # They are mounted where the daemon alone sees them.
            command = ["nsenter", "--target", str(node.pid), "--mount", "--net", *enter, "nft", "list", "ruleset"]
            text += subprocess.run(command, check=True, capture_output=True, text=True).stdout
        return {word.strip(",;{}") for word in text.split()}

    def revive(self, node):
        self.lan.plug_in(3, node.namespaces)
        node.start()
        until(lambda: "Ready" in self.manager.out("node", "ls", "--filter", "name=hostos3", "--format",
                                                  "{{.Status}}"), "the node is back")


if __name__ == "__main__":
    unittest.main()
