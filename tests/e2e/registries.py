"""Registries for the end-to-end tests, on the loopback of a node."""
import pathlib
import subprocess

FAKE = pathlib.Path(__file__).with_name("fake_registry.py")


class FakeRegistry:
    """fake_registry.py: each repository has its fault; `fine/...` has none."""

    def __init__(self, node, port=5005):
        self.node, self.port = node, port
        self.process = None
        self.start()

    def start(self):
        self.process = subprocess.Popen(
            self.node.namespaces.enter("python3", FAKE, self.port), text=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the fake registry did not start")

    def name(self, image):
        return f"127.0.0.1:{self.port}/{image}"

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()
