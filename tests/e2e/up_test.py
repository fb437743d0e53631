"""./up as a newcomer types it, and ./up --down."""
import json
import os
import pathlib
import tempfile
import unittest

from harness import ROOT, Namespaces, make_images


class Up(unittest.TestCase):
    def test_up_ends_with_a_service_that_answers_and_down_leaves_nothing(self):
        make_images()
        machine = Namespaces("fresh")
        self.addCleanup(machine.close)
        with tempfile.TemporaryDirectory(prefix="shoal-up-") as folder:
            environment = {**os.environ, "SHOAL_SOCKET": f"{folder}/shoal.sock"}
            up = machine.run(ROOT / "up", check=False, env=environment)
            try:
                self.assertEqual(up.returncode, 0, up.stdout + up.stderr)
                self.assertIn("It runs.", up.stdout)
                self.assertNotIn("\x1b[", up.stdout, "colour only on a terminal")
                answer = machine.run("curl", "-sS", "http://127.0.0.1:8081/").stdout
                self.assertIn("Shoal", answer)
                again = machine.run(ROOT / "up", check=False, env=environment)
                self.assertEqual(again.returncode, 0, "a second ./up finds everything there")
            finally:
                down = machine.run(ROOT / "up", "--down", check=False, env=environment)
            self.assertEqual(down.returncode, 0, down.stdout + down.stderr)
        links = json.loads(machine.run("ip", "-j", "link").stdout)
        self.assertEqual([link["ifname"] for link in links], ["lo"])
        self.assertNotIn("shoal", machine.run("nft", "list", "tables").stdout)
        self.assertEqual(list(pathlib.Path("/sys/fs/cgroup").glob("*/shoal-up")), [])
        self.assertFalse((ROOT / "build/up").exists())

    def test_a_wrong_flag_is_refused_with_help(self):
        machine = Namespaces("fresh")
        self.addCleanup(machine.close)
        wrong = machine.run(ROOT / "up", "--sideways", check=False)
        self.assertNotEqual(wrong.returncode, 0)
        self.assertIn("--help", wrong.stderr)
        self.assertIn("--down", machine.run(ROOT / "up", "--help").stdout)


if __name__ == "__main__":
    unittest.main()
