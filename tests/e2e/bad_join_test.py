"""Machines that join wrongly, and nodes that are odd: each is told why, nothing is half-joined, and the others
do not notice. With the docker client; what else the node port refuses is in protocol_test.py."""
import concurrent.futures
import json
import pathlib
import subprocess
import sys
import unittest

import api
from harness import Node, make_images, until
from lan import Lan

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR = 3600
CREATE = ("service", "create", "--quiet", "--no-resolve-image", "--detach", "--restart-delay", "1s")
# Ends at once when it is told to.
WAIT = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
MANAGER = "10.99.0.1"
DISK = "/run/disk"  # in the node's own mount namespace
REFUSED_WITHIN_S = 60
# Says where it listens and who connects, and nothing to those who do.
SILENT_MANAGER = """
import socket
listener, callers = socket.create_server(("127.0.0.1", 0)), []
print("127.0.0.1:%d" % listener.getsockname()[1], flush=True)
while True:
    callers.append(listener.accept())
    print("called", flush=True)
"""


class BadJoins(unittest.TestCase):
    """A manager and a good worker with a service; each test has machines of its own beside them."""

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.lan, cls.nodes = Lan(), []
        cls.addClassCleanup(cls.close_all)
        cls.manager, cls.good = cls.machine("chief"), cls.machine("good")
        cls.manager.docker("swarm", "init", "--advertise-addr", MANAGER)
        cls.join(cls.good)
        cls.manager.docker(*CREATE, "--name", "steady", "--replicas", "4", "--constraint",
                           "node.labels.guest!=true", *WAIT)
        until(lambda: len(cls.steady()) == 4, "the good service runs")

    @classmethod
    def close_all(cls):
        left = [one for node in cls.nodes for one in node.close() if one != "link eth0"]
        cls.lan.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    @classmethod
    def machine(cls, host, environment=None, prepare=lambda node: None):
        """A daemon that is in no swarm yet."""
        node = Node(host)
        cls.nodes.append(node)
        node.address = cls.lan.join(node.namespaces)
        node.start_with = environment or {}
        prepare(node)
        node.start()
        node.load("busybox")
        return node

    @classmethod
    def token(cls):
        return cls.manager.out("swarm", "join-token", "-q", "worker")

    @classmethod
    def join(cls, node):
        node.docker("swarm", "join", "--token", cls.token(), MANAGER)

    @classmethod
    def steady(cls):
        """Id and node of each task of the good service that runs."""
        rows = cls.manager.lines("service", "ps", "steady", "--no-trunc", "--filter", "desired-state=running",
                                 "--format", "{{.ID}} {{.Node}} {{.CurrentState}}")
        return {tuple(row.split()[:2]) for row in rows if " Running" in row}

    def setUp(self):
        self.before = self.steady()
        self.containers = [set(node.lines("ps", "-q")) for node in (self.manager, self.good)]
        self.members = set(self.manager.lines("node", "ls", "-q"))
        self.addCleanup(self.look_again)

    def look_again(self):
        self.assertEqual(self.steady(), self.before, "the good service goes on")
        self.assertEqual([set(node.lines("ps", "-q")) for node in (self.manager, self.good)], self.containers)
        rows = self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}")
        self.assertLessEqual({"chief Ready", "good Ready"}, set(rows))
        self.assertEqual(len(self.before), 4)

    def guest(self, host, *arguments, **options):
        """A machine that is gone, and known to nobody, after the test."""
        node = self.machine(host, *arguments, **options)
        self.addCleanup(self.dismiss, node)
        return node

    def dismiss(self, node):
        node.docker("swarm", "leave", "--force", check=False)
        for one in set(self.manager.lines("node", "ls", "-q")) - self.members:
            self.manager.docker("node", "rm", "--force", one)

    def is_refused(self, node, *arguments):
        """The reason; nothing of the attempt stays, here or there."""
        done = node.docker("swarm", "join", *arguments, check=False, timeout=REFUSED_WITHIN_S)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stderr.startswith("Error response from daemon: "), done.stderr)
        self.assert_no_member(node)
        self.assertEqual(set(self.manager.lines("node", "ls", "-q")), self.members)
        return done.stderr

    def assert_no_member(self, node):
        self.assertEqual(node.out("info", "--format", "{{.Swarm.LocalNodeState}}{{.Swarm.Error}}"), "inactive")
        there = node.namespaces.run("ls", "-A", node.data_root / "swarm", check=False)
        self.assertIn("No such file", there.stderr, there.stdout)

    def runs_on(self, node, name):
        """A service that wants this node gets it."""
        self.manager.docker(*CREATE, "--name", name, "--constraint", f"node.id=={node_id(node)}", *WAIT)
        until(lambda: self.state(name).startswith("Running"), f"{name} runs on {node.name}")
        return until(lambda: node.lines("ps", "-q", "--filter", f"name={name}."), "its container")

    def remove(self, name, node):
        self.manager.docker("service", "rm", name)
        until(lambda: not node.lines("ps", "-aq", "--filter", f"name={name}."), "its containers are gone")

    def state(self, name):
        """What the newest task does, and why."""
        rows = self.manager.lines("service", "ps", name, "--no-trunc", "--format", "{{.CurrentState}} {{.Error}}")
        return rows[0] if rows else ""

    def test_what_cannot_be_joined_says_why_and_leaves_nothing(self):
        node, token = self.guest("lonely"), self.token()
        foreign = self.guest("foreign")
        foreign.docker("swarm", "init", "--advertise-addr", foreign.address)
        other = foreign.out("swarm", "join-token", "-q", "worker")
        for broken in ("nonsense", token[:-1], token[:40], token + "0", token.replace("SWMTKN", "TOKEN"),
                       "SWMTKN-1-\N{SNOWMAN}-x"):
            self.assertIn("invalid join token", self.is_refused(node, "--token", broken, MANAGER), broken)
        self.assertIn("remote CA does not match fingerprint. Expected: ",
                      self.is_refused(node, "--token", other, MANAGER))
        self.manager.docker("swarm", "join-token", "--rotate", "--quiet", "worker")
        self.assertIn("A valid join token is necessary to join this cluster",
                      self.is_refused(node, "--token", token, MANAGER))
        for itself in (node.address, f"{node.address}:1"):
            reason = self.is_refused(node, "--token", self.token(), itself)
            self.assertRegex(reason, f"no manager of the swarm can be reached: .*{node.address}.*onnection refused")
        self.join(node)
        self.assertIn("lonely", self.manager.lines("node", "ls", "--format", "{{.Hostname}}"))

    def test_addresses_that_do_not_answer(self):
        node, nobody = self.guest("patient"), "10.99.0.251"
        lost, nowhere = self.guest("lost"), "10.99.0.250"
        # Nobody says that it is not there: what is sent to it is gone.
        node.namespaces.run("ip", "neighbour", "add", nobody, "lladdr", "02:00:00:00:00:fb", "dev", "eth0", "nud",
                            "permanent")
        first = node.popen("swarm", "join", "--token", self.token(), nobody, stderr=subprocess.PIPE,
                           stdout=subprocess.PIPE)
        until(lambda: nobody in node.namespaces.run("ss", "-tn", "state", "syn-sent").stdout, "it knocks")
        meanwhile = node.docker("swarm", "join", "--token", self.token(), MANAGER, check=False)
        self.assertIn("already part of a swarm", meanwhile.stderr)
        self.assertRegex(self.is_refused(lost, "--token", self.token(), nowhere),
                         f"no manager of the swarm can be reached: .*{nowhere}.*o route to host")
        _, reason = first.communicate(timeout=REFUSED_WITHIN_S)
        self.assertNotEqual(first.returncode, 0)
        self.assertEqual(reason.strip(), "Error response from daemon: no manager of the swarm can be reached: "
                         f"{nobody}:2377: no answer in 5 s")
        self.assert_no_member(node)
        self.join(node)

    def silent_manager(self, node):
        """On the node's loopback; with its address, and what waits for a connection to it."""
        silent = subprocess.Popen(node.namespaces.enter(sys.executable, "-c", SILENT_MANAGER), text=True,
                                  stdout=subprocess.PIPE)
        self.addCleanup(silent.stdout.close)
        self.addCleanup(silent.wait)
        self.addCleanup(silent.kill)
        return silent, silent.stdout.readline().strip(), silent.stdout.readline

    def test_a_daemon_that_is_told_to_stop_gives_up_its_join(self):
        node = self.guest("halted")
        silent, address, called = self.silent_manager(node)
        join = node.popen("swarm", "join", "--token", self.token(), address, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
        self.assertEqual(called(), "called\n")
        node.stop()
        join.communicate()
        self.assertNotEqual(join.returncode, 0)
        silent.kill()
        self.assertEqual(silent.stdout.read(), "", "it tried again before it stopped")
        node.start()
        self.assert_no_member(node)
        self.join(node)

    def test_a_daemon_that_is_told_to_stop_goes_on_with_its_join_when_it_is_back(self):
        node = self.guest("halted")
        nft = lambda *command: node.namespaces.run("nft", *command)
        nft("add table inet lost")
        nft("add chain inet lost out { type filter hook output priority 0 ; }")
        # The calls for the root and for the certificate get through, the session's does not.
        nft("add rule inet lost out tcp dport 2377 tcp flags syn limit rate over 1/day burst 2 packets drop")
        join = node.popen("swarm", "join", "--token", self.token(), MANAGER, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE)
        until(lambda: node.out("info", "--format", "{{.Swarm.LocalNodeState}}") == "pending", "it waits")
        node.stop()
        join.communicate()
        self.assertNotEqual(join.returncode, 0)
        self.assertIn("the join goes on once the daemon is started again", node.log_tail())
        nft("delete table inet lost")
        node.start()
        until(lambda: "halted Ready" in self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}"),
              "it has joined")

    def test_who_is_a_member_cannot_join_again(self):
        for node in (self.good, self.manager):
            for address in (MANAGER, "127.0.0.1"):
                twice = node.docker("swarm", "join", "--token", self.token(), address, check=False)
                self.assertNotEqual(twice.returncode, 0)
                self.assertEqual(
                    twice.stderr.strip(),
                    'Error response from daemon: This node is already part of a swarm. Use "docker swarm leave" '
                    "to leave this swarm and join another one.")
            self.assertEqual(node.out("info", "--format", "{{.Swarm.LocalNodeState}}"), "active")
        self.assertEqual(set(self.manager.lines("node", "ls", "-q")), self.members)

    def test_two_nodes_of_one_name(self):
        twin = self.guest("good")
        self.join(twin)
        until(lambda: self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}").count("good Ready")
              == 2, "both are ready")
        for command in (("inspect",), ("update", "--availability", "drain"), ("rm", "--force")):
            done = self.manager.docker("node", *command, "good", check=False)
            self.assertNotEqual(done.returncode, 0, command)
            self.assertIn("node good is ambiguous (2 matches found)", done.stderr)
        for number, node in enumerate((twin, self.good)):
            self.assertEqual(self.manager.out("node", "inspect", "--format", "{{.ID}}", node_id(node)),
                             node_id(node))
            self.runs_on(node, f"on{number}")
            self.remove(f"on{number}", node)

    def test_odd_labels(self):
        odd = {"with space": "a b", "a/b/c": "/", "sh\N{SNOWMAN}al.\N{FISH}": "\N{WHALE}", "UPPER.lower-_": "",
               "quote\"and\\": "'\"\\", "tab\tand\nline": "\x01", "v" * 5000: "w" * 5000, "-": "--x", "a": "b=c=d"}
        arguments = [word for key, value in odd.items() for word in ("--label-add", f"{key}={value}")]
        self.manager.docker("node", "update", *arguments, "good")
        self.addCleanup(self.manager.docker, "node", "update", *[
            word for key in odd for word in ("--label-rm", key)], "good")
        labels = lambda: json.loads(self.manager.out("node", "inspect", "--format", "{{json .Spec.Labels}}", "good"))
        self.assertEqual(labels(), odd)
        for node in (self.manager, self.good):  # From its disk; and the node hears of it in its session.
            node.stop()
            node.start()
        until(lambda: self.manager.lines("node", "ls", "--format", "{{.Status}}") == ["Ready"] * 2, "both are ready")
        until(lambda: self.steady() == self.before, "all runs")
        self.assertEqual(labels(), odd)
        self.assertEqual(self.manager.lines("node", "ls", "-q", "--filter", "node.label=a/b/c=/"), [node_id(self.good)])
        # More than a node could be told of: refused as a whole.
        node = json.loads(self.manager.out("node", "inspect", "good"))[0]
        huge = {**node["Spec"], "Labels": {f"key{n}": "x" * 100_000 for n in range(200)}}
        status, reason = api.call(self.manager.socket, "POST",
                                  f"/nodes/{node['ID']}/update?version={node['Version']['Index']}", huge)
        self.assertEqual((status, reason), (413, "the request body is larger than 4194304 bytes"))
        self.assertEqual(labels(), odd)

    def test_clocks_that_are_apart(self):
        clock = self.manager.folder / "clock"

        def prepare(node):  # What each process leaves there goes with the namespace.
            node.namespaces.run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")

        def step(by_s):
            new = clock.with_suffix(".new")
            new.write_text(f"{by_s:+d}\n")
            new.rename(clock)

        step(-3 * HOUR)
        node = self.guest("clock", {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(clock),
                                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                                    "FAKETIME_DONT_RESET": "1"}, prepare)
        self.assertIn("certificate is not yet valid", self.is_refused(node, "--token", self.token(), MANAGER))
        # A certificate holds from an hour before it is issued.
        for name, by_s in (("ahead", HOUR), ("behind", 60 - HOUR)):
            step(by_s)
            self.join(node)
            self.runs_on(node, name)
            self.remove(name, node)
            node.docker("swarm", "leave")

    def small(self):
        """A guest whose disk is small; with what fills the disk, and what makes room again."""
        def prepare(node):
            node.namespaces.run("mkdir", DISK)
            node.namespaces.run("mount", "-t", "tmpfs", "-o", "size=48m", "tmpfs", DISK)
            node.data_root = pathlib.Path(DISK, "data")

        node = self.guest("full", prepare=prepare)
        fill = lambda: node.namespaces.run("dd", "if=/dev/zero", f"of={DISK}/filler", "bs=1K", "status=none",
                                           check=False)
        return node, fill, lambda: node.namespaces.run("rm", f"{DISK}/filler")

    def test_a_disk_that_fills_up_during_a_join(self):
        node, fill, _ = self.small()
        _, address, called = self.silent_manager(node)
        request = {"ListenAddr": "0.0.0.0:2377", "JoinToken": self.token(), "RemoteAddrs": [address, MANAGER]}
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            joined = pool.submit(api.call, node.socket, "POST", "/swarm/join", request)
            self.assertEqual(called(), "called\n")
            fill()  # From here on there is only what it has kept for itself.
            self.assertEqual(joined.result()[0], 200, joined.result())
        until(lambda: "full Ready" in self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}"),
              "it is a node")
        before = node_id(node)
        node.stop()
        node.start()
        self.assertEqual(node_id(node), before)
        until(lambda: node.out("info", "--format", "{{.Swarm.LocalNodeState}}{{.Swarm.Error}}") == "active",
              "it still is one")

    def test_a_worker_whose_disk_is_full(self):
        node, fill, make_room = self.small()
        fill()
        # Before a manager made a node of it: none that is never heard of stays in the list.
        self.assertIn("no space left on device", self.is_refused(node, "--token", self.token(), MANAGER).lower())
        make_room()
        self.join(node)
        self.manager.docker("node", "update", "--label-add", "pool=small", node_id(node))
        self.manager.docker("node", "update", "--label-add", "pool=small", node_id(self.good))
        self.addCleanup(self.manager.docker, "node", "update", "--label-rm", "pool", node_id(self.good))
        lives = self.runs_on(node, "lives")
        fill()
        # The full node has the fewest tasks: it is asked first, until it has failed too often.
        self.manager.docker(*CREATE, "--name", "moves", "--constraint", "node.labels.pool==small", *WAIT)
        self.addCleanup(self.remove, "moves", self.good)
        until(lambda: self.state("moves").startswith("Running"), "it runs elsewhere")
        newest, *earlier = self.history("moves")
        self.assertEqual(newest["Node"], "good")
        self.assertTrue(earlier, "the full node was never asked")
        for task in earlier:
            self.assertEqual(task["Node"], "full", earlier)
            self.assertTrue(task["CurrentState"].startswith("Rejected"), task)
            self.assertIn("no space left on device", task["Error"].lower())
        # What has nowhere else to go is tried again by its restart policy.
        self.manager.docker(*CREATE, "--name", "stuck", "--constraint", f"node.id=={node_id(node)}", *WAIT)
        self.addCleanup(self.remove, "stuck", node)
        until(lambda: len(self.history("stuck")) > 1, "it is tried again")
        self.assertEqual(node.lines("ps", "-q", "--filter", "name=lives."), lives, "its other tasks go on")
        make_room()
        until(lambda: self.state("stuck").startswith("Running"), "it runs once there is room")
        self.remove("lives", node)

    def history(self, name):
        """The service's tasks, the newest first."""
        rows = self.manager.lines("service", "ps", name, "--no-trunc", "--format", "{{json .}}")
        return [json.loads(row) for row in rows]


def node_id(node):
    return node.out("info", "--format", "{{.Swarm.NodeID}}")


if __name__ == "__main__":
    unittest.main()
