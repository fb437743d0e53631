"""The node port (2377) of a running node: who gets in, what a listener on the wire can read, and the
files behind it."""
import hashlib
import json
import pathlib
import stat
import subprocess
import unittest

from harness import Node, NodeTest, make_images, until

HERE = pathlib.Path(__file__).resolve().parent
ROOT_CALL = "/docker.swarmkit.v1.CA/GetRootCACertificate"
ISSUE = "/docker.swarmkit.v1.NodeCA/IssueNodeCertificate"
STATUS = "/docker.swarmkit.v1.NodeCA/NodeCertificateStatus"
SESSION = "/docker.swarmkit.v1.Dispatcher/Session"
HEARTBEAT = "/docker.swarmkit.v1.Dispatcher/Heartbeat"
SECRET_WORD = "the-horse-is-a-staple-battery"


def field(number, value):
    """A field of a protobuf message that holds bytes."""
    data = value if isinstance(value, bytes) else value.encode()
    head, size = bytes([number << 3 | 2]), len(data)
    while size >= 0x80:
        head += bytes([size & 0x7F | 0x80])
        size >>= 7
    return head + bytes([size]) + data


def bytes_in(message, number):
    """The first field of that number, which holds bytes; knows varints and bytes only."""
    at = 0
    while at < len(message):
        key, at = varint(message, at)
        value, at = varint(message, at)
        if key & 7 == 2:
            if key >> 3 == number:
                return message[at:at + value]
            at += value
    raise KeyError(number)


def varint(message, at):
    value = shift = 0
    while True:
        value |= (message[at] & 0x7F) << shift
        at, shift, more = at + 1, shift + 7, message[at] & 0x80
        if not more:
            return value, at


def base36(number, width):
    digits = ""
    while number:
        number, digit = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[digit] + digits
    return digits.rjust(width, "0")


