"""The power fails and comes back: state is kept, /run and everything in the kernel is gone."""
import unittest

import leftovers
from harness import NodeTest, until


class Rebooted(NodeTest):
    images = ("busybox", "whoami")

    def policy(self, name, policy, *command):
        self.node.docker("run", "-d", "--name", name, "--restart", policy, "busybox:demo",
                         *(command or ("sleep", "86400")))

    def status(self, name):
        state = self.node.inspect(name)["State"]
        return state["Status"], state["ExitCode"]

    def reboot(self):
        self.node.reboot()
        self.node.start()

    def test_services_come_back_with_new_tasks(self):
        node = self.node
        self.create("web", "--detach", "--replicas", "2", "-p", "8085:80", "--restart-delay", "100ms",
                    "whoami:demo")
        self.create("once", "--detach", "--restart-condition", "none", "busybox:demo", "sleep", "86400")
        self.create("idle", "--detach", "--replicas", "0", "busybox:demo", "sleep", "86400")
        before = {task["ID"] for task in self.await_running("web", 2)}
        self.await_running("once", 1)
        for _ in range(2):
            self.reboot()
            running = until(lambda: (lambda r: r if len(r) == 2 and not before & {
                t["ID"] for t in r} else None)(self.running("web")), "web runs again")
            self.assertEqual({task["Name"] for task in running}, {"web.1", "web.2"})
            for task in self.tasks("web"):
                if task["ID"] in before:
                    self.assertRegex(task["CurrentState"], "^Failed")
                    self.assertIn("task: non-zero exit (255)", task["Error"])
            hosts = until(lambda: (lambda h: h if len(h) == 2 else None)(
                {node.curl("http://127.0.0.1:8085/").split()[1] for _ in range(6)}),
                "both replicas answer")
            self.assertEqual(len(hosts), 2)
            before = {task["ID"] for task in self.tasks("web")}
        [task] = self.tasks("once")
        self.assertRegex(task["CurrentState"], "^Failed")
        self.assertEqual(node.out("service", "ls", "--filter", "name=once", "--format",
                                  "{{.Replicas}}"), "0/1")
        node.docker("service", "scale", "--detach", "idle=1")
        self.await_running("idle", 1)
        until(lambda: not leftovers.find(node), "nothing is left of the time before")

    def test_restart_policies_decide_about_containers(self):
        node = self.node
        self.policy("always", "always")
        self.policy("unless", "unless-stopped")
        self.policy("failing", "on-failure")
        self.policy("stopped", "unless-stopped")
        self.policy("plain", "no")
        node.docker("run", "-d", "--rm", "--name", "rm", "busybox:demo", "sleep", "86400")
        node.docker("create", "--name", "created", "--restart", "always", "busybox:demo", "true")
        node.docker("run", "-d", "--name", "port", "--restart", "always", "-p", "8086:80",
                    "whoami:demo")
        node.docker("exec", "always", "sh", "-c", "echo kept > /kept")
        node.docker("stop", "-t", "0", "stopped")
        self.reboot()
        for name in ("always", "unless", "failing", "port"):
            until(lambda: self.status(name)[0] == "running", f"{name} runs again")
        self.assertEqual(self.status("plain"), ("exited", 255))
        self.assertEqual(self.status("stopped"), ("exited", 137))
        self.assertEqual(self.status("created")[0], "created")
        until(lambda: node.docker("inspect", "rm", check=False).returncode != 0, "--rm is gone")
        self.assertEqual(node.out("exec", "always", "cat", "/kept"), "kept")
        self.assertIn("hostname", node.curl("http://127.0.0.1:8086/"))
        node.docker("start", "plain")
        until(lambda: not leftovers.find(node), "nothing is left of the time before")

    def test_health_is_asked_anew(self):
        node = self.node
        node.docker("run", "-d", "--name", "healthy", "--restart", "always", "--health-cmd",
                    "true", "--health-interval", "100ms", "busybox:demo", "sleep", "86400")

        def healthy():
            return node.inspect("healthy")["State"].get("Health", {}).get("Status") == "healthy"
        until(healthy, "it is healthy")
        self.reboot()
        until(healthy, "it is healthy again")


if __name__ == "__main__":
    unittest.main()
