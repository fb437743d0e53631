"""docker swarm and docker node, on one node."""
import re
import unittest

from harness import Node, NodeTest, make_images, until


class Swarm(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_images()

    def setUp(self):
        self.node = Node("node1")
        self.addCleanup(lambda: self.assertEqual(self.node.close(), []))
        self.node.start()

    def refused(self, text, *arguments):
        done = self.node.docker(*arguments, check=False)
        self.assertEqual(done.returncode, 1, done.stdout)
        self.assertIn(text, done.stderr)

    def test_from_init_to_leave_and_init_again(self):
        node = self.node
        node.load("busybox")
        self.refused("This node is not a swarm manager", "service", "ls")
        self.refused("This node is not part of a swarm", "swarm", "leave")
        self.refused("specify one with --advertise-addr", "swarm", "init")
        self.refused("must be a non-zero IP address", "swarm", "init", "--advertise-addr", "0.0.0.0")
        first = node.out("swarm", "init", "--advertise-addr", "127.0.0.1")
        self.assertRegex(first, r"SWMTKN-1-[0-9a-z]{50}-[0-9a-z]{25} 127\.0\.0\.1:2377")
        self.refused("This node is already part of a swarm", "swarm", "init")
        self.refused("already part of a swarm", "swarm", "join", "--token", "SWMTKN-1-x-y",
                     "127.0.0.2:2377")

        node.docker("service", "create", "-d", "--no-resolve-image", "--replicas", "2", "--name",
                    "sleepers", "busybox:demo", "sleep", "1000")
        until(lambda: len(node.lines("ps", "-q")) == 2, "two containers")
        self.refused("Use `--force`", "swarm", "leave")
        node.docker("swarm", "leave", "--force")
        self.assertEqual(node.lines("ps", "-aq"), [], "the tasks' containers are gone")
        self.assertEqual(node.out("info", "--format", "{{.Swarm.LocalNodeState}}"), "inactive")
        second = node.out("swarm", "init", "--advertise-addr", "127.0.0.1")
        self.assertNotEqual(first, second)
        self.assertEqual(node.lines("service", "ls", "-q"), [])

    def test_update_tokens_and_nodes(self):
        node = self.node
        node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        worker = node.out("swarm", "join-token", "-q", "worker")
        self.assertEqual(node.out("swarm", "join-token", "-q", "worker"), worker)
        rotated = node.out("swarm", "join-token", "-q", "--rotate", "worker")
        self.assertNotEqual(rotated, worker)
        self.assertEqual(rotated[:60], worker[:60], "the digest of the root stays")
        node.docker("swarm", "update", "--task-history-limit", "2")
        info = node.out("info", "--format",
                        "{{.Swarm.Cluster.Spec.Orchestration.TaskHistoryRetentionLimit}}")
        self.assertEqual(info, "2")
        row = node.out("node", "ls", "--format", "{{.Hostname}} {{.Status}} {{.Availability}} "
                       "{{.ManagerStatus}}")
        self.assertEqual(row, "node1 Ready Active Leader")
        self.assertIn("x86_64", node.out("node", "inspect", "self", "--pretty"))
        self.refused("not found", "node", "inspect", "nobody")


class Labels(NodeTest):
    images = ("busybox",)

    def test_a_label_on_the_node_lets_a_waiting_task_run(self):
        node = self.node
        self.create("picky", "--detach", "--constraint", "node.labels.disk==ssd", "busybox:demo",
                    "sleep", "1000")
        until(lambda: "no suitable node" in self.tasks("picky")[0]["Error"], "it waits")
        node.docker("node", "update", "--label-add", "disk=ssd", "node1")
        self.await_running("picky", 1)
        node.docker("node", "update", "--label-rm", "disk", "node1")
        until(lambda: [t for t in self.tasks("picky") if "no longer meets constraints" in t["Error"]],
              "it is sent away")

    def test_events_tell_what_happens_in_the_swarm(self):
        node = self.node
        self.create("seen", "--detach", "busybox:demo", "sleep", "1000")
        self.await_running("seen", 1)
        events = node.out("events", "--since", "5m", "--until", "0s", "--format",
                          "{{.Type}} {{.Action}}")
        self.assertIn("service create", events)
        self.assertIn("container start", events)
        self.assertTrue(re.search("^container create$", events, re.M))


if __name__ == "__main__":
    unittest.main()
