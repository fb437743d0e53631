"""kill -9 of the daemon at any instant, under load; and the reboot of the machine."""
import json
import os
import pathlib
import random
import signal
import subprocess
import sys
import threading
import unittest

import leftovers
from harness import Node, NodeTest, make_images, until
from load import DaemonGone, Load, call

ROUNDS = int(os.environ.get("SHOAL_KILL_ROUNDS", "10"))
SEED = int(os.environ.get("SHOAL_KILL_SEED", "1"))
COUNT = ("sh", "-c", "i=0; while :; do echo n $i; i=$((i+1)); sleep 0.02; done")
# Which system calls the daemon is killed at, and at which call of a thread at the latest. Together
# they stand for every step of what a daemon does: files, mounts, programs, kernel messages.
AIMS = {"rename": 30, "openat": 400, "mkdir": 40, "unlink": 40, "mount": 20, "umount2": 20,
        "sendto": 60, "fsync": 20, "pwrite64": 60, "unlinkat": 40, "clone3,clone,vfork": 15,
        "symlink": 6, "rmdir": 30, "write": 200, "pidfd_send_signal": 10, "futex": 600}
SWARM_ROUNDS = max(6, ROUNDS // 2)
SWARM_AIMS = {"rename": 8, "fsync": 8, "openat": 60, "unlink,unlinkat": 12, "mkdir": 6, "write": 20,
              "pwrite64": 20, "pidfd_send_signal": 1, "umount2": 2, "fdatasync": 4}
INIT = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": "127.0.0.1"}
AIM_WITHIN_S = 1.5
PROBE = """
import http.client, json, sys, threading
failed, count, on = [], 0, True
def read():
    global on
    sys.stdin.read()
    on = False
threading.Thread(target=read).start()
while on:
    for port in map(int, sys.argv[1:]):
        c = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            c.request("GET", "/")
            c.getresponse().read()
        except Exception as reason:
            failed.append(f"{port}: {reason!r}")
        c.close()
        count += 1
print(json.dumps({"count": count, "failed": failed}))
"""


class Probe:
    """Asks the node's ports again and again, each time with a connection of its own."""

    def __init__(self, node, *ports):
        self.process = subprocess.Popen(
            node.namespaces.enter(sys.executable, "-c", PROBE, *ports),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def end(self):
        return json.loads(self.process.communicate()[0])


def aim(node, rng, aims):
    """Lets one call of a chosen kind be the daemon's last; returns the killer and what it aims at."""
    calls = rng.choice(sorted(aims))
    number = rng.randint(1, aims[calls])
    killer = subprocess.Popen(
        ["strace", "--quiet=all", "-f", "-b", "execve", "-o", "/dev/null", "-e",
         f"trace={calls}", "-e", f"inject={calls}:signal=SIGKILL:when={number}",
         "-p", str(node.pid)], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    until(lambda: "TracerPid:\t0\n" not in status_of(node.pid), "the killer is there")
    return killer, f"call {number} of {calls}"


def status_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return ""


def finish(node, killer):
    """Ends the daemon when its killer did not; returns what to add to the round's name."""
    try:
        killer.wait(AIM_WITHIN_S)
        return ""
    except subprocess.TimeoutExpired:
        node.stop(signal.SIGKILL)
        killer.wait()
        return ", which did not come"


def settles(test, node, problems, how):
    """Waits until there is no problem left; fails with those that stay."""
    last = []

    def none():
        last[:] = [problems()]
        return not last[0]
    try:
        until(none, how)
    except AssertionError:
        test.fail(f"{how}: {last[0]}\n{node.log_tail()}")


class Killed(NodeTest):
    """One node; a steady part that must not notice anything, and a load beside it."""

    images = ("busybox", "whoami")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        node = cls.node
        create = ("service", "create", "--quiet", "--no-resolve-image", "--name")
        node.docker(*create, "ticker", "--replicas", "2", "busybox:demo", *COUNT)
        node.docker(*create, "web", "--replicas", "2", "-p", "8090:80", "whoami:demo")
        node.docker("run", "-d", "--name", "plain", "-p", "8091:80", "whoami:demo")
        node.docker("run", "-d", "--name", "counter", "busybox:demo", *COUNT)

    def steady(self):
        """{container id: (name, pid, start time)} of the part that must not notice anything."""
        found = {}
        for line in self.node.lines("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}"):
            container, name = line.split()
            if name.split(".")[0] in ("ticker", "web", "plain", "counter"):
                state = self.node.inspect(container)["State"]
                found[container] = (name, state["Pid"], state["StartedAt"])
        return found

    def test_kill_under_load(self):
        rng = random.Random(SEED)
        load = Load(self.node.socket, SEED)
        before = self.steady()
        self.assertEqual(len(before), 6)
        probe = Probe(self.node, 8090, 8091)
        try:
            for number in range(ROUNDS):
                with self.subTest(seed=SEED, round=number):
                    self.one_round(rng, load, before)
        finally:
            answers = probe.end()
            self.clear(load)
        print(f" {ROUNDS} rounds, {load.acknowledged} changes, {answers['count']} requests ",
              end="", file=sys.stderr)
        self.assertEqual(answers["failed"], [])
        self.no_gap("counter")
        for name in {name for name, _, _ in before.values() if name.startswith("ticker")}:
            self.no_gap(name)

    def one_round(self, rng, load, before):
        node = self.node
        if not os.path.exists(f"/proc/{node.pid}"):
            node.start()  # The last round failed before it came to that.
        load.run("counter")
        how = self.kill(rng)
        load.end()
        node.start()
        self.assertEqual(load.problems, [], how)
        settles(self, node, load.differences, how)
        load.settle()
        settles(self, node, load.not_converged, how)
        self.assertEqual(self.steady(), before, how)
        settles(self, node, lambda: leftovers.find(node), how)
        self.assertNotIn("CHECK(", node.log_tail(2000), how)

    def kill(self, rng):
        """Ends the daemon at a random time, or at a chosen system call; returns which."""
        node = self.node
        if rng.random() < 0.4:
            pause = rng.uniform(0.05, 0.8)
            threading.Event().wait(pause)
            node.stop(signal.SIGKILL)
            return f"killed after {pause:.3f} s"
        killer, how = aim(node, rng, AIMS)
        return "killed at " + how + finish(node, killer)

    def clear(self, load):
        """Removes what the load made; what else there is belongs to the steady part."""
        for kind, name in list(load.may_be):
            url = {"service": f"/services/{name}", "run": f"/containers/{name}?force=1&v=1",
                   "image": f"/images/{name}:latest?force=1", "volume": f"/volumes/{name}"}[kind]
            call(self.node.socket, "DELETE", url)

    def no_gap(self, container):
        """Each number stands in the log exactly once, in order."""
        lines = self.node.lines("logs", container)
        numbers = [int(line.split()[1]) for line in lines]
        self.assertGreater(len(numbers), 10)
        self.assertEqual(numbers, list(range(len(numbers))), container)


class KilledOnTheWayIntoASwarm(unittest.TestCase):
    """init and leave are cut off: the node is in the swarm as a whole or not at all."""

    def test_init_and_leave(self):
        make_images()
        node, rng = Node(), random.Random(SEED)
        try:
            node.start()
            node.load("busybox")
            self.active = False
            for number in range(SWARM_ROUNDS):
                with self.subTest(seed=SEED, round=number):
                    self.one_round(node, rng)
            if node.out("info", "--format", "{{.Swarm.LocalNodeState}}") == "active":
                node.docker("swarm", "leave", "--force")
        finally:
            left = node.close()
        self.assertEqual(left, [])

    def one_round(self, node, rng):
        goal = not self.active
        killer, how = aim(node, rng, SWARM_AIMS)
        how = f"{'init' if goal else 'leave'}, killed at {how}"
        try:
            status, answer = call(node.socket, "POST", "/swarm/init" if goal else
                                  "/swarm/leave?force=1", INIT if goal else None)
            self.assertEqual(status, 200, answer)
            acknowledged = True
        except DaemonGone:
            acknowledged = False
        how += finish(node, killer)
        node.start()
        state = node.out("info", "--format", "{{.Swarm.LocalNodeState}}")
        self.assertIn(state, ("active", "inactive"), how)
        self.active = state == "active"
        if acknowledged:
            self.assertEqual(self.active, goal, how)
        if self.active and goal:
            node.docker("service", "create", "--detach", "--no-resolve-image", "--name", "one",
                        "busybox:demo", "sleep", "86400")
        wanted = int(self.active)
        settles(self, node, lambda: len(node.lines("ps", "-q")) != wanted, how)
        if not self.active:
            settles(self, node, (node.folder / "data/swarm").exists, how)
        settles(self, node, lambda: leftovers.find(node), how)


if __name__ == "__main__":
    unittest.main()
