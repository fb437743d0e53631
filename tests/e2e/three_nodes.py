"""Three nodes in one swarm on a network of their own, and a machine outside that asks them."""
import sys
import unittest

from harness import Namespaces, Node, make_images, until
from lan import Lan

HOSTS = ["hostos1", "hostos2", "hostos3"]
CREATE = ("service", "create", "--quiet", "--no-resolve-image", "--detach")
WHOAMI = "whoami:demo"
# A container that lives until it is told to end, to ask others from.
ASKER = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")


class ThreeNodes(unittest.TestCase):
    images = ("busybox", "whoami")

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.lan, cls.nodes, cls.outside = Lan(), [], Namespaces("outside")
        cls.addClassCleanup(cls.close_all)
        for host in HOSTS:
            node = Node(host)
            cls.nodes.append(node)
            address = cls.lan.join(node.namespaces)
            node.start()
            node.load(*cls.images)
            if node is cls.nodes[0]:
                node.docker("swarm", "init", "--advertise-addr", address)
                token = node.out("swarm", "join-token", "-q", "worker")
            else:
                node.docker("swarm", "join", "--token", token, "10.99.0.1")
        cls.manager = cls.nodes[0]
        cls.client_address = cls.lan.join(cls.outside)
        cls.addresses = [f"10.99.0.{i + 1}" for i in range(len(HOSTS))]

    @classmethod
    def close_all(cls):
        cls.outside.close()
        left = [one for node in cls.nodes for one in node.close() if one != "link eth0"]
        cls.lan.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    def setUp(self):
        self.addCleanup(self.clean)

    def tearDown(self):
        """After a failure: what the nodes and the manager know."""
        result = self._outcome.result
        if not any(test is self for test, _ in result.failures + result.errors):
            return
        for node in self.nodes:
            print(f"\n-- log of {node.out('info', '--format', '{{.Name}}')}\n{node.log_tail()}", file=sys.stderr)
        print(self.manager.docker("node", "ls", check=False).stdout, file=sys.stderr)
        for service in self.manager.lines("service", "ls", "-q"):
            print(self.manager.docker("service", "ps", "--no-trunc", service, check=False).stdout, file=sys.stderr)

    def clean(self):
        for host in HOSTS:
            self.manager.docker("node", "update", "--availability", "active", host)
        services = self.manager.lines("service", "ls", "-q")
        if services:
            self.manager.docker("service", "rm", *services)
        until(lambda: not any(self.containers(node) for node in self.nodes), "every container is gone")
        networks = self.manager.lines("network", "ls", "-q", "--filter", "driver=overlay", "--filter",
                                      "label=test")
        if networks:
            self.manager.docker("network", "rm", *networks)

    def containers(self, node, service=None):
        label = f"com.docker.swarm.service.name={service}" if service else "com.docker.swarm.task"
        return node.lines("ps", "-q", "--no-trunc", "--filter", f"label={label}")

    def network(self, name, *arguments):
        self.manager.docker("network", "create", "-d", "overlay", "--label", "test", *arguments, name)

    def create(self, name, *arguments, command=(WHOAMI,)):
        self.manager.docker(*CREATE, "--name", name, "--restart-delay", "0s", *arguments, *command)

    def running(self, service):
        rows = self.manager.lines("service", "ps", service, "--filter", "desired-state=running", "--format",
                                  "{{.Node}} {{.CurrentState}}")
        return sorted(row.split()[0] for row in rows if " Running" in row)

    def await_running(self, service, *hosts):
        until(lambda: self.running(service) == sorted(hosts), f"{service} runs on {hosts}")

    def tasks_of(self, service):
        """Each running task's container (short id, its host name by default) and node."""
        return {container[:12]: node for node in self.nodes for container in self.containers(node, service)}

    def inside(self, node, container, *command, check=True):
        """A command's output in a container."""
        return node.docker("exec", container, *command, check=check).stdout.strip()


def answer_of(text):
    """whoami's answer as a dictionary."""
    return dict(line.split(": ", 1) for line in text.splitlines() if ": " in line)


def ask(namespaces, address, port=8081, wait_s=30):
    """One request over a new connection from these namespaces."""
    done = namespaces.run("curl", "-sS", "--max-time", wait_s, f"http://{address}:{port}/", check=False)
    if done.returncode != 0:
        raise AssertionError(f"{address}:{port}: {done.stderr}")
    return answer_of(done.stdout)


def udp(namespaces, address, port, text="x", wait_s=5):
    """The answer to a datagram; empty when none came."""
    script = ("import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(%d);"
              "s.sendto(b'%s',('%s',%d));\ntry: print(s.recv(1000).decode())\nexcept OSError: pass"
              % (wait_s, text, address, port))
    return namespaces.run("/usr/bin/python3", "-c", script).stdout.strip()
