"""Global services through the docker client: one task that follows its node's state and labels."""
import unittest

from harness import NodeTest, until

SLEEP = ("--stop-grace-period", "0s", "busybox:demo", "sleep", "100000")


class GlobalServices(NodeTest):
    def setUp(self):
        super().setUp()
        self.addCleanup(self.node.docker, "node", "update", "--availability", "active", "node1")

    def shown(self, service):
        """Mode and replicas as `docker service ls` shows them."""
        return self.node.out("service", "ls", "--filter", f"name={service}",
                             "--format", "{{.Mode}} {{.Replicas}}")

    def test_a_global_service_is_created_shown_changed_and_removed(self):
        node = self.node
        self.create("agent", "--mode", "global", *SLEEP)  # waits until it has converged
        self.create("web", *SLEEP)
        self.assertEqual(self.shown("agent"), "global 1/1")
        self.assertEqual(node.lines("service", "ls", "--filter", "mode=global",
                                    "--format", "{{.Name}}"), ["agent"])
        node_id = node.out("node", "inspect", "--format", "{{.ID}}", "node1")
        [task] = self.running("agent")
        self.assertEqual(task["Name"], f"agent.{node_id}")
        names = node.lines("ps", "--format", "{{.Names}}", "--filter", "name=agent")
        self.assertEqual(names, [f"agent.{node_id}.{task['ID']}"])
        self.assertIn("Global", node.out("service", "inspect", "--pretty", "agent"))
        shown = node.inspect("--type", "service", "agent")
        self.assertEqual(shown["Spec"]["Mode"], {"Global": {}})

        node.docker("service", "update", "--quiet", "--label-add", "a=b", "agent")
        self.assertEqual([t["ID"] for t in self.running("agent")], [task["ID"]])
        refused = node.docker("service", "scale", "agent=2", check=False)
        self.assertNotEqual(refused.returncode, 0)
        self.assertIn("scale can only be used with replicated", refused.stderr)

        node.docker("service", "rm", "agent")
        until(lambda: not node.lines("ps", "-aq", "--filter", "name=agent"), "nothing is left")

    def test_the_task_comes_back_to_its_node(self):
        self.create("agent", "--mode", "global", "--restart-delay", "1s", *SLEEP)
        [first] = self.running("agent")
        self.node.docker("rm", "-f", self.node.out("ps", "-q", "--filter", "name=agent"))
        until(lambda: [t for t in self.running("agent") if t["ID"] != first["ID"]], "another one")
        self.assertEqual({t["Name"].lstrip(r"\_ ") for t in self.tasks("agent")}, {first["Name"]})

    def test_pause_and_drain_and_active(self):
        node = self.node
        self.create("agent", "--mode", "global", *SLEEP)
        [first] = self.running("agent")
        node.docker("node", "update", "--availability", "pause", "node1")
        self.create("late", "--detach", "--mode", "global", *SLEEP)
        node.docker("node", "update", "--availability", "drain", "node1")
        until(lambda: not node.lines("ps", "-q"), "the node is empty")
        self.assertEqual(self.shown("agent"), "global 0/0")
        self.assertEqual(self.tasks("late"), [], "a paused or drained node gets none")
        [stopped] = self.tasks("agent")
        self.assertEqual(stopped["ID"], first["ID"])
        self.assertRegex(stopped["CurrentState"], "^Shutdown")

        node.docker("node", "update", "--availability", "active", "node1")
        self.await_running("agent", 1)
        self.await_running("late", 1)
        self.assertEqual(self.shown("agent"), "global 1/1")

    def test_labels_decide(self):
        node = self.node
        self.create("picky", "--detach", "--mode", "global", "--constraint",
                    "node.labels.disk==ssd", *SLEEP)
        self.create("marker", *SLEEP)  # By then it would be there.
        self.assertEqual(self.tasks("picky"), [])
        node.docker("node", "update", "--label-add", "disk=ssd", "node1")
        self.await_running("picky", 1)
        node.docker("node", "update", "--label-add", "disk=tape", "node1")
        until(lambda: not node.lines("ps", "-q", "--filter", "name=picky"), "it is gone")
        self.assertEqual(self.running("picky"), [])
        node.docker("node", "update", "--label-rm", "disk", "node1")

    def test_a_task_that_its_node_has_no_room_for_says_so(self):
        self.create("large", "--detach", "--mode", "global", "--reserve-memory", "900GB", *SLEEP)
        [task] = until(lambda: [t for t in self.tasks("large") if t["Error"]], "the reason")
        self.assertIn("insufficient resources on 1 node", task["Error"])
        self.assertRegex(task["CurrentState"], "^Pending")
        self.assertEqual(task["Node"], "node1", "it belongs to its node all the same")


if __name__ == "__main__":
    unittest.main()
