"""shoal rebalance on three nodes that joined with shoal swarm join: one task at a time, in the update order."""
import json
import subprocess
import unittest

from api import call
from harness import make_images, until
from playground import SHOAL, Playground

CREATE = ("service", "create", "--quiet", "--no-resolve-image", "--detach")
# Ends at once when it is told to.
WAIT = ("busybox:demo", "sh", "-c", "trap 'exit 0' TERM; while :; do sleep 0.1; done")
# An image that no registry has: who does not hold it cannot run it.
LOCAL = "localhost:1/local:demo"
EVEN = "the spread is even\n"


class Rebalance(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        make_images()
        cls.play = Playground(3, "--no-swarm")
        try:
            cls.play.up()
            cls.play.load("busybox")
            cls.play.docker(1, "swarm", "init", "--advertise-addr", cls.play.address(1))
            cls.token = cls.play.out(1, "swarm", "join-token", "-q", "worker")
            for node in (2, 3):
                joined = cls.shoal_on(node, "swarm", "join", "--token", cls.token, cls.play.address(1))
                assert joined.stdout == "This node joined a swarm as a worker.\n", joined
        except BaseException:
            cls.play.close()
            raise

    @classmethod
    def tearDownClass(cls):
        left = cls.play.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    @classmethod
    def shoal_on(cls, node, *arguments):
        return subprocess.run([SHOAL, *arguments], env=cls.play.environment(node), text=True, capture_output=True,
                              timeout=120)

    def setUp(self):
        self.addCleanup(self.clean)

    def clean(self):
        if self.play.states()[2] != "running":
            self.play.start(3)
        self.availability("active")
        services = self.play.lines(1, "service", "ls", "-q")
        if services:
            self.play.docker(1, "service", "rm", *services)
        label = "label=com.docker.swarm.task"
        for node in (1, 2, 3):
            until(lambda: not self.play.lines(node, "ps", "-aq", "--filter", label), "every container is gone")

    def availability(self, word):
        """Of the third node."""
        self.play.docker(1, "node", "update", "--availability", word, "hostos3")

    def rebalance(self, *arguments, code=0):
        done = self.shoal_on(1, "rebalance", *arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        return done.stderr if code else done.stdout

    def create(self, name, replicas, *arguments, command=WAIT):
        self.play.docker(1, *CREATE, "--name", name, "--replicas", replicas, *arguments, *command)

    def spread(self, service):
        """How many tasks run on each node."""
        rows = self.play.lines(1, "service", "ps", service, "--filter", "desired-state=running", "--format",
                               "{{.Node}} {{.CurrentState}}")
        hosts = [row.split()[0] for row in rows if " Running" in row]
        return [hosts.count(f"hostos{node}") for node in (1, 2, 3)]

    def await_spread(self, service, *counts):
        until(lambda: self.spread(service) == list(counts), f"{service} is spread {counts}")

    def create_without_third(self, name, replicas, *arguments, **options):
        """As after the third node came back."""
        self.availability("drain")
        self.create(name, replicas, *arguments, **options)
        self.await_spread(name, replicas - replicas // 2, replicas // 2, 0)
        self.availability("active")

    def tasks(self, service):
        filters = json.dumps({"service": [service]})
        done, tasks = call(self.play.socket(1), "GET", f"/tasks?filters={filters.replace(' ', '')}")
        self.assertEqual(done, 200, tasks)
        return tasks

    def version(self, service):
        return self.play.out(1, "service", "inspect", service, "--format", "{{.Version.Index}}")

    def moves(self, service, before):
        """(began, old stopped, new ran) of every task that is not among the ids of `before`."""
        tasks = self.tasks(service)
        found = []
        for task in tasks:
            if task["ID"] in before:
                continue
            [old] = [one for one in tasks if one["Slot"] == task["Slot"] and one["ID"] in before and
                     one["Status"]["State"] == "shutdown"]
            found.append((task["CreatedAt"], old["Status"]["Timestamp"], task["Status"]["Timestamp"]))
        return sorted(found)

    def ids(self, service):
        return {task["ID"] for task in self.tasks(service)}

    def test_a_node_that_came_back_gets_its_share_one_task_at_a_time(self):
        self.create("web", 6)
        self.await_spread("web", 2, 2, 2)
        self.play.kill(3)
        self.await_spread("web", 3, 3, 0)
        self.play.start(3)
        until(lambda: self.play.out(1, "node", "ls", "--filter", "name=hostos3", "--format", "{{.Status}}") == "Ready",
              "the third node is back")
        ids, version = self.ids("web"), self.version("web")

        [header, first, second, empty, count] = self.rebalance("web", "--dry-run").splitlines()
        self.assertEqual(header.split(), ["SERVICE", "SLOT", "TASK", "FROM", "TO"])
        self.assertEqual((empty, count), ("", "2 moves"))
        for row in (first, second):
            service, slot, task, _, target = row.split()
            self.assertEqual((service, target), ("web", "hostos3"))
            self.assertIn((task, int(slot)), {(one["ID"], one["Slot"]) for one in self.tasks("web")})
        ways = self.rebalance("--dry-run", "--format", "{{.From}}>{{.To}}").splitlines()
        self.assertEqual(sorted(ways), ["hostos1>hostos3", "hostos2>hostos3"])
        self.assertEqual(len(self.rebalance("--dry-run", "-q").split()), 2)
        self.assertEqual((self.spread("web"), self.ids("web"), self.version("web")), ([3, 3, 0], ids, version))

        output = self.rebalance("web")
        self.assertTrue(output.endswith(f"web: 2 tasks moved, {EVEN}"), output)
        self.assertEqual(self.spread("web"), [2, 2, 2])
        # Two slots in turn, so that five ran at any time.
        [one, two] = self.moves("web", ids)
        for began, stopped, ran in (one, two):
            self.assertTrue(began < stopped < ran, "stop first")
        self.assertLess(one[2], two[0], "the second begins when the first has come to its end")

        self.assertEqual(self.rebalance("web"), EVEN)
        self.assertEqual(self.rebalance("--dry-run"), EVEN)
        self.assertEqual(self.rebalance("-q"), "")

    def test_start_first_the_old_one_goes_last(self):
        self.create_without_third("web", 6, "--update-order", "start-first")
        ids = self.ids("web")
        self.rebalance()
        self.assertEqual(self.spread("web"), [2, 2, 2])
        [one, two] = self.moves("web", ids)
        for began, stopped, ran in (one, two):
            self.assertTrue(began < ran < stopped, "start first: six ran at any time")
        self.assertLess(one[1], two[0])

    def test_where_a_constraint_forbids_it_nothing_moves(self):
        self.create_without_third("pinned", 4, "--constraint", "node.hostname!=hostos3")
        ids = self.ids("pinned")
        self.assertEqual(self.rebalance("pinned", "--dry-run"), EVEN)
        self.assertEqual(self.rebalance("pinned"), EVEN)
        self.assertEqual((self.spread("pinned"), self.ids("pinned")), ([2, 2, 0], ids))

    def test_a_replacement_that_fails_ends_it_with_the_reason(self):
        for node in (1, 2):
            self.play.docker(node, "tag", "busybox:demo", LOCAL)
        self.create_without_third("picky", 4, "--update-order", "start-first", command=(LOCAL, *WAIT[1:]))
        ids = self.ids("picky")
        reason = self.rebalance("picky", code=1)
        self.assertRegex(reason, r"^shoal: the rebalance ended early\npicky: picky\.\d failed on hostos3: "
                                 r".*localhost:1/local")
        self.assertEqual(self.spread("picky"), [2, 2, 0])
        running = self.play.lines(1, "service", "ps", "picky", "--filter", "desired-state=running", "-q", "--no-trunc")
        self.assertEqual(set(running), ids, "the old one never stopped")

    def test_it_goes_on_when_the_manager_restarts_and_when_the_command_is_gone(self):
        # Its old tasks take three seconds to stop.
        self.create_without_third("slow", 6, "--stop-grace-period", "3s", command=("busybox:demo", "sleep", "86400"))
        ids = self.ids("slow")
        self.assertEqual(self.rebalance("--detach"), "2 tasks will move\n")
        until(lambda: self.ids("slow") - ids, "the first one moves")
        self.play.restart(1)
        until(lambda: self.shoal_on(1, "rebalance", "--dry-run").returncode == 0, "the manager answers")
        output = self.rebalance("slow")
        self.assertTrue(output.endswith(EVEN), output)
        self.await_spread("slow", 2, 2, 2)
        [one, two] = self.moves("slow", ids)
        self.assertLess(one[2], two[0])

    def test_it_is_stopped(self):
        # Long enough that the first one still moves then.
        self.create_without_third("slow", 6, "--stop-grace-period", "8s", command=("busybox:demo", "sleep", "86400"))
        ids = self.ids("slow")
        self.assertEqual(self.rebalance("--stop"), "nothing is being rebalanced\n")
        self.rebalance("slow", "-d", "-q")
        until(lambda: self.ids("slow") - ids, "the first one moves")
        self.assertEqual(self.rebalance("slow", "--stop"), "slow: stopped, 0 tasks moved\n")
        until(lambda: sum(self.spread("slow")) == 6, "all six run")
        self.assertEqual(len(self.ids("slow") - ids), 1, "the second one stays")

    def test_with_the_label_a_node_that_joins_begins_it(self):
        self.create_without_third("auto", 6, "--label", "shoal.rebalance=on-join")
        self.await_spread("auto", 2, 2, 2)
        bad = self.play.docker(1, *CREATE, "--label", "shoal.rebalance=always", *WAIT, check=False)
        self.assertEqual(bad.returncode, 1)
        self.assertIn('label shoal.rebalance: "always" is neither "never" nor "on-join"', bad.stderr)

    def test_bad_requests_say_why(self):
        self.create("agent", 1)
        self.play.docker(1, *CREATE, "--name", "every", "--mode", "global", *WAIT)
        self.assertEqual(self.rebalance("agent", "nope", code=1), "shoal: service nope not found\n")
        self.assertIn("service every is global", self.rebalance("every", code=1))
        self.assertIn("service every is global", self.rebalance("every", "--stop", code=1))
        worker = self.shoal_on(2, "rebalance")
        self.assertEqual(worker.returncode, 1)
        self.assertRegex(worker.stderr, "^shoal: This node is not a swarm manager")

    def test_joining_says_why_not(self):
        again = self.shoal_on(2, "swarm", "join", "--token", self.token, self.play.address(1))
        self.assertEqual((again.returncode, again.stdout), (1, ""))
        self.assertRegex(again.stderr, "^shoal: This node is already part of a swarm")
        lazy = self.shoal_on(2, "swarm", "join", "--token", self.token, "--availability", "lazy", "x")
        self.assertEqual(lazy.stderr, 'shoal: invalid availability "lazy", only active, pause and drain are supported\n')


if __name__ == "__main__":
    unittest.main()
