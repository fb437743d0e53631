"""./up as a newcomer types it, the tour of the README after it, and ./up --down."""
import os
import re
import unittest

from harness import ROOT, Namespaces, docker_client, make_images
from playground import Playground

WATCH_S = 5  # how long a command that never ends is watched


def tour():
    """The commands of the README's tour, without their comments."""
    text = (ROOT / "README.md").read_text()
    section = text.partition("## A tour of five minutes")[2].partition("\n## ")[0]
    return [re.sub(r"\s+# .*", "", line.strip()) for line in section.splitlines()
            if line.startswith("    ")]


class Up(unittest.TestCase):
    def setUp(self):
        make_images()
        self.machine = Namespaces("fresh")
        self.addCleanup(self.machine.close)
        self.playground = Playground(3, machine=self.machine)
        self.addCleanup(self.playground.close)
        path = f"{os.path.dirname(docker_client())}:{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "SHOAL_PLAYGROUND": self.playground.name}

    def run_up(self, *flags):
        done = self.machine.run(ROOT / "up", *flags, check=False, env=self.environment)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def assert_it_answers(self):
        url = f"http://{self.playground.address(1)}:8081/"
        self.assertIn("Shoal", self.machine.run("curl", "-sS", url).stdout)

    def take_down(self):
        self.run_up("--down")
        self.assertEqual(self.playground.leftovers(), [])

    def test_up_ends_with_a_service_that_answers_and_down_leaves_nothing(self):
        shown = self.run_up()
        self.assertIn("It runs.", shown)
        self.assertNotIn("\x1b[", shown, "colour only on a terminal")
        self.assertEqual(shown.count("Ready"), 3)
        self.assert_it_answers()
        self.run_up()  # finds everything there
        self.take_down()
        self.assertIn("nothing to remove", self.run_up("--down"))

    def test_what_was_broken_is_started_again_or_taken_down(self):
        self.run_up()
        self.machine.run("kill", "-9", self.playground.daemon_pid(1))
        self.playground.kill(2)
        self.playground.cut(3)
        self.run_up()
        self.assertEqual(self.playground.states(), ["running"] * 3)
        self.assert_it_answers()
        self.machine.run("kill", "-9", self.playground.daemon_pid(1))
        self.playground.stop(2)
        self.take_down()

    def test_the_tour_of_the_readme_works_as_it_is_written(self):
        self.run_up()
        commands = tour()
        self.assertEqual(commands[0], "export $(build/bin/shoal playground env 1)")
        self.assertEqual(commands[-1], "./up --down")
        told = self.machine.run(ROOT / "build/bin/shoal", "playground", "env", "1", env=self.environment)
        self.environment.update(line.split("=", 1) for line in told.stdout.splitlines())
        for command in commands[1:-1]:
            self.follow(command)
        self.take_down()

    def follow(self, command):
        ends, quiet = 0, "playground" in command
        if " -it " in command:
            command = f"echo exit | script -qec '{command}' /dev/null"
        elif " logs -f " in command:
            command, ends = f"timeout {WATCH_S} {command}", 124
        done = self.machine.run("bash", "-c", f"cd {ROOT}; {command}", check=False, env=self.environment)
        self.assertEqual(done.returncode, ends, f"{command}: {done.stdout}{done.stderr}")
        self.assertTrue(done.stdout or quiet, command)

    def test_a_wrong_flag_is_refused_with_help(self):
        wrong = self.machine.run(ROOT / "up", "--sideways", check=False)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("--help", wrong.stderr)
        self.assertIn("--down", self.machine.run(ROOT / "up", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
