"""On a manager the docker client reaches the containers of tasks on every node: logs, exec, top, kill and the rest."""
import fcntl
import json
import os
import pathlib
import signal
import struct
import subprocess
import termios
import unittest

from api import Api, call
from container_test import Terminal
from harness import WITHIN_S, until
from three_nodes import HOSTS, ThreeNodes

# It says something on both streams, then a line for each that is written to /tmp/say.
TALK = ("busybox:demo", "sh", "-c",
        "trap 'exit 0' TERM; echo out; echo err >&2; touch /tmp/say; tail -f /tmp/say & wait")
LARGE_MB = 50
# Clients that do not read, and what may be on its way to each: the windows and queues of two sockets, a pipe and a
# call; the daemon holds less than that of it.
STALLED = 10
HELD_MAX_MB = 2


class Reach(ThreeNodes):
    images = ("busybox",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        _, cls.far, cls.doomed = cls.nodes

    def containers(self, node):
        """Also those that have ended."""
        return node.lines("ps", "-aq", "--filter", "label=com.docker.swarm.task")

    def create(self, *arguments, name="far", host="hostos2"):
        """A service with one task on the host; the id and name of its container, once it runs."""
        self.manager.docker("service", "create", "--quiet", "--no-resolve-image", "--detach", "--name", name,
                            "--restart-delay", "0s", "--constraint", f"node.hostname=={host}", *arguments)
        return self.container(name)

    def container(self, service, other_than=None):
        def found():
            rows = self.manager.lines("service", "ps", service, "--filter", "desired-state=running", "--no-trunc",
                                      "--format", "{{.ID}} {{.Name}} {{.CurrentState}}")
            for row in rows:
                task, name, state = row.split()[:3]
                if state == "Running" and f"{name}.{task}" != other_than:
                    status = json.loads(self.manager.out("inspect", "--type", "task", task))[0]["Status"]
                    return status["ContainerStatus"]["ContainerID"], f"{name}.{task}"
            return None
        return until(found, f"{service} runs")

    def both_lines(self, ref):
        return until(lambda: (done := self.manager.docker("logs", ref)) and done.stdout and done.stderr and
                     (done.stdout, done.stderr), "its lines")

    def test_logs_by_every_name_of_the_container(self):
        container, name = self.create(*TALK)
        task = name.split(".")[2]
        self.assertEqual(self.both_lines(name), ("out\n", "err\n"))
        self.assertEqual(self.both_lines(container), ("out\n", "err\n"))
        self.assertEqual(self.both_lines(container[:12]), ("out\n", "err\n"))
        self.assertEqual(self.manager.out("logs", "--tail", "0", name), "")
        self.assertRegex(self.manager.out("logs", "--timestamps", name), r"^20\d\d-\S+Z out$")
        # The client asks for a container first; that it is a task's id says how to go on.
        hint = self.manager.docker("logs", task, check=False)
        self.assertIn(f"No such container: {task}: it is a task, whose container is {name}", hint.stderr)
        self.assertIn("tail -f", self.manager.out("top", task))
        self.assertIn("No such container: nobody", self.manager.docker("logs", "nobody", check=False).stderr)

    def test_logs_are_followed_as_they_come(self):
        _, name = self.create(*TALK)
        follower = self.manager.popen("logs", "--follow", name, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        self.addCleanup(follower.stdout.close)
        self.assertEqual(follower.stdout.readline(), "out\n")
        for line in ("first", "second"):
            self.manager.docker("exec", name, "sh", "-c", f"echo {line} >> /tmp/say")
            self.assertEqual(follower.stdout.readline(), line + "\n")
        self.manager.docker("service", "rm", "far")
        self.assertEqual(follower.wait(WITHIN_S), 0, "its container has ended")

    def test_inspect_is_the_containers_and_a_tasks_id_shows_the_task(self):
        container, name = self.create(*TALK)
        for ref in (name, container, container[:12]):
            shown = self.manager.inspect(ref)
            self.assertEqual((shown["Id"], shown["Name"]), (container, "/" + name))
            self.assertEqual(shown["State"]["Status"], "running")
        self.assertEqual(shown, self.far.inspect(container))
        self.assertEqual(self.manager.inspect(name.split(".")[2])["Status"]["State"], "running")
        self.assertEqual(self.manager.inspect("far")["Spec"]["Name"], "far")
        self.assertEqual(self.manager.lines("ps", "-aq"), [], "what is elsewhere is not listed")

    def test_exec_gives_output_code_and_input(self):
        _, name = self.create(*TALK)
        done = self.manager.docker("exec", name, "sh", "-c", "echo hi; echo oh >&2; exit 4", check=False)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("hi\n", "oh\n", 4))
        text = "fed " * 500_000
        self.assertEqual(self.manager.docker("exec", "-i", name, "cat", input=text).stdout, text)
        self.assertEqual(self.manager.out("exec", "-w", "/tmp", "-e", "A=b", name, "sh", "-c", "echo $PWD $A"),
                         "/tmp b")
        missing = self.manager.docker("exec", name, "nonsense", check=False)
        self.assertIn(missing.returncode, (126, 127))
        self.assertIn("executable file not found", missing.stderr + missing.stdout)
        self.manager.docker("exec", "-d", name, "touch", "/tmp/detached")
        until(lambda: self.manager.docker("exec", name, "test", "-e", "/tmp/detached", check=False).returncode == 0,
              "it ran")

    def test_a_terminal_works_both_ways_and_takes_its_size(self):
        _, name = self.create(*TALK)
        terminal = Terminal(self.manager, "exec", "-it", name, "sh")
        terminal.expect("# ")
        terminal.type("echo $((40+2))\n")
        terminal.expect("42")
        fcntl.ioctl(terminal.master, termios.TIOCSWINSZ, struct.pack("HHHH", 33, 77, 0, 0))
        terminal.process.send_signal(signal.SIGWINCH)
        terminal.type("until stty size | grep '33 77'; do sleep 0.1; done; exit 5\n")
        terminal.expect("33 77\r\n")
        self.assertEqual(terminal.wait(), 5)

    def test_attach_shows_what_comes_and_takes_input(self):
        # The client's `service create` has no flag for standard input.
        spec = {"Name": "shell", "TaskTemplate": {
            "ContainerSpec": {"Image": "busybox:demo", "Command": ["sh"], "TTY": True, "OpenStdin": True},
            "Placement": {"Constraints": ["node.hostname==hostos2"]}}}
        self.assertEqual(call(self.manager.socket, "POST", "/services/create", spec)[0], 201)
        _, name = self.container("shell")
        terminal = Terminal(self.manager, "attach", name)
        terminal.type("echo $((6*7))\n")
        terminal.expect("42")
        terminal.type("\x10\x11")  # ctrl-p ctrl-q
        terminal.wait()
        self.assertIn("42", self.manager.out("logs", name))
        _, talker = self.create(*TALK)
        attached = self.manager.popen("attach", "--no-stdin", "--sig-proxy=false", talker, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL)
        self.addCleanup(attached.stdout.close)
        # Its end of the stream is there some time after the command has begun.
        exec_one = ("exec", talker, "sh", "-c", "until [ -e /tmp/stop ]; do echo more >> /tmp/say; sleep 0.1; done")
        speaker = self.manager.popen(*exec_one)
        self.assertEqual(attached.stdout.readline(), "more\n")
        self.manager.docker("exec", talker, "touch", "/tmp/stop")
        self.assertEqual(speaker.wait(WITHIN_S), 0)
        attached.kill()
        attached.wait()

    def test_top_and_stats(self):
        container, name = self.create(*TALK)
        self.assertIn("tail -f /tmp/say", self.manager.out("top", name))
        row = json.loads(self.manager.out("stats", "--no-stream", "--format", "json", name))
        self.assertEqual(row["ID"], container[:12])
        self.assertNotEqual(row["MemUsage"].split("B")[0], "0")

    def test_kill_ends_it_wait_says_how_and_the_task_is_replaced(self):
        container, name = self.create(*TALK)
        waiter = self.manager.popen("wait", name, stdout=subprocess.PIPE)
        self.addCleanup(waiter.stdout.close)
        self.manager.docker("kill", container[:12])
        self.assertEqual(waiter.communicate(timeout=WITHIN_S)[0].strip(), "137")
        replaced, other = self.container("far", other_than=name)
        self.assertNotEqual(replaced, container)
        self.assertEqual(self.both_lines(other), ("out\n", "err\n"))
        unknown = self.manager.docker("kill", "--signal", "NONSENSE", other, check=False)
        self.assertIn("NONSENSE", unknown.stderr)

    def test_what_no_task_owns_stays_with_its_node(self):
        private = self.far.out("run", "-d", "--name", "private", *TALK)
        self.addCleanup(self.far.docker, "rm", "-f", private)
        for ref in (private, private[:12], "private"):
            for command in (("logs",), ("top",), ("kill",), ("inspect",)):
                refused = self.manager.docker(*command, ref, check=False)
                self.assertEqual(refused.returncode, 1)
                self.assertRegex(refused.stderr, f"(?i)no such (container|object): {ref}")
        # Nor does a worker carry anything, and what is not on the list is not carried either.
        container, name = self.create(*TALK)
        self.assertIn("No such container", self.doomed.docker("logs", name, check=False).stderr)
        for command in (("stop",), ("rm", "-f"), ("pause",)):
            self.assertIn("No such container", self.manager.docker(*command, name, check=False).stderr)
        self.assertEqual(self.manager.inspect(container)["State"]["Status"], "running")

    def test_containers_of_the_managers_own_node_are_found_too(self):
        container, name = self.create(*TALK, name="near", host="hostos1")
        self.assertEqual(self.both_lines(name), ("out\n", "err\n"))
        status, document = call(self.manager.socket, "GET", f"/containers/{name.split('.')[2]}/top")
        self.assertEqual((status, "Processes" in document), (200, True))
        self.assertEqual(self.manager.out("exec", container[:12], "hostname"), container[:12])

    def test_a_large_output_arrives_whole(self):
        _, name = self.create(*TALK)
        command = ("exec", name, "sh", "-c", f"dd if=/dev/zero bs=1M count={LARGE_MB} 2>/dev/null | tr '\\0' x; echo .")
        reader = self.manager.popen(*command, stdout=subprocess.PIPE)
        self.addCleanup(reader.stdout.close)
        whole = reader.stdout.read()
        self.assertEqual(reader.wait(WITHIN_S), 0)
        self.assertEqual(len(whole), (LARGE_MB << 20) + 2)
        self.assertEqual(whole.strip("x"), ".\n")

    def memory_kb(self, node):
        status = pathlib.Path(f"/proc/{node.pid}/status").read_text()
        return int(status.split("VmRSS:")[1].split()[0])

    def start_without_reading(self, name, command):
        """An exec whose output nobody reads."""
        status, answer = call(self.manager.socket, "POST", f"/containers/{name}/exec",
                              {"AttachStdout": True, "Cmd": ["sh", "-c", command]})
        self.assertEqual(status, 201)
        api = Api(self.manager.socket)
        self.addCleanup(api.close)
        api.request("POST", f"/v1.44/exec/{answer['Id']}/start", '{"Detach":false}',
                    {"Content-Type": "application/json", "Connection": "Upgrade", "Upgrade": "tcp"})

    def test_a_client_that_does_not_read_costs_little_and_holds_up_nobody(self):
        _, name = self.create(*TALK)
        self.manager.docker("exec", name, "true")
        before = [self.memory_kb(node) for node in self.nodes[:2]]
        # Each counts the pieces of 64 KiB that it was rid of.
        pour = (f"i=0; while [ $i -lt {LARGE_MB * 16} ]; do head -c 65536 /dev/zero; i=$((i+1)); "
                "echo $i > /tmp/poured.$$; done")
        for _ in range(STALLED):
            self.start_without_reading(name, pour)
        seen = []

        def poured():
            seen.append(self.manager.out("exec", name, "sh", "-c", "cat /tmp/poured.*", check=False).split())
            counts = set(map(tuple, seen[-10:]))
            return len(seen) >= 10 and len(counts) == 1 and len(seen[-1]) == STALLED and seen[-1]
        pieces = sum(map(int, until(poured, "all of them are held up", within_s=60)))
        self.assertLess(pieces / 16, STALLED * HELD_MAX_MB)
        for host, node, then in zip(HOSTS, self.nodes, before):
            self.assertLess(self.memory_kb(node) - then, STALLED * HELD_MAX_MB << 10, f"kB more on {host}")
        self.assertEqual(self.manager.out("exec", name, "echo", "served"), "served")
        self.manager.docker("exec", name, "sh", "-c", "kill -9 $(ls /tmp/poured.* | sed 's/.*[.]//')")

    def test_after_a_restart_of_either_daemon_it_works_again(self):
        _, name = self.create(*TALK)
        for node in (self.manager, self.far):
            node.stop()
            node.start()
            until(lambda: self.manager.docker("logs", name, check=False).stdout == "out\n", "it is reached again")
            self.assertEqual(self.manager.out("exec", name, "echo", "again"), "again")

    def await_state(self, host, state):
        until(lambda: f"{host} {state}" in self.manager.lines("node", "ls", "--format", "{{.Hostname}} {{.Status}}"),
              f"{host} is {state}")

    def test_a_node_that_dies_ends_its_clients_and_then_says_so_at_once(self):
        container, name = self.create(*TALK, host="hostos3")
        follower = self.manager.popen("logs", "--follow", name, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        runner = self.manager.popen("exec", name, "sh", "-c", "echo begun; exec sleep 1000", stdout=subprocess.PIPE,
                                    stderr=subprocess.PIPE)
        for process in (follower, runner):
            self.addCleanup(process.stdout.close)
            self.addCleanup(process.stderr.close)
        self.assertEqual(follower.stdout.readline(), "out\n")
        self.assertEqual(runner.stdout.readline(), "begun\n")
        self.lan.cut(3)
        self.doomed.reboot()
        for process in (follower, runner):
            _, errors = process.communicate(timeout=WITHIN_S)
            self.assertNotEqual(process.returncode, 0)
            self.assertRegex(errors, "node hostos3 (was lost|is down)")
        self.await_state("hostos3", "Down")
        # Its task is no longer the service's, but what it was is still there to be asked for.
        for command in (("logs", name), ("exec", name, "true"), ("top", container[:12]), ("inspect", container)):
            refused = self.manager.docker(*command, check=False)
            self.assertEqual(refused.returncode, 1, command)
            self.assertIn("node hostos3 is down: ", refused.stderr)
        self.lan.plug_in(3, self.doomed.namespaces)
        self.doomed.start()
        self.await_state("hostos3", "Ready")
        _, again = self.container("far", other_than=name)
        self.assertEqual(self.both_lines(again), ("out\n", "err\n"))


if __name__ == "__main__":
    unittest.main()
