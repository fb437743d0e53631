"""./up as a newcomer types it, the tour of the README after it, and ./up --down."""
import hashlib
import json
import os
import pathlib
import re
import signal
import tempfile
import unittest

from harness import ROOT, Namespaces, docker_client, make_images, until

STATE = ROOT / "build/up"
WATCH_S = 5  # how long a command that never ends is watched


def tour():
    """The commands of the README's tour, without their comments."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## A tour of five minutes")[2].partition("\n## ")[0]
    return [re.sub(r"\s+# .*", "", line.strip()) for line in section.splitlines()
            if line.startswith("    ")]

# As ./up names it after its folder.
UP_CGROUP = "shoal-up-" + hashlib.md5(f"{ROOT}\n".encode()).hexdigest()[:8]


class Up(unittest.TestCase):
    def setUp(self):
        make_images()
        self.machine = Namespaces("fresh")
        self.addCleanup(self.machine.close)
        folder = tempfile.TemporaryDirectory(prefix="shoal-up-")
        self.addCleanup(folder.cleanup)
        socket = f"{folder.name}/shoal.sock"
        path = f"{os.path.dirname(docker_client())}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "SHOAL_SOCKET": socket,
                            "DOCKER_HOST": f"unix://{socket}"}
        self.addCleanup(lambda: STATE.exists() and self.run_up("--down"))

    def run_up(self, *flags):
        done = self.machine.run(ROOT / "up", *flags, check=False, env=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_nothing_is_left(self):
        links = json.loads(self.machine.run("ip", "-j", "link").stdout)
        self.assertEqual([link["ifname"] for link in links], ["lo"])
        self.assertNotIn("shoal", self.machine.run("nft", "list", "tables").stdout)
        self.assertNotIn(str(STATE), self.machine.run("cat", "/proc/mounts").stdout)
        self.assertEqual(list(pathlib.Path("/sys/fs/cgroup").glob(f"**/{UP_CGROUP}")), [])
        self.assertFalse(STATE.exists())
        self.assertFalse(os.path.exists(self.environment["SHOAL_SOCKET"]))
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().decode(errors="replace")
            except OSError:
                continue  # It ended while we looked.
            self.assertNotIn(str(STATE), command)

    def test_up_ends_with_a_service_that_answers_and_down_leaves_nothing(self):
        shown = self.run_up()
        self.assertIn("It runs.", shown)
        self.assertNotIn("\x1b[", shown, "colour only on a terminal")
        self.assertIn("Shoal", self.machine.run("curl", "-sS", "http://127.0.0.1:8081/").stdout)
        self.run_up()  # finds everything there
        self.run_up("--down")
        self.assert_nothing_is_left()

    def test_a_daemon_that_was_killed_is_started_again_or_taken_down(self):
        self.run_up()
        self.kill_daemon()
        self.run_up()
        self.assertIn("Shoal", self.machine.run("curl", "-sS", "http://127.0.0.1:8081/").stdout)
        self.kill_daemon()
        self.run_up("--down")
        self.assert_nothing_is_left()

    def kill_daemon(self):
        pid = int((STATE / "shoald.pid").read_text())
        os.kill(pid, signal.SIGKILL)
        until(lambda: not os.path.exists(f"/proc/{pid}/exe"), "the daemon is gone")

    def test_the_tour_of_the_readme_works_as_it_is_written(self):
        self.run_up()
        commands = tour()
        self.assertEqual(commands[0], "export DOCKER_HOST=unix:///run/shoal/shoal.sock")
        self.assertEqual(commands[-1], "./up --down")
        for command in commands[1:-1]:
            self.follow(command)
        self.run_up("--down")
        self.assert_nothing_is_left()

    def follow(self, command):
        ends = 0
        if " -it " in command:
            command = f"echo exit | script -qec '{command}' /dev/null"
        elif " logs -f " in command:
            command, ends = f"timeout {WATCH_S} {command}", 124
        done = self.machine.run("bash", "-c", command, check=False, env=self.environment)
        self.assertEqual(done.returncode, ends, f"{command}: {done.stdout}{done.stderr}")
        self.assertTrue(done.stdout, command)

    def test_a_wrong_flag_is_refused_with_help(self):
        wrong = self.machine.run(ROOT / "up", "--sideways", check=False)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("--help", wrong.stderr)
        self.assertIn("--down", self.machine.run(ROOT / "up", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
