"""conmon, which holds a container, is killed: the container ends with it, and whoever wants it gets
another. (A runtime that is killed: src/engine/runtime_death_test.cc.)"""
import json
import os
import signal
import unittest

import leftovers
from harness import NodeTest, until


class Supervisors(NodeTest):
    images = ("busybox",)

    def record(self, container):
        folder = self.node.folder / "run/engine/c" / container
        return json.loads((folder / "record.json").read_text())

    def kill_supervisor(self, container):
        """Returns the process that it held."""
        record = self.record(container)
        os.kill(record["supervisor"]["pid"], signal.SIGKILL)
        return record["process"]["pid"]

    def ended(self, pid):
        """Also when nobody has reaped it yet."""
        try:
            with open(f"/proc/{pid}/stat", encoding="ascii") as stat:
                return stat.read().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    def test_a_task_fails_with_the_reason_and_is_replaced(self):
        node = self.node
        self.create("steady", "--detach", "--restart-delay", "100ms", "--stop-grace-period", "1s",
                    "busybox:demo", "sleep", "86400")
        [task] = self.await_running("steady", 1)
        [container] = node.lines("ps", "-q", "--no-trunc")
        pid = self.kill_supervisor(container)
        [fresh] = until(lambda: [t for t in self.running("steady") if t["ID"] != task["ID"]],
                        "another task runs")
        self.assertEqual(fresh["Name"], "steady.1")
        [old] = [t for t in self.tasks("steady") if t["ID"] == task["ID"]]
        self.assertRegex(old["CurrentState"], "^Failed")
        self.assertIn("task: non-zero exit (137): conmon ended before the container did",
                      old["Error"])
        until(lambda: self.ended(pid), "what it held has ended")
        self.assertEqual(node.inspect(container)["State"]["ExitCode"], 137)
        until(lambda: not leftovers.find(node), "nothing is left")

    def test_a_container_with_a_policy_runs_again(self):
        node = self.node
        container = node.out("run", "-d", "--restart", "on-failure", "busybox:demo", "sleep",
                             "86400")
        pid = self.kill_supervisor(container)
        until(lambda: node.inspect(container)["RestartCount"] == 1 and
              node.inspect(container)["State"]["Running"], "it runs again")
        until(lambda: self.ended(pid), "what it held has ended")

    def test_one_that_was_paused_ends_too(self):
        node = self.node
        container = node.out("run", "-d", "busybox:demo", "sleep", "86400")
        node.docker("pause", container)
        pid = self.kill_supervisor(container)
        until(lambda: node.inspect(container)["State"]["Status"] == "exited", "it has ended")
        until(lambda: self.ended(pid), "what it held has ended")
        self.assertIn("conmon ended", node.inspect(container)["State"]["Error"])
        node.docker("start", container)
        node.docker("rm", "-f", container)
        until(lambda: not leftovers.find(node), "nothing is left")

    def test_while_no_daemon_runs(self):
        node = self.node
        container = node.out("run", "-d", "busybox:demo", "sleep", "86400")
        node.stop(signal.SIGKILL)
        pid = self.kill_supervisor(container)
        node.start()
        until(lambda: node.inspect(container)["State"]["Status"] == "exited", "it has ended")
        self.assertEqual(node.inspect(container)["State"]["ExitCode"], 137)
        until(lambda: self.ended(pid), "what it held has ended")
        until(lambda: not leftovers.find(node), "nothing is left")


if __name__ == "__main__":
    unittest.main()
