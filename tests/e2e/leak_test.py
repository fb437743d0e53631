"""Nothing grows: descriptors, threads and everything that leftovers.py compares, before and after
many containers, tasks and daemons. No clock, no sizes; what memory did is printed, not asserted.
"""
import os
import pathlib
import signal
import sys
import unittest
import urllib.parse

import leftovers
from harness import NodeTest, until
from load import call

CYCLES = int(os.environ.get("SHOAL_LEAK_CYCLES", "15"))
SCALES = int(os.environ.get("SHOAL_LEAK_SCALES", "8"))
RESTARTS = int(os.environ.get("SHOAL_LEAK_RESTARTS", "2"))
SIDE_BY_SIDE = 4


class Leaks(NodeTest):
    images = ("busybox",)

    def api(self, method, url, body=None):
        status, document = call(self.node.socket, method, url, body)
        self.assertLess(status, 400, f"{method} {url}: {document}")
        return document

    def held(self):
        """What the daemon holds: descriptors by kind, and the number of threads."""
        process = pathlib.Path(f"/proc/{self.node.pid}")
        kinds = {}
        for path in (process / "fd").iterdir():
            try:
                kind = os.readlink(path).split(":")[0]
            except FileNotFoundError:
                continue  # It was closed while we looked.
            kind = "file" if kind.startswith("/") else kind
            kinds[kind] = kinds.get(kind, 0) + 1
        return {**kinds, "threads": len(list((process / "task").iterdir()))}

    def sockets(self):
        """Each socket of the daemon as the kernel lists it, to see which one is too many."""
        process, found = pathlib.Path(f"/proc/{self.node.pid}"), []
        inodes = {link[8:-1] for link in map(os.readlink, (process / "fd").iterdir())
                  if link.startswith("socket:[")}
        for family in ("tcp", "tcp6", "udp", "udp6", "unix", "netlink"):
            for line in (process / "net" / family).read_text().splitlines()[1:]:
                if inodes & set(line.split()):
                    found.append(f"{family} {line}")
        return sorted(found)

    def resident_kb(self):
        status = pathlib.Path(f"/proc/{self.node.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def cycle(self):
        """A few containers with all that belongs to one, side by side, from create to remove."""
        names = [f"leak-{number}" for number in range(SIDE_BY_SIDE)]
        for name in names:
            self.api("POST", f"/containers/create?name={name}", {
                "Image": "busybox:demo", "Cmd": ["sleep", "86400"], "Volumes": {"/data": {}},
                "HostConfig": {"PortBindings": {"80/tcp": [{"HostPort": ""}]}}})
            self.api("POST", f"/containers/{name}/start")
        for name in names:
            made = self.api("POST", f"/containers/{name}/exec", {"Cmd": ["true"],
                                                                 "AttachStdout": True})
            self.api("POST", f"/exec/{made['Id']}/start", {"Detach": False})
            self.api("GET", f"/containers/{name}/logs?stdout=1")
            self.api("DELETE", f"/containers/{name}?force=1&v=1")

    def scale(self, replicas):
        service = self.api("GET", "/services/scaled")
        spec = {**service["Spec"], "Mode": {"Replicated": {"Replicas": replicas}}}
        self.api("POST", f"/services/scaled/update?version={service['Version']['Index']}", spec)
        wanted = urllib.parse.quote('{"service":["scaled"]}')
        until(lambda: [task["Status"]["State"] for task in self.api("GET", f"/tasks?filters={wanted}")
                       ].count("running") == replicas, f"{replicas} run")

    def create_scaled(self):
        self.node.docker("service", "create", "--detach", "--no-resolve-image", "--name", "scaled",
                         "--stop-grace-period", "0s", "-p", "8087:80", "--replicas", "1",
                         "busybox:demo", "sleep", "86400")
        self.scale(1)

    def settled(self):
        until(lambda: not leftovers.find(self.node), "nothing is left over")

    def holds_no_more_than(self, before):
        """A connection may have been on its way out when that was counted."""
        def more():
            return {kind: count for kind, count in self.held().items()
                    if count > before.get(kind, 0)}
        try:
            until(lambda: not more(), "the daemon holds no more than before")
        except AssertionError:
            self.fail(f"grown: {more()}, before: {before}\n" + "\n".join(self.sockets()))

    def test_nothing_grows(self):
        self.create_scaled()
        self.cycle()
        for replicas in (4, 1):
            self.scale(replicas)
        self.settled()
        before, memory = self.held(), self.resident_kb()
        for _ in range(CYCLES):
            self.cycle()
        for _ in range(SCALES):
            self.scale(4)
            self.scale(1)
        self.settled()
        self.holds_no_more_than(before)
        print(f" {CYCLES * SIDE_BY_SIDE} containers, {SCALES} scales: "
              f"{memory} kB before, {self.resident_kb()} after ", end="", file=sys.stderr)

    def test_no_daemon_leaves_anything_to_the_next(self):
        self.create_scaled()
        self.restart()
        self.settled()
        before = self.held()
        for _ in range(RESTARTS):
            self.cycle()
            self.restart()
            self.scale(2)
            self.scale(1)
        self.restart()
        self.settled()
        self.holds_no_more_than(before)

    def restart(self):
        self.node.stop(signal.SIGKILL)
        self.node.start()
        self.scale(1)
        # The store of the last daemon says so; that this one has its session, its tasks and their port,
        # its sockets say.
        until(lambda: len(self.node.namespaces.run("ss", "-Hltn", "sport", "=", ":8087").stdout.splitlines()) == 2,
              "it holds the published port, in both families")


if __name__ == "__main__":
    unittest.main()