class NodePort(NodeTest):
    images = ("busybox",)

    def setUp(self):
        super().setUp()
        self.roots = self.node.folder / "roots.pem"
        self.roots.write_text(self.node.docker("swarm", "ca").stdout)

    def call(self, method, request=b"", *options):
        done = self.node.namespaces.run(HERE / "foreign_call.py", "127.0.0.1:2377", self.roots,
                                        method, "--request", request.hex(), *options)
        return json.loads(done.stdout)

    def key_and_request(self, name):
        """A new key and a certificate request, made by the openssl command."""
        key, csr = self.node.folder / f"{name}.key", self.node.folder / f"{name}.csr"
        subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt",
                        "ec_paramgen_curve:P-256", "-nodes", "-subj", "/", "-keyout", key, "-out",
                        csr], check=True, capture_output=True)
        return key, csr.read_bytes()

    def join(self, name):
        """Joins as a foreign machine would; returns its node id and a file with key and chain."""
        key, csr = self.key_and_request(name)
        token = self.node.out("swarm", "join-token", "-q", "worker")
        ticket = self.call(ISSUE, field(2, csr) + field(3, token), "--name", "swarm-ca")
        self.assertEqual(ticket["code"], "OK", ticket)
        node_id = bytes_in(bytes.fromhex(ticket["answer"]), 1)
        status = self.call(STATUS, field(1, node_id), "--name", "swarm-ca")
        certificate = bytes_in(bytes.fromhex(status["answer"]), 2)
        self.assertEqual(bytes_in(certificate, 2), csr, "the request comes back to the byte")
        pem = self.node.folder / f"{name}.pem"
        pem.write_bytes(key.read_bytes() + bytes_in(certificate, 4))
        return node_id.decode(), pem

    def test_anyone_gets_the_root_that_the_token_names(self):
        answer = self.call(ROOT_CALL, b"", "--name", "swarm-ca")
        root = bytes_in(bytes.fromhex(answer["answer"]), 1)
        digest = base36(int.from_bytes(hashlib.sha256(root).digest(), "big"), 50)
        self.assertEqual(self.node.out("swarm", "join-token", "-q", "worker").split("-")[2], digest)

    def test_without_a_certificate_nothing_else_is_answered(self):
        for method in (HEARTBEAT, "/docker.swarmkit.v1.LogBroker/PublishLogs",
                       "/docker.swarmkit.v1.Dispatcher/UpdateTaskStatus"):
            self.assertEqual(self.call(method)["code"], "UNAUTHENTICATED", method)
        self.assertEqual(self.call("/docker.swarmkit.v1.Control/ListSecrets")["code"],
                         "UNIMPLEMENTED")

    def test_a_foreign_machine_joins_and_leaves_nothing_else_open(self):
        node_id, pem = self.join("stranger")
        self.assertIn(node_id, self.node.lines("node", "ls", "-q"))
        stale = self.call(HEARTBEAT, field(1, "nosession"), "--pem", pem)
        self.assertEqual((stale["code"], stale["details"]), ("NOT_FOUND", "node not registered"))
        self.node.docker("node", "rm", "--force", node_id)
        refused = self.call(HEARTBEAT, field(1, "nosession"), "--pem", pem)
        self.assertEqual((refused["code"], refused["details"]),
                         ("NOT_FOUND", f"node {node_id} is not part of this swarm"))

    def test_bad_joins_say_why(self):
        _, csr = self.key_and_request("bad")
        token = self.node.out("swarm", "join-token", "-q", "worker")
        manager = self.node.out("swarm", "join-token", "-q", "manager")
        for request, code in ((field(2, csr) + field(3, token[:-1]), "INVALID_ARGUMENT"),
                              (field(2, csr), "INVALID_ARGUMENT"),
                              (field(2, b"no request") + field(3, token), "INVALID_ARGUMENT"),
                              (field(2, csr) + field(3, manager), "FAILED_PRECONDITION"),
                              (b"\xff\xff\xff", "INVALID_ARGUMENT")):
            answer = self.call(ISSUE, request, "--name", "swarm-ca")
            self.assertEqual(answer["code"], code, answer)
            self.assertTrue(answer["details"])
        self.assertEqual(len(self.node.lines("node", "ls", "-q")), 1, "nothing half-joined stays")

    def test_a_listener_on_the_wire_reads_nothing(self):
        capture = self.node.folder / "capture.pcap"
        sniffer = subprocess.Popen(self.node.namespaces.enter(
            "tcpdump", "-Z", "root", "-i", "lo", "-U", "-w", capture, "tcp", "port", "2377"),
            stderr=subprocess.PIPE, text=True)
        until(lambda: "listening on" in sniffer.stderr.readline(), "tcpdump listens")
        self.create("talker", "--env", f"WORD={SECRET_WORD}", "busybox:demo", "sh", "-c",
                    "echo $WORD; exec sleep 1000")
        until(lambda: SECRET_WORD in self.node.out("service", "logs", "talker"), "the log is there")
        sniffer.terminate()
        sniffer.communicate()
        seen = capture.read_bytes()
        self.assertGreater(len(seen), 2048, "the task and its log went over the wire")
        for word in (SECRET_WORD, "busybox", "talker", "swarmkit", "SWMTKN"):
            self.assertNotIn(word.encode(), seen)


class NodeFiles(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_images()

    def test_keys_are_private_and_a_lost_certificate_is_made_again(self):
        node = Node("node1")
        self.addCleanup(lambda: self.assertEqual(node.close(), []))
        node.start()
        node.load("busybox")
        node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        swarm = node.folder / "data/swarm"
        pem = swarm / "certificates/swarm-node.pem"
        for path in swarm.rglob("*"):
            mode = stat.S_IMODE(path.stat().st_mode)
            public = path.name == "swarm-root-ca.crt"
            self.assertEqual(mode & 0o077, 0o044 if public else 0, f"{path.name} {oct(mode)}")
        node.docker("service", "create", "-d", "--no-resolve-image", "--name", "sleeper",
                    "busybox:demo", "sleep", "1000")
        container = until(lambda: node.lines("ps", "-q"), "it runs")
        node.stop()
        pem.unlink()
        node.start()
        self.assertTrue(pem.exists())
        until(lambda: "Ready" in node.out("node", "ls", "--format", "{{.Status}}"), "it is ready")
        self.assertEqual(node.lines("ps", "-q"), container)


if __name__ == "__main__":
    unittest.main()
