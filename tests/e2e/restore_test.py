"""Backup and restore of a node's swarm, and what the daemon says when its state is damaged."""
import shutil
import sqlite3

from harness import BIN, NodeTest, until

SECRET = "PASSWORD=only-in-sealed-values"


class Restored(NodeTest):
    """Each test has a node of its own, with two services and a backup of them."""

    images = ("busybox", "whoami")

    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        super().setUpClass()
        self.addCleanup(super().tearDownClass)
        self.create("web", "--detach", "--replicas", "2", "--publish", "8081:80", "whoami:demo")
        self.create("talk", "--detach", "--env", SECRET, "busybox:demo", "sleep", "1000000")
        self.await_running("web", 2)
        self.await_running("talk", 1)
        self.swarm = self.node.data_root / "swarm"
        self.backup = self.node.folder / "backup"
        self.services, self.tokens = self.ids_of_services(), self.join_tokens()
        self.assertIn("guard it", self.shoald("--backup", self.backup))

    def shoald(self, *arguments, refused=False):
        """Runs shoald beside the daemon, with the node's folders; returns what it printed."""
        done = self.node.namespaces.run(
            BIN / "shoald", "--data-root", self.node.data_root, "--exec-root",
            self.node.folder / "run", "--pidfile", self.node.folder / "pid", *arguments,
            check=False)
        self.assertEqual(done.returncode != 0, refused, done.stderr + done.stdout)
        return done.stderr if refused else done.stdout

    def ids_of_services(self):
        return dict(line.split() for line in self.node.lines(
            "service", "inspect", "--format", "{{.Spec.Name}} {{.ID}}",
            *self.node.lines("service", "ls", "--quiet")))

    def join_tokens(self):
        return [self.node.out("swarm", "join-token", "--quiet", role)
                for role in ("worker", "manager")]

    def task_containers(self):
        """Ids of the containers of tasks that run."""
        return set(self.node.lines("ps", "--no-trunc", "--quiet", "--filter",
                                   "label=com.docker.swarm.task.id"))

    def await_restored(self):
        self.await_running("web", 2)
        self.await_running("talk", 1)
        self.assertEqual(self.ids_of_services(), self.services)
        self.assertEqual(self.join_tokens(), self.tokens)
        until(lambda: "hostname" in self.node.curl("http://127.0.0.1:8081", check=False),
              "the published port answers")

    def error(self):
        return self.node.out("info", "--format", "{{.Swarm.Error}}")

    def test_services_are_back_after_everything_was_wiped(self):
        self.create("later", "--detach", "busybox:demo", "sleep", "1000000")
        self.node.stop()
        self.shoald("--cgroup-parent", self.node.cgroup, "--cleanup")
        shutil.rmtree(self.node.data_root)
        self.assertIn("Start shoald now", self.shoald("--restore", self.backup))
        self.node.start()
        self.node.load(*self.images)
        self.await_restored()

    def test_containers_of_known_tasks_are_adopted_and_others_go(self):
        before = self.task_containers()
        self.assertEqual(len(before), 3)
        self.create("later", "--detach", "busybox:demo", "sleep", "1000000")
        self.await_running("later", 1)
        self.node.stop()
        self.swarm.rename(self.node.folder / "swarm.away")
        self.shoald("--restore", self.backup)
        self.node.start()
        self.await_restored()
        until(lambda: self.task_containers() == before,
              "only the containers of the restored tasks, the same as before")

    def test_no_secret_of_the_swarm_is_in_the_clear(self):
        for stopped in (False, True):
            if stopped:
                self.node.stop()
            for file in filter(lambda file: file.is_file(), self.swarm.rglob("*")):
                secrets = [SECRET, *self.tokens]
                if file.name != "swarm-node.pem":  # The node's own key; it needs no database.
                    secrets.append("PRIVATE KEY")
                for secret in secrets:
                    self.assertNotIn(secret.encode(), file.read_bytes(), file)

    def test_what_cannot_be_restored_changes_nothing(self):
        self.assertIn("is still running", self.shoald("--restore", self.backup, refused=True))
        self.node.stop()
        self.assertIn("this node has a swarm already",
                      self.shoald("--restore", self.backup, refused=True))
        away, cut = self.node.folder / "swarm.away", self.node.folder / "cut"
        cut.write_bytes(self.backup.read_bytes()[:-100])
        self.swarm.rename(away)
        for file, reason in ((cut, "it is cut short"),
                             (self.node.folder / "log", "not a backup of Shoal"),
                             (self.node.folder / "none", "No such file")):
            self.assertIn(reason, self.shoald("--restore", file, refused=True))
            self.assertFalse(self.swarm.exists())
        away.rename(self.swarm)
        self.node.start()
        self.await_restored()

    def test_a_damaged_state_is_named_with_the_way_back(self):
        self.node.stop()
        key = self.swarm / "data.key"
        key.rename(self.node.folder / "data.key")
        self.node.start()
        self.assertIn("data.key is missing", self.error())
        self.assertIn("shoald --restore FILE", self.error())
        self.assertFalse(key.exists())

        self.node.stop()
        (self.node.folder / "data.key").rename(key)
        database = sqlite3.connect(self.swarm / "state.db")
        with database:
            database.execute("UPDATE service SET value = substr(value, 1, 60) WHERE id = ?",
                             (self.services["web"],))
        database.close()
        self.node.start()
        self.assertIn(f"service {self.services['web']}: damaged", self.error())
        self.assertIn("shoald --restore FILE", self.error())

        self.node.stop()
        self.swarm.rename(self.node.folder / "swarm.damaged")
        self.shoald("--restore", self.backup)
        self.node.start()
        self.await_restored()
