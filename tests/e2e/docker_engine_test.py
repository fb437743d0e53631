"""A Docker Engine as a worker of our swarm, and our node as a worker of a Docker Swarm."""
import json
import unittest

from docker_engine import DockerEngine
from harness import Node, make_images, until
from lan import Lan

MANAGER = "10.99.0.1:2377"
CREATE = ("service", "create", "--quiet", "--no-resolve-image", "--detach", "--restart-delay", "0s")


def until_running(manager, service, count):
    """The node of each running task, once there are `count`."""
    def nodes():
        rows = manager.lines("service", "ps", service, "--filter", "desired-state=running", "--format",
                             "{{.Node}} {{.CurrentState}}")
        running = sorted(row.split()[0] for row in rows if " Running" in row)
        return running if len(running) == count else None
    return until(nodes, f"{service} has {count} running tasks", within_s=60)


def states(manager):
    return dict(row.split() for row in manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}"))


def tls_of(manager, node):
    return json.loads(manager.out("node", "inspect", node))[0]["Description"]["TLSInfo"]


class TwoMachines(unittest.TestCase):
    def setUp(self):
        make_images()
        self.lan = Lan()
        self.addCleanup(self.lan.close)
        self.ours = Node("hostos1")
        self.addCleanup(self.close_ours)
        self.engine = DockerEngine("hostos2")
        self.addCleanup(self.engine.close)

    def close_ours(self):
        # Its end of the cable goes with the namespace.
        self.assertEqual([one for one in self.ours.close() if one != "link eth0"], [])

    def start(self, manager, worker):
        """The manager has a swarm, and the worker is told the line that `swarm init` printed."""
        for node in (manager, worker):
            self.lan.join(node.namespaces)
            node.start()
            node.load("busybox")
        told = manager.out("swarm", "init", "--advertise-addr", "10.99.0.1")
        line = next(line.split() for line in told.splitlines() if "docker swarm join" in line)
        self.assertEqual(line[-1], MANAGER)
        self.assertIn("joined a swarm as a worker", worker.out(*line[1:]))
        self.assertEqual(states(manager), {"hostos1": "Ready", "hostos2": "Ready"})

    def containers(self, node):
        return set(node.lines("ps", "-q", "--no-trunc", "--filter", "label=com.docker.swarm.task"))

    def engine_gets_another_root(self, engine, rotate):
        root = engine.out("swarm", "ca")
        rotate()
        until(lambda: engine.out("swarm", "ca") != root, "the new root is the only one")
        until(lambda: set(engine.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.TLSStatus}}"))
              == {"hostos1 Ready Ready", "hostos2 Ready Ready"}, "both have it")
        self.assertEqual(tls_of(engine, "hostos1"), tls_of(engine, "hostos2"))
        self.assertEqual(tls_of(engine, "hostos1")["TrustRoot"].strip(), engine.out("swarm", "ca"))

    def test_an_engine_joins_ours(self):
        ours, engine = self.ours, self.engine
        self.start(ours, engine)
        ours.docker(*CREATE, "--name", "web", "--replicas", "4", "busybox:demo", "sh", "-c",
                    "echo hello; trap 'exit 0' TERM; while :; do sleep 0.1; done")
        self.assertEqual(until_running(ours, "web", 4), ["hostos1"] * 2 + ["hostos2"] * 2)
        until(lambda: ours.out("service", "logs", "web").count("hello") == 4, "the logs of all four")
        # A task that fails there is reported and replaced.
        victim = self.containers(engine).pop()
        refused = ours.docker("top", victim, check=False)
        self.assertIn("node hostos2 takes no requests from its manager: its engine (", refused.stderr)
        engine.docker("kill", victim)
        until(lambda: any("137" in row for row in ours.lines("service", "ps", "web", "--format",
                                                              "{{.Error}}")), "the failure is reported")
        until_running(ours, "web", 4)
        # The manager goes and comes; nothing there restarts.
        before = self.containers(engine)
        ours.stop()
        ours.start()
        until(lambda: states(ours)["hostos2"] == "Ready", "it is back")
        until_running(ours, "web", 4)
        self.assertEqual(self.containers(engine), before)
        # Every node gets a certificate of the new root, then it is the root.
        before_rotation = ours.out("swarm", "ca")
        token = ours.out("swarm", "join-token", "-q", "worker")
        ours.docker("swarm", "ca", "--rotate", "--quiet")
        self.assertNotEqual(ours.out("swarm", "ca"), before_rotation)
        self.assertNotEqual(ours.out("swarm", "join-token", "-q", "worker"), token)
        self.assertEqual(states(ours), {"hostos1": "Ready", "hostos2": "Ready"})
        ours.stop()
        ours.start()
        until(lambda: states(ours) == {"hostos1": "Ready", "hostos2": "Ready"}, "all back")
        self.assertEqual(self.containers(engine), before)
        refused = ours.docker("node", "promote", "hostos2", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("several managers are not supported", refused.stderr)
        ours.docker("service", "scale", "--detach", "web=1")
        until(lambda: len(self.containers(engine)) + len(self.containers(ours)) == 1, "scaled down")
        ours.docker("service", "rm", "web")
        until(lambda: not engine.lines("ps", "-aq"), "removed there too")
        engine.docker("swarm", "leave")
        until(lambda: states(ours)["hostos2"] == "Down", "it is missed")
        ours.docker("node", "rm", "hostos2")
        self.assertEqual(states(ours), {"hostos1": "Ready"})

    def test_ours_joins_an_engine(self):
        ours, engine = self.ours, self.engine
        self.start(engine, ours)
        engine.docker(*CREATE, "--name", "web", "--replicas", "4", "busybox:demo", "sh", "-c",
                      "echo hello; trap 'exit 0' TERM; while :; do sleep 0.1; done")
        self.assertEqual(until_running(engine, "web", 4), ["hostos1"] * 2 + ["hostos2"] * 2)
        until(lambda: engine.out("service", "logs", "web").count("hello") == 4, "the logs of all four")
        before = self.containers(ours)
        ours.stop()
        ours.start()
        until(lambda: states(engine)["hostos1"] == "Ready", "it is back")
        until_running(engine, "web", 4)
        self.assertEqual(self.containers(ours), before)
        ours.docker("kill", before.pop())
        until(lambda: any("137" in row for row in engine.lines("service", "ps", "web", "--format",
                                                                "{{.Error}}")), "the failure is reported")
        until_running(engine, "web", 4)
        info = ours.out("info", "--format", "{{.Swarm.LocalNodeState}} {{.Swarm.ControlAvailable}} "
                        "{{.Swarm.NodeAddr}} {{(index .Swarm.RemoteManagers 0).Addr}}")
        self.assertEqual(info, f"active false 10.99.0.2 {MANAGER}")
        refused = ours.docker("service", "ls", check=False)
        self.assertIn("This node is not a swarm manager", refused.stderr)
        # Its root changes: while that lasts it shows, and issues, certificates below a cross-signed one.
        before = self.containers(ours)
        self.engine_gets_another_root(engine, lambda: engine.docker("swarm", "ca", "--rotate", "--quiet"))

        def rotate_while_ours_is_away():
            issuer = tls_of(engine, "hostos2")["CertIssuerPublicKey"]
            ours.stop()
            engine.docker("swarm", "ca", "--rotate", "--detach")
            until(lambda: tls_of(engine, "hostos2")["CertIssuerPublicKey"] != issuer, "it shows the new one itself")
            ours.start()
        self.engine_gets_another_root(engine, rotate_while_ours_is_away)
        until_running(engine, "web", 4)
        engine.docker(*CREATE, "--name", "later", "--constraint", "node.hostname==hostos1", "busybox:demo", "sleep",
                      "1d")
        until_running(engine, "later", 1)
        self.assertEqual(self.containers(ours) & before, before, "nothing was started again")
        engine.docker("service", "rm", "web", "later")
        until(lambda: not ours.lines("ps", "-aq"), "removed here too")
        ours.docker("swarm", "leave")
        self.assertEqual(ours.out("info", "--format", "{{.Swarm.LocalNodeState}}"), "inactive")


if __name__ == "__main__":
    unittest.main()
