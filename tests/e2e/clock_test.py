"""Steps of the wall clock by an hour, while the daemon runs and over its restart.

No test may step this machine's clock, so the daemon and conmon get one of their own from libfaketime:
CLOCK_REALTIME follows a file, CLOCK_MONOTONIC stays the machine's, as after a real step.
"""
import json
import re
import time
import unittest
from datetime import datetime

from api import Api
from harness import Node, NodeTest, make_images, until

LIBRARY = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1"
HOUR = 3600


class ClockSteps(NodeTest):
    images = ("busybox",)

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.node = node = Node("node1")
        cls.offset = 0
        cls.clock = node.folder / "clock"
        cls.step(0)
        faketime = {"LD_PRELOAD": LIBRARY, "FAKETIME_TIMESTAMP_FILE": str(cls.clock),
                    "FAKETIME_NO_CACHE": "1", "FAKETIME_DONT_FAKE_MONOTONIC": "1",
                    "FAKETIME_DONT_RESET": "1"}
        # The daemon gives conmon an environment of its own: a script in its place adds to that.
        script = node.folder / "conmon"
        script.write_text("#!/bin/sh\n" + "".join(f"export {k}={v}\n" for k, v in faketime.items())
                          + 'exec /run/conmon "$@"\n')
        script.chmod(0o755)
        node.namespaces.run("cp", "/usr/bin/conmon", "/run/conmon")
        node.namespaces.run("mount", "--bind", script, "/usr/bin/conmon")
        # Each process that it was loaded into leaves two files there: they go with the namespace.
        node.namespaces.run("mount", "-t", "tmpfs", "tmpfs", "/dev/shm")
        node.start_with = faketime
        try:
            node.start()
            node.load(*cls.images)
            node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        except BaseException:
            node.close()
            raise

    @classmethod
    def step(cls, by_s):
        cls.offset += by_s
        new = cls.clock.with_suffix(".new")
        new.write_text(f"{cls.offset:+d}\n")
        new.rename(cls.clock)

    def wall(self):
        return time.time() + self.offset

    def get(self, path):
        api = Api(self.node.socket)
        api.request("GET", "/v1.44" + path)
        answer = api.getresponse()
        document = answer.read()
        api.close()
        return document

    def age(self, moment):
        """Of a time that the API shows, by the stepped wall clock: what a client would say."""
        shown = datetime.fromisoformat(re.sub(r"(\.\d{6})\d*", r"\1", moment).replace("Z", "+00:00"))
        return self.wall() - shown.timestamp()

    def look(self):
        """What must stay the same whatever the clock does."""
        return ({t["ID"] for t in self.running("web")}, set(self.node.lines("ps", "-q", "--no-trunc")))

    def assert_well(self, before, started):
        node = self.node
        self.assertEqual(self.look(), before, "nothing restarts")
        # New times are the wall clock's, old ones keep their age.
        node.docker("run", "-d", "--name", "new", "busybox:demo", "sh", "-c", "echo hello; sleep 1d")
        inspected = node.inspect("new")
        for moment in (inspected["Created"], inspected["State"]["StartedAt"]):
            self.assertLess(abs(self.age(moment)), 60, moment)
        old = node.inspect("old")["State"]["StartedAt"]
        self.assertLess(abs(self.age(old) - (time.time() - started)), 60, old)
        created = json.loads(self.get("/containers/json?all=1"))
        self.assertLess(max(abs(self.wall() - c["Created"]) for c in created), 600)
        # A client asks for the last minute, on its own clock.
        recent = int(self.wall()) - 60
        until(lambda: b"hello" in self.get(f"/containers/new/logs?stdout=1&since={recent}"),
              "the newest lines are recent")
        events = self.get(f"/events?since={recent}&until={int(self.wall()) + 1}").decode()
        shown = [json.loads(line) for line in events.splitlines()]
        self.assertIn("start", [e["Action"] for e in shown if e["Actor"]["Attributes"].get("name") == "new"])
        self.assertLess(max(abs(self.wall() - e["time"]) for e in shown), 120)
        node.docker("rm", "-f", "new")
        # Deadlines: a delay of a second neither fires at once nor starves.
        self.create("failing", "--detach", "--restart-delay", "1s", "busybox:demo", "false")
        ends = until(lambda: (lambda t: t if len(t) >= 2 else None)(
            [t for t in self.tasks("failing") if t["Error"]]), "it restarts after its delay")
        ids = [t["ID"] for t in reversed(ends)][:2]
        tasks = [json.loads(self.get(f"/tasks/{i}")) for i in ids]
        self.assertGreaterEqual(self.age(tasks[0]["Status"]["Timestamp"])
                                - self.age(tasks[1]["Status"]["Timestamp"]), 1 - 0.1)
        node.docker("service", "rm", "failing")
        self.assertEqual(self.look(), before)

    def test_steps(self):
        node = self.node
        self.create("web", "--replicas", "3", "--restart-delay", "1s", "busybox:demo", "sleep", "1d")
        node.docker("run", "-d", "--name", "old", "--health-cmd", "true", "--health-interval", "1s",
                    "busybox:demo", "sleep", "1d")
        started, before = time.time(), self.look()
        for by_s in (HOUR, -2 * HOUR):
            with self.subTest(running=by_s):
                self.step(by_s)
                self.assert_well(before, started)
        # Now the clock is an hour behind what the daemon started with: its state is from the future.
        for by_s in (0, 3 * HOUR):
            with self.subTest(restarted=by_s):
                self.step(by_s)
                node.stop()
                node.start()
                self.assertEqual(self.look(), before, "adopted")
                until(lambda: node.inspect("old")["State"]["Health"]["Status"] == "healthy",
                      "its health is asked for again")
                self.create("late", "--detach", "--restart-delay", "1s", "busybox:demo", "false")
                until(lambda: len([t for t in self.tasks("late") if t["Error"]]) >= 2,
                      "a deadline does not starve")
                node.docker("service", "rm", "late")


if __name__ == "__main__":
    unittest.main()
