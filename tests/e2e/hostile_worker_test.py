"""A worker with a valid certificate that lies: the manager answers each lie with an error or passes over it, and
the other node's tasks stay as they are. Its gRPC is somebody else's (foreign_worker.py)."""
import json
import os
import random
import subprocess
import unittest

from harness import Namespaces, Node, make_images, until
from lan import Lan
from protocol_test import HERE, ISSUE, STATUS, bytes_in, field

CREATE = ("service", "create", "--quiet", "--no-resolve-image", "--detach")
WAIT = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
MANAGER = "10.99.0.1:2377"
REPORT = "/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus"
ASSIGNED, PREPARING, RUNNING, FAILED, ORPHANED = 192, 320, 512, 704, 832
STRANGE = 100_000  # no state at all


def number(tag, value):
    """A field that holds a number."""
    data = bytes([tag << 3])
    while value >= 0x80:
        data, value = data + bytes([value & 0x7F | 0x80]), value >> 7
    return data + bytes([value])


def update(task, state, error=""):
    return field(3, field(1, task) + field(2, number(2, state) + field(4, error)))


class HostileWorker(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_images()
        cls.lan, cls.nodes = Lan(), []
        cls.addClassCleanup(cls.close_all)
        for host in ("chief", "good"):
            node = Node(host)
            cls.nodes.append(node)
            address = cls.lan.join(node.namespaces)
            node.start()
            node.load("busybox")
            if host == "chief":
                node.docker("swarm", "init", "--advertise-addr", address)
            else:
                node.docker("swarm", "join", "--token", cls.nodes[0].out("swarm", "join-token", "-q", "worker"),
                            "10.99.0.1")
        cls.manager, cls.good = cls.nodes
        cls.manager.docker(*CREATE, "--name", "steady", "--constraint", "node.hostname==good", "--replicas", "2",
                           *WAIT)
        until(lambda: len(cls.tasks("steady", "Running")) == 2, "the good service runs")
        cls.become_a_node()

    @classmethod
    def close_all(cls):
        if hasattr(cls, "worker"):
            cls.worker.stdin.close()
            cls.worker.wait()
            cls.worker.stdout.close()
        if hasattr(cls, "namespaces"):
            cls.namespaces.close()
        left = [one for node in cls.nodes for one in node.close() if one != "link eth0"]
        cls.lan.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    @classmethod
    def foreign(cls, method, request):
        done = cls.namespaces.run(HERE / "foreign_call.py", MANAGER, cls.roots, method, "--request", request.hex(),
                                  "--name", "swarm-ca")
        answer = json.loads(done.stdout)
        assert answer["code"] == "OK", answer
        return bytes.fromhex(answer["answer"])

    @classmethod
    def become_a_node(cls):
        folder = cls.manager.folder
        cls.namespaces = Namespaces("mallory")
        cls.lan.join(cls.namespaces)
        cls.roots, key, csr, pem = [folder / name for name in ("roots", "key", "csr", "pem")]
        cls.roots.write_text(cls.manager.docker("swarm", "ca").stdout)
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-subj", "/", "-keyout", key, "-out", csr], check=True, capture_output=True)
        token = cls.manager.out("swarm", "join-token", "-q", "worker")
        node = bytes_in(cls.foreign(ISSUE, field(2, csr.read_bytes()) + field(3, token)), 1)
        certificate = bytes_in(cls.foreign(STATUS, field(1, node)), 2)
        pem.write_bytes(key.read_bytes() + bytes_in(certificate, 4))
        machine = os.uname().machine
        session = field(1, field(1, "mallory") + field(2, field(1, machine) + field(2, "linux")))
        cls.worker = subprocess.Popen(
            cls.namespaces.enter(HERE / "foreign_worker.py", MANAGER, cls.roots, pem, session.hex()),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        cls.session = field(1, cls.worker.stdout.readline().strip())
        # A task of its own, about which it may speak.
        cls.manager.docker(*CREATE, "--name", "own", "--constraint", f"node.id=={node.decode()}", *WAIT)
        [cls.own] = until(lambda: cls.tasks("own", "Assigned"), "it has a task")

    @classmethod
    def tasks(cls, service, state):
        rows = cls.manager.lines("service", "ps", service, "--no-trunc", "--format", "{{.ID}} {{.CurrentState}}")
        return [row.split()[0] for row in rows if row.split()[1] == state]

    def call(self, message, method=REPORT):
        self.worker.stdin.write(f"{method} {message.hex()}\n")
        self.worker.stdin.flush()
        return json.loads(self.worker.stdout.readline())

    def status(self, task):
        status = json.loads(self.manager.out("inspect", "--type", "task", task))[0]["Status"]
        return {key: status.get(key) for key in ("State", "Err", "Timestamp")}

    def setUp(self):
        self.steady = self.tasks("steady", "Running")
        self.before = [self.status(task) for task in self.steady]
        self.containers = self.good.lines("ps", "-q")
        self.addCleanup(self.look_again)

    def look_again(self):
        self.assertEqual(len(self.steady), 2)
        self.assertEqual([self.status(task) for task in self.steady], self.before, "as it was")
        self.assertEqual(self.good.lines("ps", "-q"), self.containers)
        self.assertEqual(sorted(self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}")),
                         ["chief Ready", "good Ready", "mallory Ready"])

    def test_statuses_of_another_nodes_tasks(self):
        for state in (RUNNING, FAILED, ORPHANED):
            answer = self.call(self.session + update(self.own, RUNNING) + update(self.steady[0], state, "a lie"))
            self.assertEqual((answer["code"], answer["details"]),
                             ("PERMISSION_DENIED", "cannot update a task not assigned this node"))
        answer = self.call(field(1, "anothersession") + update(self.own, FAILED))
        self.assertEqual((answer["code"], answer["details"]), ("INVALID_ARGUMENT", "session invalid"))

    def test_states_that_go_backwards_or_are_none(self):
        self.assertEqual(self.call(self.session + update(self.own, RUNNING))["code"], "OK")
        until(lambda: self.status(self.own)["State"] == "running", "the truth is taken")
        seen = self.status(self.own)
        for state in (0, ASSIGNED, PREPARING, ORPHANED):
            self.assertEqual(self.call(self.session + update(self.own, state, "a lie"))["code"], "OK", state)
        strange = self.call(self.session + update(self.own, STRANGE))
        self.assertEqual(strange["code"], "INVALID_ARGUMENT")
        self.assertIn("state", strange["details"])
        self.assertEqual(self.status(self.own), seen, "passed over")

    def test_tasks_that_nobody_knows(self):
        unknown = b"".join(update(f"{n:025}", FAILED) for n in range(1000))
        self.assertEqual(self.call(self.session + unknown)["code"], "OK", "as for one that is just removed")
        too_many = b"".join(update(f"{n:025}", FAILED) for n in range(10_001))
        self.assertEqual(self.call(self.session + too_many)["code"], "INVALID_ARGUMENT")
        for task in ("", "x" * 100_000, "../../etc/passwd", "\n"):
            self.assertIn(self.call(self.session + update(task, FAILED))["code"], ("OK", "INVALID_ARGUMENT"))

    def test_garbage(self):
        garbage = random.Random(4).randbytes(10_000_000)
        answer = self.call(garbage)
        self.assertEqual((answer["code"], answer["details"]),
                         ("INVALID_ARGUMENT", "status report: 10000000 bytes; at most 4194304 are taken"))
        for size in (1, 1000, 3_000_000):
            answer = self.call(garbage[:size])
            self.assertEqual(answer["code"], "INVALID_ARGUMENT", answer)
            self.assertTrue(answer["details"])
        for method in ("Heartbeat", "Session", "Assignments"):
            answer = self.call(garbage[:1000], f"/docker.swarmkit.v1.Dispatcher/{method}")
            self.assertEqual(answer["code"], "INVALID_ARGUMENT", (method, answer))
            answer = self.call(garbage, f"/docker.swarmkit.v1.Dispatcher/{method}")
            self.assertEqual(answer["code"], "RESOURCE_EXHAUSTED", (method, answer))


if __name__ == "__main__":
    unittest.main()
