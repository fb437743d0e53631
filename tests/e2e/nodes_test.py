"""Three nodes: placement, a node that dies and comes back, drain, pause, labels, removal; with the docker client."""
import json
import os
import signal
import subprocess
import time
import unittest

from harness import BIN, Node, until
from three_nodes import CREATE, HOSTS, ThreeNodes

# Ends at once when it is told to.
WAIT = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
WATCH_S = 20  # twenty heartbeats


class Nodes(ThreeNodes):
    images = ("busybox",)

    def containers(self, node):
        """Also those that have ended."""
        return set(node.lines("ps", "-aq", "--no-trunc", "--filter", "label=com.docker.swarm.task"))

    def states(self):
        rows = self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}")
        return dict(row.split() for row in rows)

    def await_states(self, *states):
        until(lambda: self.states() == dict(zip(HOSTS, states)), f"the nodes are {states}")

    def create(self, name, *arguments):
        super().create(name, *arguments, command=WAIT)

    def tasks(self, service):
        """Id and host of each task that runs."""
        rows = self.manager.lines("service", "ps", service, "--filter", "desired-state=running", "--no-trunc",
                                  "--format", "{{.ID}} {{.Node}}")
        return dict(row.split() for row in rows)

    def test_replicas_are_spread_and_follow_the_scale(self):
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        before = self.tasks("web")
        self.manager.docker("service", "scale", "--detach", "web=6")
        self.await_running("web", *HOSTS * 2)
        self.assertLessEqual(before.items(), self.tasks("web").items(), "those that ran go on")
        self.manager.docker("service", "scale", "--detach", "web=3")
        self.await_running("web", *HOSTS)

    def test_a_global_service_has_one_task_a_node_and_heals(self):
        self.create("agent", "--mode", "global")
        self.await_running("agent", *HOSTS)
        self.assertEqual(self.manager.out("service", "ls", "--format", "{{.Mode}} {{.Replicas}}"), "global 3/3")
        [victim] = self.containers(self.nodes[1])
        self.nodes[1].docker("rm", "-f", victim)
        until(lambda: self.containers(self.nodes[1]) - {victim}, "another one is there")
        self.await_running("agent", *HOSTS)
        self.manager.docker("node", "update", "--availability", "drain", "hostos2")
        self.await_running("agent", "hostos1", "hostos3")
        self.manager.docker("node", "update", "--availability", "pause", "hostos3")
        self.manager.docker("node", "update", "--availability", "active", "hostos2")
        self.await_running("agent", *HOSTS)

    def shoal(self, *arguments):
        return subprocess.run([BIN / "shoal", *arguments], env=self.manager.environment(), text=True,
                              capture_output=True)

    def test_drain_says_what_it_waits_for(self):
        # Nowhere else to go: start-first keeps the old one until there is.
        self.create("pinned", "--replicas", "1", "--update-order", "start-first", "--constraint",
                    "node.hostname==hostos3")
        self.await_running("pinned", "hostos3")
        late = self.shoal("node", "drain", "hostos3", "--wait", "--timeout", "1")
        self.assertEqual(late.returncode, 1)
        self.assertIn("1 tasks are left on hostos3", late.stderr)
        unknown = self.shoal("node", "drain", "hostos9")
        self.assertIn("hostos9 not found", unknown.stderr)

    def test_drain_moves_and_active_brings_nothing_back(self):
        self.create("web", "--replicas", "3")
        self.create("eager", "--replicas", "3", "--update-order", "start-first")
        self.await_running("web", *HOSTS)
        self.await_running("eager", *HOSTS)
        drained = self.shoal("node", "drain", "hostos3", "--wait")
        self.assertEqual((drained.returncode, drained.stdout), (0, "hostos3 is empty\n"), drained.stderr)
        self.assertNotIn("hostos3", self.running("web") + self.running("eager"))
        self.assertEqual(self.nodes[2].lines("ps", "-q"), [])
        until(lambda: len(self.running("web")) == len(self.running("eager")) == 3, "all three run elsewhere")
        until(lambda: not self.nodes[2].lines("ps", "-q"), "the node is empty")
        before = self.tasks("web")
        self.manager.docker("node", "update", "--availability", "active", "hostos3")
        self.create("next", "--replicas", "1")
        self.await_running("next", "hostos3")
        self.assertEqual(self.tasks("web"), before, "nothing is rebalanced")

    def test_a_paused_node_keeps_what_it_has_and_gets_nothing(self):
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        self.manager.docker("node", "update", "--availability", "pause", "hostos2")
        self.manager.docker("service", "scale", "--detach", "web=7")
        until(lambda: len(self.running("web")) == 7, "all seven run")
        self.assertEqual(self.running("web").count("hostos2"), 1)

    def test_labels_and_constraints(self):
        self.manager.docker("node", "update", "--label-add", "disk=ssd", "hostos3")
        self.addCleanup(self.manager.docker, "node", "update", "--label-rm", "disk", "hostos2")
        self.create("db", "--replicas", "2", "--constraint", "node.labels.disk==ssd")
        self.await_running("db", "hostos3", "hostos3")
        self.manager.docker("node", "update", "--label-add", "disk=ssd", "hostos2")
        self.manager.docker("node", "update", "--label-rm", "disk", "hostos3")
        self.await_running("db", "hostos2", "hostos2")
        self.create("stuck", "--replicas", "1", "--constraint", "node.hostname==nowhere")
        until(lambda: "no suitable node" in self.manager.out("service", "ps", "stuck", "--no-trunc", "--format",
                                                              "{{.Error}}"), "the reason is shown")
        self.create("workers", "--mode", "global", "--constraint", "node.role==worker")
        self.await_running("workers", "hostos2", "hostos3")

    def test_a_node_that_dies_is_replaced_and_comes_back_empty_handed(self):
        third = self.nodes[2]
        self.create("web", "--replicas", "6")
        self.create("agent", "--mode", "global")
        self.await_running("web", *HOSTS * 2)
        self.await_running("agent", *HOSTS)
        self.lan.cut(3)
        third.reboot()
        self.await_states("Ready", "Ready", "Down")
        self.await_running("web", *HOSTS[:2] * 3)
        self.await_running("agent", "hostos1", "hostos2")
        rows = self.manager.lines("service", "ps", "web", "agent", "--filter", "node=hostos3", "--no-trunc",
                                  "--format", "{{.CurrentState}} {{.Error}}")
        self.assertEqual(len(rows), 3)
        for row in rows:
            self.assertRegex(row, '^Orphaned .*its node is down; it was running before')
        before = self.tasks("web")
        self.lan.plug_in(3, third.namespaces)
        third.start()
        self.await_states("Ready", "Ready", "Ready")
        self.await_running("agent", *HOSTS)
        self.assertEqual(self.tasks("web"), before, "nothing is rebalanced")
        until(lambda: len(third.lines("ps", "-q")) == 1, "only what is its own runs there")

    def test_a_node_that_was_cut_off_gives_up_what_is_no_longer_its_own(self):
        third = self.nodes[2]
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        mine = self.containers(third)
        self.lan.cut(3)
        self.await_states("Ready", "Ready", "Down")
        until(lambda: len(self.running("web")) == 3 and "hostos3" not in self.running("web"), "replaced")
        self.assertEqual(set(third.lines("ps", "-q", "--no-trunc")), mine, "without a manager they go on")
        self.lan.heal(3)
        self.await_states("Ready", "Ready", "Ready")
        until(lambda: not third.lines("ps", "-q"), "stopped there")
        rows = self.manager.lines("service", "ps", "web", "--format", "{{.CurrentState}} {{.DesiredState}}")
        self.assertEqual(sum("Running" in row.split()[0] for row in rows), 3, rows)

    def test_lost_packets_are_no_false_alarm(self):
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        before = self.tasks("web")
        for number in (2, 3):
            self.lan.lose(number, 5)
            self.addCleanup(self.lan.lose, number, 0)
        began = time.time()
        events = self.manager.docker("events", "--since", began, "--until", began + WATCH_S, "--filter",
                                     "type=node", "--format", "{{json .Actor.Attributes}}")
        states = [json.loads(line).get("state.new") for line in events.stdout.splitlines()]
        self.assertNotIn("down", states)
        self.assertEqual(self.tasks("web"), before)
        # What this looks at is there when a node does go.
        self.lan.cut(3)
        self.addCleanup(self.lan.heal, 3)
        self.await_states("Ready", "Ready", "Down")
        seen = self.manager.docker("events", "--since", began, "--until", time.time() + 1, "--filter",
                                   "type=node", "--format", "{{json .Actor.Attributes}}")
        self.assertIn('"down"', seen.stdout)
        self.lan.heal(3)
        self.await_states("Ready", "Ready", "Ready")

    def test_a_manager_that_restarts_calls_nobody_down(self):
        self.create("web", "--replicas", "6")
        self.await_running("web", *HOSTS * 2)
        before, containers = self.tasks("web"), [self.containers(node) for node in self.nodes]
        self.manager.stop()
        self.manager.start()
        self.await_states("Ready", "Ready", "Ready")
        self.await_running("web", *HOSTS * 2)
        self.assertEqual(self.tasks("web"), before)
        self.assertEqual([self.containers(node) for node in self.nodes], containers)

    def test_a_manager_that_did_not_run_for_a_while_calls_nobody_down(self):
        """A virtual machine that was moved, or one that is short of processors: what it did not hear was said."""
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        before = self.tasks("web")
        events = subprocess.Popen(
            [self.manager.docker_path, "events", "--filter", "type=node", "--format",
             "{{.Actor.Attributes}}"], env=self.manager.environment(), stdout=subprocess.PIPE, text=True)
        self.addCleanup(events.stdout.close)
        for _ in range(3):
            os.kill(self.manager.pid, signal.SIGSTOP)
            time.sleep(5)  # Longer than three heartbeats: the silence itself is what is tested.
            os.kill(self.manager.pid, signal.SIGCONT)
            self.manager.docker("node", "update", "--label-add", "awake=yes", "hostos1")
            self.await_states("Ready", "Ready", "Ready")
        events.terminate()
        self.assertNotIn("down", events.communicate()[0])
        self.assertEqual(self.tasks("web"), before)

    def test_a_node_that_is_removed_loses_its_tasks_and_its_certificate(self):
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        third = self.nodes[2]
        refused = self.manager.docker("node", "rm", "hostos3", check=False)
        self.assertIn("is not down and can't be removed", refused.stderr)
        self.manager.docker("node", "rm", "--force", "hostos3")
        until(lambda: len(self.running("web")) == 3 and "hostos3" not in self.running("web"), "replaced")
        until(lambda: not self.containers(third), "it stops what it ran")
        info = json.loads(third.out("info", "--format", "{{json .Swarm}}"))
        self.assertEqual(info["LocalNodeState"], "error")
        self.assertIn("was removed from its swarm", info["Error"])
        again = third.docker("swarm", "join", "--token", self.manager.out("swarm", "join-token", "-q", "worker"),
                             "10.99.0.1", check=False)
        self.assertIn("already part of a swarm", again.stderr)
        third.docker("swarm", "leave")
        third.docker("swarm", "join", "--token", self.manager.out("swarm", "join-token", "-q", "worker"),
                     "10.99.0.1")
        self.await_states("Ready", "Ready", "Ready")

    def test_swarm_ca_rotate(self):
        self.create("web", "--replicas", "3")
        self.await_running("web", *HOSTS)
        before, tasks = self.manager.out("swarm", "ca"), self.tasks("web")
        self.manager.docker("swarm", "ca", "--rotate", "--quiet")
        after = self.manager.out("swarm", "ca")
        self.assertNotEqual(after, before)
        # Every node dials anew with what it has now.
        for node in self.nodes:
            node.stop()
            node.start()
        self.await_states("Ready", "Ready", "Ready")
        self.await_running("web", *HOSTS)
        self.assertEqual(self.tasks("web"), tasks)
        for node in self.nodes:
            self.assertEqual((node.data_root / "swarm/certificates/swarm-root-ca.crt").read_text().strip(), after)


if __name__ == "__main__":
    unittest.main()
