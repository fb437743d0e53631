"""A full disk under the data root: every command says so, nothing half done stays, what was
acknowledged is kept, containers go on, and all works again once there is room."""
import json
import pathlib
import subprocess
import unittest

from harness import IMAGES, Node, NodeTest, make_images, until
from registries import FakeRegistry

DISK = "/run/disk"  # in the node's own mount namespace
DISK_MIB = 96
NO_SPACE = "no space left on device"


class DiskFull(NodeTest):
    images = ("busybox",)

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.node = node = Node("node1")
        try:
            node.namespaces.run("mkdir", DISK)
            node.namespaces.run("mount", "-t", "tmpfs", "-o", f"size={DISK_MIB}m", "tmpfs", DISK)
            node.data_root = pathlib.Path(DISK, "data")
            node.start()
            node.load(*cls.images)
            node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
            cls.registry = FakeRegistry(node)
        except BaseException:
            node.close()
            raise

    @classmethod
    def tearDownClass(cls):
        cls.registry.close()
        super().tearDownClass()

    def setUp(self):
        super().setUp()
        self.addCleanup(self.make_room)

    def fill(self, leave_kib=0):
        """Fills the disk but for that much."""
        free = self.node.namespaces.run("df", "--output=avail", "-B1K", DISK).stdout.split()[-1]
        self.node.namespaces.run("dd", "if=/dev/zero", f"of={DISK}/filler", "bs=1K", "status=none",
                                 f"count={int(free) - leave_kib}", check=False)

    def make_room(self):
        self.node.namespaces.run("rm", "-f", f"{DISK}/filler")

    def files(self, folder):
        return self.node.namespaces.run("sh", "-c", f"ls -A {self.node.data_root}/{folder}").stdout

    def no_space(self, *command, **options):
        done = self.node.docker(*command, check=False, **options)
        self.assertNotEqual(done.returncode, 0, f"{command}: {done.stdout}")
        self.assertIn(NO_SPACE, done.stderr.lower(), command)
        return done.stderr

    def test_pull(self):
        layers, image = self.files("layers"), self.registry.name("fine/pulled:1")
        # Room for the compressed layer but not for the unpacked one, then for neither, then none.
        for leave_kib in (6000, 1000, 0):
            self.fill(leave_kib)
            self.assertIn("fine/pulled", self.no_space("pull", image))
            self.make_room()
            until(lambda: self.files("scratch") == "", "the scratch folder is empty")
            self.assertEqual(self.files("layers"), layers)
        self.node.docker("pull", image)
        self.node.docker("rmi", image)

    def test_a_services_pull(self):
        image = self.registry.name("fine/service:1")
        self.fill(1000)
        self.create("pulls", "--detach", "--restart-delay", "1s", image)
        rejected = until(lambda: (lambda tasks: tasks if len(tasks) > 1 else None)(
            [t for t in self.tasks("pulls") if t["CurrentState"].startswith("Rejected")]), "it is tried again")
        for task in rejected:
            self.assertIn(NO_SPACE, task["Error"].lower())
        self.make_room()
        until(lambda: self.node.docker("image", "inspect", image, check=False).returncode == 0,
              "the image is here")
        self.node.docker("service", "rm", "pulls")
        until(lambda: self.node.docker("rmi", "--force", image, check=False).returncode == 0, "it can go")

    def test_load_import_and_save(self):
        layers = self.files("layers")
        for command in (("load", "-i", IMAGES / "whoami.tar"), ("import", IMAGES / "whoami.tar", "x:1")):
            for leave_kib in (1000, 0):
                self.fill(leave_kib)
                self.no_space(*command)
                self.make_room()
                until(lambda: self.files("scratch") == "", "the scratch folder is empty")
                self.assertEqual(self.files("layers"), layers)
        self.fill()
        saved = self.node.folder / "saved.tar"
        done = self.node.docker("save", "-o", saved, "busybox:demo", check=False)
        if done.returncode != 0:
            self.assertIn(NO_SPACE, done.stderr.lower())
        self.make_room()
        self.node.docker("load", "-i", IMAGES / "whoami.tar")

    def test_containers(self):
        before = self.files("rootfs"), self.files("containers")
        self.fill()
        self.no_space("create", "--name", "none", "busybox:demo", "true")
        self.no_space("run", "--name", "none", "busybox:demo", "true")
        self.no_space("volume", "create", "none")
        self.make_room()
        until(lambda: (self.files("rootfs"), self.files("containers")) == before, "nothing stays")
        self.assertEqual(self.node.out("run", "--rm", "busybox:demo", "echo", "runs"), "runs")

    def test_a_container_that_logs_goes_on(self):
        node = self.node
        node.docker("run", "-d", "--name", "talker", "busybox:demo", "sh", "-c",
                    "n=0; while :; do n=$((n+1)); echo line $n; echo $n > /proc/self/fd/1; "
                    "echo $n > /dev/shm/count; sleep 0.01; done")
        count = lambda: int(node.out("exec", "talker", "cat", "/dev/shm/count") or 0)
        until(lambda: count() > 10, "it talks")
        self.fill()
        seen = count()
        until(lambda: count() > seen + 300, "it goes on with a full disk")
        self.make_room()
        state = node.inspect("talker")["State"]
        self.assertTrue(state["Running"], state)
        since = count()
        until(lambda: f"line {since + 100}" in node.out("logs", "--tail", "200", "talker"),
              "its newest lines are kept again")

    def test_the_daemon_starts_on_a_full_disk(self):
        node = self.node
        self.create("web", "--replicas", "2", "busybox:demo", "sleep", "1d")
        tasks = {t["ID"] for t in self.running("web")}
        node.docker("run", "-d", "--name", "by-hand", "busybox:demo", "sleep", "1d")
        containers = set(node.lines("ps", "-q", "--no-trunc"))
        self.fill()
        node.stop()
        node.start()
        self.assertEqual(set(node.lines("ps", "-q", "--no-trunc")), containers)
        self.assertEqual(node.out("exec", "by-hand", "echo", "runs"), "runs")
        until(lambda: node.docker("service", "ls", check=False).returncode == 0, "it can be read")
        self.assertEqual({t["ID"] for t in self.running("web")}, tasks)
        refused = self.service("refused", 1000)
        self.assertIn("full", refused.stderr)
        self.make_room()
        until(lambda: self.service("later", 1000).returncode == 0, "writes work again")
        self.assertEqual(set(node.lines("ps", "-q", "--no-trunc")), containers)
        self.assertEqual({t["ID"] for t in self.running("web")}, tasks)

    def service(self, name, label_bytes):
        return self.node.docker("service", "create", "--detach", "--no-resolve-image", "--quiet",
                                "--replicas", "0", "--label", f"filler={'x' * label_bytes}", "--name",
                                name, "busybox:demo", check=False)

    def test_the_swarms_state(self):
        node = self.node
        self.create("web", "--replicas", "2", "busybox:demo", "sleep", "1d")
        before = {t["ID"] for t in self.running("web")}
        self.fill()
        kept, refused = [], None
        for n in range(400):  # The database has some room of its own.
            done = self.service(f"s{n}", 100_000)
            if done.returncode != 0:
                refused = done.stderr
                break
            kept.append(f"s{n}")
        self.assertIsNotNone(refused, "no write was ever refused")
        self.assertIn("full", refused)
        until(lambda: node.docker("service", "ls", check=False).returncode == 0, "it can be read")
        names = set(node.lines("service", "ls", "--format", "{{.Name}}"))
        self.assertEqual(names, {"web", *kept}, "what was acknowledged, and nothing else")
        again = self.service("again", 100_000)
        self.assertNotEqual(again.returncode, 0)
        self.assertEqual({t["ID"] for t in self.running("web")}, before)
        self.make_room()
        until(lambda: self.service("later", 1000).returncode == 0, "writes work again")
        self.assertEqual({t["ID"] for t in self.running("web")}, before, "no task was touched")
        node.docker("service", "scale", "web=3", "--detach")
        self.await_running("web", 3)


if __name__ == "__main__":
    unittest.main()
