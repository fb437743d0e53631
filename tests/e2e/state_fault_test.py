"""State that cannot be trusted: newer, damaged, missing, of another node, of another machine, in use.

The daemon says which record or file it is and refuses to guess; all but the swarm is served, the
containers go on, and either a backup or `docker swarm leave --force` gets out of it.
"""
import os
import shutil
import sqlite3
import subprocess
import unittest

from harness import BIN, Node, NodeTest, until

HINT = ("shoald --restore FILE", "docker swarm leave --force")


class StateFaults(NodeTest):
    images = ("busybox",)

    def setUp(self):
        super().setUp()
        node = self.node
        self.create("web", "--replicas", "2", "busybox:demo", "sleep", "1d")
        self.tasks_before = {t["ID"] for t in self.running("web")}
        self.containers_before = set(node.lines("ps", "-q", "--no-trunc"))
        node.stop()
        self.folder = node.data_root / "swarm"
        self.saved = node.folder / "saved"
        shutil.copytree(self.folder, self.saved)
        self.addCleanup(self.restore)

    def restore(self):
        """After a test that failed half-way."""
        if self.saved.exists():
            if os.path.exists(f"/proc/{self.node.pid}"):
                self.node.stop()
            self.put_back()
            shutil.rmtree(self.saved)
            self.node.start()

    def put_back(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        shutil.copytree(self.saved, self.folder)

    def sql(self, *commands):
        with sqlite3.connect(self.folder / "state.db") as database:
            for command in commands:
                database.execute(command)
        database.close()

    def assert_refused(self, *texts):
        """The daemon starts with the damage, says what it is, and serves all but the swarm."""
        node = self.node
        node.start()
        state, _, error = node.out("info", "--format",
                                   "{{.Swarm.LocalNodeState}} {{.Swarm.Error}}").partition(" ")
        self.assertEqual(state, "error")
        refused = node.docker("service", "ls", check=False)
        self.assertEqual(refused.returncode, 1)
        again = node.docker("swarm", "init", check=False)
        self.assertEqual(again.returncode, 1, "no second swarm on top of it")
        for text in (*texts, *HINT):
            self.assertIn(text, error)
            self.assertIn(text, refused.stderr)
        self.assertEqual(set(node.lines("ps", "-q", "--no-trunc")), self.containers_before)
        self.assertEqual(node.out("run", "--rm", "busybox:demo", "echo", "runs"), "runs")
        node.stop()
        self.put_back()

    def test_damage_is_named_and_a_copy_of_the_state_resumes(self):
        node, database, identity = self.node, self.folder / "state.db", self.folder / "node.json"
        self.sql("PRAGMA user_version = 99")
        self.assert_refused("state.db", "written by a newer version (schema 99")
        self.sql("UPDATE service SET value = x'00ff00ff'")
        self.assert_refused("state.db: service")
        self.sql("DELETE FROM task")
        self.assert_refused("state.db: damaged:", "records of")
        self.sql("DELETE FROM node", "UPDATE head SET record_count = (SELECT sum(n) FROM ("
                 + " UNION ALL ".join(f"SELECT count(*) AS n FROM {table}" for table in self.tables())
                 + "))")
        self.assert_refused("is not in", "state.db")
        for bytes_kept in (0, 100, 10_000):
            with open(database, "r+b") as file:
                file.truncate(bytes_kept)
            for leftover in self.folder.glob("state.db-*"):
                leftover.unlink()
            self.assert_refused("state.db")
        database.write_bytes(b"garbage " * 5000)
        self.assert_refused("state.db")
        database.unlink()
        self.assert_refused("state.db is missing")
        for text in ("", '{"node_id": ', '{"node_id": "no id/"}', "\0" * 100, "[]"):
            identity.write_text(text)
            self.assert_refused("node.json is damaged")
        identity.write_text('{"node_id": "abcdefghijklmnopqrstuvwxy", "address": "127.0.0.1", '
                            '"manager_address": "127.0.0.1:2377"}')
        self.assert_refused("node abcdefghijklmnopqrstuvwxy", "is not in")
        node.start()
        self.assertEqual({t["ID"] for t in self.running("web")}, self.tasks_before)
        self.assertEqual(set(node.lines("ps", "-q", "--no-trunc")), self.containers_before)
        shutil.rmtree(self.saved)

    def tables(self):
        with sqlite3.connect(self.saved / "state.db") as database:
            rows = database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
        database.close()
        return [name for name, in rows if name not in ("head",)]

    def test_leaving_gets_out_of_it(self):
        node = self.node
        (self.folder / "state.db").write_bytes(b"garbage " * 5000)
        node.start()
        self.assertEqual(node.docker("swarm", "leave", check=False).returncode, 1)
        node.docker("swarm", "leave", "--force")
        self.assertEqual(node.out("info", "--format", "{{.Swarm.LocalNodeState}}"), "inactive")
        self.assertEqual(node.lines("ps", "-aq"), [], "the tasks' containers are gone")
        node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        self.create("again", "busybox:demo", "sleep", "1d")
        shutil.rmtree(self.saved)

    def refused_start(self, *flags):
        """What a second daemon says; every flag that is not named is a free one."""
        given = {"-H": f"unix://{self.node.folder}/second.sock",
                 "--data-root": self.node.folder / "second", "--exec-root":
                 self.node.folder / "second-run", "--cgroup-parent": f"{self.node.cgroup}/second",
                 "--bridge": "second0", **dict(zip(flags[::2], flags[1::2]))}
        command = (BIN / "shoald", *(f for pair in given.items() for f in pair))
        done = self.node.namespaces.run(*command, check=False)
        self.assertEqual(done.returncode, 1, done.stderr)
        self.node.namespaces.run(*command, "--cleanup", check=False)  # Its bridge, if it got so far.
        return done.stdout + done.stderr

    def test_folders_and_sockets_that_others_use(self):
        node = self.node
        node.start()
        self.assertIn(f"another daemon uses {node.data_root}",
                      self.refused_start("--data-root", node.data_root))
        self.assertIn(f"another daemon uses {node.folder / 'run'}",
                      self.refused_start("--exec-root", node.folder / "run"))
        self.assertIn(f"another process listens on {node.socket}",
                      self.refused_start("-H", f"unix://{node.socket}"))
        self.assertRegex(self.refused_start("--cgroup-parent", node.cgroup),
                         f"another daemon uses /sys/fs/cgroup.*{node.cgroup}")
        self.assertIn("is still running", self.refused_start("--pidfile", node.folder / "pid"))
        self.assertEqual({t["ID"] for t in self.running("web")}, self.tasks_before)
        self.assertEqual(node.out("run", "--rm", "busybox:demo", "echo", "runs"), "runs")
        shutil.rmtree(self.saved)

    def test_a_data_root_that_cannot_be_written(self):
        node = self.node
        node.start()
        node.namespaces.run("sh", "-c", "mkdir /run/ro && mount -t tmpfs -o ro tmpfs /run/ro")
        self.assertIn("/run/ro", said := self.refused_start("--data-root", "/run/ro"))
        self.assertIn("Read-only file system", said)
        self.assertIn("/run/ro/below", self.refused_start("--data-root", "/run/ro/below"))
        (node.folder / "a-file").write_text("")
        self.assertIn("a-file", self.refused_start("--data-root", node.folder / "a-file"))
        shutil.rmtree(self.saved)

    def test_a_data_root_on_another_machine(self):
        """Copied while the daemon does not run, as after a change of hardware."""
        other = Node("node2")
        try:
            subprocess.run(["cp", "-a", self.node.data_root, other.data_root], check=True)
            other.start()
            names = lambda: other.lines("ps", "--format", "{{.Label \"com.docker.swarm.service.name\"}}")
            until(lambda: names() == ["web", "web"], "the service comes back")
            self.assertEqual(other.out("node", "ls", "--format", "{{.Hostname}}"), "node2")
            self.assertEqual(other.out("run", "--rm", "busybox:demo", "echo", "runs"), "runs")
        finally:
            left = other.close()
        self.assertEqual(left, [])
        self.node.start()
        self.assertEqual({t["ID"] for t in self.running("web")}, self.tasks_before)
        shutil.rmtree(self.saved)


if __name__ == "__main__":
    unittest.main()
