"""docker run, exec, attach, logs and the rest of a container's life, with the real client."""
import os
import pty
import select
import signal
import subprocess
import time
import unittest

from harness import WITHIN_S, NodeTest, until

IMAGE = "busybox:demo"


class Terminal:
    """A docker command on a pseudo terminal, driven as a person would."""

    def __init__(self, node, *arguments):
        self.master, slave = pty.openpty()
        self.process = node.popen(*arguments, stdin=slave, stdout=slave, stderr=slave,
                                  start_new_session=True)
        os.close(slave)
        self.seen = ""

    def expect(self, text):
        deadline = time.monotonic() + WITHIN_S
        while text not in self.seen:
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            if not ready:
                raise AssertionError(f"{text!r} did not come; seen: {self.seen!r}")
            try:
                piece = os.read(self.master, 4096)
            except OSError:
                piece = b""
            if not piece:
                raise AssertionError(f"it ended before {text!r}; seen: {self.seen!r}")
            self.seen += piece.decode(errors="replace")
        self.seen = self.seen.partition(text)[2]

    def type(self, text):
        os.write(self.master, text.encode())

    def wait(self):
        code = self.process.wait(WITHIN_S)
        os.close(self.master)
        return code


class Run(NodeTest):
    images = ("busybox",)

    def run_rm(self, *arguments, **options):
        return self.node.docker("run", "--rm", *arguments, **options)

    def test_output_errors_and_exit_code_come_back(self):
        done = self.run_rm(IMAGE, "sh", "-c", "echo out; echo err >&2; exit 7", check=False)
        self.assertEqual((done.stdout, done.stderr, done.returncode), ("out\n", "err\n", 7))
        self.assertEqual(self.node.lines("ps", "-aq"), [])

    def test_standard_input_is_given_to_its_end(self):
        text = "x" * 200_000 + "\n"
        done = self.run_rm("-i", IMAGE, "cat", input=text)
        self.assertEqual(done.stdout, text)

    def test_a_terminal_works_both_ways_and_takes_its_size(self):
        terminal = Terminal(self.node, "run", "--rm", "-it", IMAGE, "sh")
        terminal.expect("# ")
        terminal.type("tty; echo $((6*7))\n")
        terminal.expect("/dev/pts/0")
        terminal.expect("42")
        terminal.type("exit 3\n")
        self.assertEqual(terminal.wait(), 3)

    def test_exec_with_and_without_a_terminal(self):
        self.node.docker("run", "-d", "--name", "box", IMAGE, "sleep", "1000")
        done = self.node.docker("exec", "box", "sh", "-c", "echo hi; exit 4", check=False)
        self.assertEqual((done.stdout, done.returncode), ("hi\n", 4))
        self.assertEqual(self.node.docker("exec", "-i", "box", "cat", input="fed").stdout, "fed")
        self.assertEqual(self.node.out("exec", "-w", "/tmp", "-e", "A=b", "box", "sh", "-c",
                                       "echo $PWD $A"), "/tmp b")
        terminal = Terminal(self.node, "exec", "-it", "box", "sh")
        terminal.expect("# ")
        terminal.type("echo $((40+2)); exit\n")
        terminal.expect("42")
        self.assertEqual(terminal.wait(), 0)
        missing = self.node.docker("exec", "box", "nonsense", check=False)
        self.assertIn(missing.returncode, (126, 127))
        self.assertIn("executable file not found", missing.stderr + missing.stdout)

    def test_attach_detaches_by_keys_and_leaves_it_running(self):
        self.node.docker("run", "-dit", "--name", "box", IMAGE, "sh")
        terminal = Terminal(self.node, "attach", "box")
        terminal.type("echo $((6*7))\n")
        terminal.expect("42")
        terminal.type("\x10\x11")  # ctrl-p ctrl-q
        terminal.wait()
        self.assertEqual(self.node.inspect("box")["State"]["Status"], "running")

    def test_life_from_create_to_rename_and_restart(self):
        node = self.node
        node.docker("create", "--name", "life", IMAGE, "sh", "-c", "echo started; sleep 1000")
        self.assertEqual(node.inspect("life")["State"]["Status"], "created")
        node.docker("start", "life")
        first = node.inspect("life")["State"]["Pid"]
        node.docker("restart", "-t", "0", "life")
        self.assertNotEqual(node.inspect("life")["State"]["Pid"], first)
        self.assertEqual(until(lambda: node.out("logs", "life").count("started") == 2, "two starts"),
                         True)
        node.docker("rename", "life", "after")
        self.assertIn("sleep 1000", node.out("top", "after"))
        node.docker("kill", "after")
        self.assertEqual(node.out("wait", "after"), "137")
        node.docker("rm", "after")

    def test_stop_gives_the_signal_and_then_kills(self):
        node = self.node
        node.docker("run", "-d", "--name", "polite", IMAGE, "sh", "-c",
                    "trap 'exit 5' TERM; while :; do sleep 0.1; done")
        node.docker("stop", "polite")
        self.assertEqual(node.inspect("polite")["State"]["ExitCode"], 5)
        node.docker("run", "-d", "--name", "stubborn", IMAGE, "sh", "-c",
                    "trap '' TERM; while :; do sleep 0.1; done")
        node.docker("stop", "-t", "1", "stubborn")
        self.assertEqual(node.inspect("stubborn")["State"]["ExitCode"], 137)

    def test_logs_tail_since_timestamps_and_follow(self):
        node = self.node
        node.docker("run", "-d", "--name", "talker", IMAGE, "sh", "-c",
                    "for i in 1 2 3 4 5; do echo line $i; done; sleep 1000")
        until(lambda: node.lines("logs", "talker") == [f"line {i}" for i in range(1, 6)], "lines")
        self.assertEqual(node.lines("logs", "--tail", "2", "talker"), ["line 4", "line 5"])
        stamp, word, _ = node.lines("logs", "-t", "--tail", "1", "talker")[0].split()
        self.assertRegex(stamp, r"^\d{4}-\d\d-\d\dT[\d:.]+Z$")
        self.assertEqual(node.lines("logs", "--since", "2100-01-01T00:00:00Z", "talker"), [])
        follow = node.popen("logs", "-f", "talker", stdout=subprocess.PIPE)
        self.assertEqual([follow.stdout.readline() for _ in range(5)],
                         [f"line {i}\n" for i in range(1, 6)])
        node.docker("kill", "talker")
        self.assertEqual(follow.wait(WITHIN_S), 0, "it ends with the container")
        follow.stdout.close()

    def test_limits_are_the_kernels(self):
        out = self.run_rm("--memory", "64m", "--cpus", "0.5", "--pids-limit", "50", IMAGE, "sh",
                          "-c", "cat /sys/fs/cgroup/memory/memory.limit_in_bytes "
                          "/sys/fs/cgroup/memory.max /sys/fs/cgroup/pids/pids.max "
                          "/sys/fs/cgroup/pids.max /sys/fs/cgroup/cpu/cpu.cfs_quota_us 2>/dev/null",
                          check=False).stdout.split()
        self.assertIn("67108864", out)
        self.assertIn("50", out)

    def test_settings_reach_the_process(self):
        script = "id -u; id -g; hostname; pwd; echo $COLOUR; cat /proc/sys/kernel/msgmax; ulimit -n"
        out = self.run_rm("-u", "1000:1001", "-h", "named", "-w", "/tmp", "-e", "COLOUR=blue",
                          "--sysctl", "kernel.msgmax=4096", "--ulimit", "nofile=99:99", IMAGE, "sh",
                          "-c", script).stdout.split()
        self.assertEqual(out, ["1000", "1001", "named", "/tmp", "blue", "4096", "99"])
        self.assertNotEqual(self.run_rm("--read-only", IMAGE, "touch", "/x", check=False).returncode,
                            0)
        self.assertIn("docker-init", self.run_rm("--init", IMAGE, "cat", "/proc/1/comm",
                                                 "/proc/1/cmdline").stdout)

    def test_security_is_dockers_default(self):
        status = self.run_rm(IMAGE, "cat", "/proc/self/status").stdout
        self.assertIn("CapEff:\t00000000a80425fb", status)
        self.assertIn("Seccomp:\t2", status)
        dropped = self.run_rm("--cap-drop", "ALL", "--cap-add", "NET_ADMIN", IMAGE, "cat",
                              "/proc/self/status").stdout
        self.assertIn("CapEff:\t0000000000001000", dropped)
        self.assertEqual(self.run_rm(IMAGE, "sh", "-c", "cat /proc/keys | wc -c").stdout, "0\n")

    def test_mounts_bind_volume_and_tmpfs(self):
        node = self.node
        shared = node.folder / "shared"
        shared.mkdir()
        (shared / "file").write_text("from the host")
        out = self.run_rm("-v", f"{shared}:/in:ro", "-v", "data:/data", "--tmpfs", "/t:size=1m",
                          IMAGE, "sh", "-c",
                          "cat /in/file; touch /in/no 2>/dev/null || echo refused; echo kept > /data/k;"
                          "grep -c ' /t tmpfs' /proc/mounts").stdout
        self.assertEqual(out, "from the hostrefused\n1\n")
        self.assertEqual(self.run_rm("-v", "data:/d", IMAGE, "cat", "/d/k").stdout, "kept\n")
        node.docker("volume", "rm", "data")

    def test_a_published_port_and_the_way_out(self):
        node = self.node
        node.docker("run", "-d", "--name", "web", "-p", "8090:80", IMAGE, "httpd", "-f", "-h",
                    "/etc")
        self.assertIn("root", node.curl("http://127.0.0.1:8090/passwd"))
        self.assertIn("8090->80/tcp", node.out("ps", "--format", "{{.Ports}}"))
        outside = node.outside or node.connect_outside()
        self.assertIn("root", node.curl("http://10.97.0.1:8090/passwd", outside))
        ping = self.run_rm(IMAGE, "ping", "-c", "1", "-W", "5", "10.97.0.2")
        self.assertIn("1 packets received", ping.stdout)

    def test_a_command_that_ends_at_once_and_one_that_is_missing(self):
        self.run_rm(IMAGE, "true")
        missing = self.run_rm(IMAGE, "nonsense", check=False)
        self.assertEqual(missing.returncode, 127)
        self.assertIn("executable file not found in $PATH", missing.stderr)
        directory = self.run_rm(IMAGE, "/etc", check=False)
        self.assertEqual(directory.returncode, 126)

    def test_a_client_that_goes_in_the_middle_harms_nobody(self):
        node = self.node
        node.docker("run", "-d", "--name", "noisy", IMAGE, "sh", "-c", "while :; do echo y; done")
        for command in (("logs", "-f", "noisy"), ("attach", "--no-stdin", "noisy"),
                        ("exec", "noisy", "yes"), ("events",)):
            client = node.popen(*command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
            if command[0] != "events":
                client.stdout.read(1000)
            client.send_signal(signal.SIGKILL)
            client.communicate()
        self.assertEqual(node.inspect("noisy")["State"]["Status"], "running")
        node.docker("rm", "-f", "noisy")
        self.assertEqual(node.lines("ps", "-aq"), [])


if __name__ == "__main__":
    unittest.main()
