"""The main job, as a user does it: services of real containers on one node."""
import datetime
import re
import signal
import subprocess
import unittest

from harness import NodeTest, until

TALK = ("sh", "-c", "i=0; while :; do echo line $i; i=$((i+1)); sleep 3; done")


def seconds(timestamp):
    """A time of the API as seconds, to the microsecond."""
    return datetime.datetime.fromisoformat(timestamp[:26].rstrip("Z")).timestamp()


class Services(NodeTest):
    def test_logs_follow_a_service_that_talks(self):
        self.create("talker", "busybox:demo", *TALK)
        [task] = self.running("talker")
        self.assertEqual(task["Node"], "node1")
        self.assertEqual(task["Name"], "talker.1")
        logs = self.node.popen("service", "logs", "-f", "talker", stdout=subprocess.PIPE)
        try:
            lines = [logs.stdout.readline() for _ in range(3)]
        finally:
            logs.terminate()
            logs.communicate()
        for number, line in enumerate(lines):
            self.assertRegex(line, rf"^talker\.1\.\w+@node1\s+\| line {number}$")

    def test_a_published_service_heals_and_scales(self):
        node = self.node
        self.create("web", "--replicas", "3", "-p", "8081:80", "--restart-delay", "1s", "nginx:demo")
        names = node.lines("ps", "--format", "{{.Names}}")
        self.assertEqual(sorted(re.sub(r"\.\w{25}$", "", name) for name in names),
                         ["web.1", "web.2", "web.3"])
        for _ in range(9):
            self.assertIn("Shoal", node.curl("http://127.0.0.1:8081/"))
        for name in names:  # nginx writes a line for each request
            until(lambda: node.out("logs", name).count('"GET / HTTP/1.1" 200') == 3,
                  "each replica answered in turn")

        victim = node.out("ps", "-q", "--filter", "name=web.2.")
        node.docker("rm", "-f", victim)
        until(lambda: len(self.tasks("web", "name=web.2")) == 2 and len(self.running("web")) == 3,
              "a new task in the same slot")
        newest, oldest = self.tasks("web", "name=web.2")
        self.assertRegex(newest["CurrentState"], "^Running")
        self.assertRegex(oldest["CurrentState"], "^Failed")
        self.assertIn("non-zero exit (137)", oldest["Error"])

        node.docker("service", "scale", "web=6")
        self.assertEqual(len(self.running("web")), 6)
        node.docker("service", "scale", "web=2")
        self.await_running("web", 2)
        until(lambda: len(node.lines("ps", "-q")) == 2, "two containers are left")

        node.docker("service", "rm", "web")
        until(lambda: not node.lines("ps", "-aq"), "nothing of it is left")
        refused = node.curl("http://127.0.0.1:8081/", check=False)
        self.assertEqual(refused, "")

    def test_the_client_keeps_its_address(self):
        node = self.node
        outside = node.outside or node.connect_outside()
        self.create("who", "--replicas", "2", "-p", "8082:80", "whoami:demo")
        answers = [node.curl("http://10.97.0.1:8082/", outside) for _ in range(4)]
        self.assertTrue(all("10.97.0.2" in answer for answer in answers), answers)
        hosts = {re.search(r"^hostname: (.*)$", answer, re.M)[1] for answer in answers}
        self.assertEqual(len(hosts), 2, "both replicas answered")

    def test_a_failing_task_respects_delay_attempts_and_window(self):
        self.create("crash", "--detach", "--restart-delay", "300ms", "--restart-max-attempts", "3",
                    "--restart-window", "60s", "busybox:demo", "false")
        until(lambda: len([t for t in self.tasks("crash") if t["CurrentState"].startswith("Failed")])
              == 4, "the first try and three restarts")
        tasks = [self.node.inspect("--type", "task", t["ID"]) for t in self.tasks("crash")]
        self.assertEqual({t["Status"]["Err"] for t in tasks}, {"task: non-zero exit (1)"})
        ended = sorted(seconds(t["Status"]["Timestamp"]) for t in tasks)
        pauses = [later - earlier for earlier, later in zip(ended, ended[1:])]
        self.assertTrue(all(pause >= 0.3 for pause in pauses), pauses)
        self.assertEqual(self.node.out("service", "ls", "--format", "{{.Replicas}}"), "0/1")

    def test_attempts_outside_the_window_do_not_count(self):
        self.create("crash", "--detach", "--restart-delay", "600ms", "--restart-max-attempts", "1",
                    "--restart-window", "200ms", "busybox:demo", "false")
        failed = set()  # The history keeps max-attempts + 1 of them.

        def four_have_failed():
            failed.update(t["ID"] for t in self.tasks("crash")
                          if t["CurrentState"].startswith("Failed"))
            return len(failed) >= 4
        until(four_have_failed, "more failures than attempts")

    def test_the_daemon_goes_and_comes_and_the_containers_go_on(self):
        node = self.node
        self.create("who", "--replicas", "3", "-p", "8083:80", "whoami:demo")
        before = node.lines("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}")
        for how in (signal.SIGTERM, signal.SIGKILL):
            node.stop(how)
            self.assertIn("hostname", node.curl("http://127.0.0.1:8083/"), "answers meanwhile")
            node.start()
            self.assertEqual(node.lines("ps", "--no-trunc", "--format", "{{.ID}} {{.Names}}"), before)
            until(lambda: node.out("service", "ls", "--format", "{{.Replicas}}") == "3/3",
                  "all are seen running")
            self.assertEqual(len(self.tasks("who")), 3, "no task was restarted")
            hosts = {node.curl("http://127.0.0.1:8083/").split()[1] for _ in range(6)}
            self.assertEqual(len(hosts), 3)
        node.docker("service", "scale", "who=1")
        self.await_running("who", 1)

    def test_a_task_that_no_node_takes_says_why(self):
        self.create("picky", "--detach", "--constraint", "node.labels.disk==ssd",
                    "--reserve-memory", "900GB", "busybox:demo", "sleep", "1000")
        [task] = until(lambda: [t for t in self.tasks("picky") if "no suitable node" in t["Error"]],
                       "the reason")
        self.assertRegex(task["CurrentState"], "^Pending")
        self.assertRegex(task["Error"], r"no suitable node \(.* 1 node")

    def test_a_missing_image_is_said_and_rejected(self):
        self.create("ghost", "--detach", "--restart-condition", "none", "no-such-image:demo")
        [task] = until(lambda: [t for t in self.tasks("ghost") if
                                t["CurrentState"].startswith("Rejected")], "the rejection")
        self.assertIn("No such image: no-such-image:demo", task["Error"])


if __name__ == "__main__":
    unittest.main()
