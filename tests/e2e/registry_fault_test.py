"""Registries that hang, answer nonsense or go away: bounded, cancellable, named, and alone."""
import signal
import subprocess
import unittest

from harness import NodeTest, until
from registries import FakeRegistry

SILENCE_S = 3  # --registry-timeout of these nodes


class RegistryFaults(NodeTest):
    images = ("busybox",)
    flags = ("--registry-timeout", str(SILENCE_S))

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registry = FakeRegistry(cls.node)

    @classmethod
    def tearDownClass(cls):
        cls.registry.close()
        super().tearDownClass()

    def remove_all(self):
        super().remove_all()
        for image in self.node.lines("images", "-q", "--filter", "reference=127.0.0.1:*/*/*"):
            self.node.docker("rmi", "-f", image)
        self.assert_nothing_stays()

    def children(self):
        """The skopeos of this node's daemon."""
        found = subprocess.run(["ps", "--no-headers", "-o", "comm", "--ppid", str(self.node.pid)],
                               capture_output=True, text=True)
        return [line for line in found.stdout.split() if line == "skopeo"]

    def scratch(self):
        return list((self.node.folder / "data/scratch").glob("*"))

    def assert_nothing_stays(self):
        until(lambda: not self.children() and not self.scratch(), "no skopeo, nothing in scratch")

    def start_pull(self, image):
        return self.node.popen("pull", self.registry.name(image), stdout=subprocess.PIPE,
                               stderr=subprocess.PIPE)

    def test_each_fault_has_its_text(self):
        # All at the same time, beside one that is well: it does not wait for them.
        expected = {
            "silent/manifest:1": f"no answer from the registry in {SILENCE_S} s",
            "stalls/blob:1": f"the registry has sent .* in {SILENCE_S} s",
            "trickles/blob:1": f"the registry has sent .* in {SILENCE_S} s",
            "html/manifest:1": "manifest",
            "nonsense/manifest:1": "manifest",
            "no_layers/manifest:1": "invalid image: 0 layers, but 1 in its configuration",
            "huge/manifest:1": "manifest",
            "breaks/manifest:1": "500|out of order",
            "breaks-blobs/blob:1": "500",
            "loops/manifest:1": "redirect",
            "loops-blobs/blob:1": "redirect",
            "wrong/blob:1": "[Dd]igest",
            "longer/blob:1": "[Dd]igest|size",
            "short/blob:1": "[Dd]igest|size|EOF",
            "cut/blob:1": "EOF",
        }
        pulls = {image: self.start_pull(image) for image in expected}
        well = self.node.docker("pull", self.registry.name("fine/beside:1"))
        self.assertIn("Downloaded newer image", well.stdout)
        for image, pull in pulls.items():
            out, err = pull.communicate(timeout=120)
            with self.subTest(image):
                self.assertEqual(pull.returncode, 1, out)
                self.assertRegex(err, expected[image])
                self.assertIn(self.registry.name(image.rpartition(":")[0]), err, "it names the image")

    def test_a_registry_that_goes_away_and_comes_back(self):
        image = self.registry.name("gone/blob:1")
        failed = self.node.docker("pull", image, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertRegex(failed.stderr, "EOF|refused|reset")
        self.registry.process.wait()
        refused = self.node.docker("pull", image, check=False)
        self.assertIn("connection refused", refused.stderr)
        self.registry.close()
        self.registry.start()
        self.node.docker("pull", self.registry.name("fine/back:1"))

    def test_a_registry_that_accepts_and_says_nothing(self):
        listener = self.node.namespaces
        holder = subprocess.Popen(listener.enter(
            "python3", "-c", "import socket,sys; s=socket.create_server(('127.0.0.1',5006)); "
            "print('ready', flush=True); sys.stdin.read()"), stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.addCleanup(lambda: (holder.stdin.close(), holder.wait(), holder.stdout.close()))
        holder.stdout.readline()
        done = self.node.docker("pull", "127.0.0.1:5006/some/image:1", check=False)
        self.assertIn("no answer from the registry", done.stderr)
        self.assertIn("127.0.0.1:5006", done.stderr)

    def test_a_client_that_leaves_ends_its_pull(self):
        for image in ("silent/manifest:1", "stalls/blob:1"):
            pull = self.start_pull(image)
            until(self.children, "skopeo runs")
            pull.send_signal(signal.SIGKILL)
            pull.communicate()
            self.assert_nothing_stays()

    def test_a_services_pull(self):
        image = self.registry.name("breaks/service:1")
        self.create("broken", "--detach", "--restart-delay", "1s", image)
        tasks = until(lambda: (lambda t: t if len(t) > 2 else None)(
            [t for t in self.tasks("broken") if t["Error"]]), "it is tried again and again")
        for task in tasks:
            self.assertTrue(task["CurrentState"].startswith("Rejected"), task)
            self.assertIn(image, task["Error"])
            self.assertRegex(task["Error"], "500|out of order")
        self.create("hangs", "--detach", self.registry.name("silent/service:1"))
        until(self.children, "skopeo runs")
        self.node.docker("service", "rm", "hangs", "broken")
        self.assert_nothing_stays()

    def test_a_service_comes_up_once_its_registry_answers(self):
        self.registry.close()
        image = self.registry.name("fine/late:1")
        self.create("late", "--detach", "--restart-delay", "1s", image)
        task = until(lambda: [t for t in self.tasks("late") if t["Error"]], "it is refused")[0]
        self.assertIn("connection refused", task["Error"])
        self.registry.start()
        until(lambda: self.node.docker("image", "inspect", image, check=False).returncode == 0,
              "the image is here")


if __name__ == "__main__":
    unittest.main()
