"""shoal playground: nodes in namespaces of their own, their lives and their links."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import unittest

from harness import Namespaces, make_images, until
from playground import RUN, SHOAL, STATE, Playground

ECHO_PORT = 8090
# Answers each connection with the address it came from.
ECHO = f"""
import socket
server = socket.create_server(("0.0.0.0", {ECHO_PORT}))
print("ready", flush=True)
while True:
    caller, address = server.accept()
    caller.recv(4096)
    caller.sendall(b"HTTP/1.0 200 OK\\r\\n\\r\\n" + address[0].encode())
    caller.close()
"""
# In the place of the daemon: says that it is ready and answers the API, but lets nobody join.
UNFRIENDLY = f"""#!{sys.executable}
import http.server, json, os, socket, socketserver, sys
class Api(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body):
        self.send_response(status)
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())
    def do_GET(self):
        self.answer(200, {{"JoinTokens": {{"Worker": "SWMTKN-1-a-b"}}}})
    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        if self.path.endswith("/swarm/init"):
            return self.answer(200, "an-id")
        self.answer(503, {{"message": "full: " + body}})
    def address_string(self):
        return "client"
path = sys.argv[sys.argv.index("-H") + 1].removeprefix("unix://")
server = socketserver.UnixStreamServer(path, Api)
socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b"READY=1", os.environ["NOTIFY_SOCKET"])
server.serve_forever()
"""


class Nodes(unittest.TestCase):
    """Two nodes that all tests share."""

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.play = Playground(2, "--no-swarm", "--debug")
        try:
            cls.play.up()
            cls.play.load("busybox", "whoami")
        except BaseException:
            cls.play.close()
            raise

    @classmethod
    def tearDownClass(cls):
        left = cls.play.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    def setUp(self):
        self.addCleanup(self.remove_all)

    def remove_all(self):
        for node in (1, 2):
            if self.play.states()[node - 1] in ("killed", "stopped"):
                self.play.start(node)
            self.play.loss(node, 0)
            self.play.heal(node)
            containers = self.play.lines(node, "ps", "-aq")
            if containers:
                self.play.docker(node, "rm", "-f", "-v", *containers)

    def serve(self, node, port):
        """A web server on a published port; returns how others reach it."""
        self.play.docker(node, "run", "-d", "--restart", "always", "-p", f"{port}:80", "whoami:demo")
        url = f"http://{self.play.address(node)}:{port}/"
        until(lambda: self.play.reaches(node, url), "it answers its own node")
        return url

    def test_each_node_is_a_machine_of_its_own(self):
        play = self.play
        self.assertEqual(play.states(), ["running", "running"])
        self.assertEqual(play.exec(2, "hostname").stdout, "hostos2\n")
        self.assertEqual(play.out(2, "info", "--format", "{{.Name}}"), "hostos2")
        self.assertEqual(play.exec(1, "readlink", "/proc/self/ns/pid").stdout,
                         play.exec(1, "readlink", "/proc/1/ns/pid").stdout)
        kinds = ("net", "mnt", "uts", "ipc", "pid")
        spaces = [{play.exec(node, "readlink", f"/proc/1/ns/{kind}").stdout for kind in kinds}
                  for node in (1, 2)] + [{play.machine.run("readlink", f"/proc/self/ns/{kind}").stdout
                                          for kind in kinds}]
        self.assertEqual(len(spaces[0] | spaces[1] | spaces[2]), 3 * len(kinds))
        environment = dict(line.split("=", 1) for line in play.shoal("env", 2).stdout.splitlines())
        self.assertEqual(environment, {"DOCKER_HOST": f"unix://{play.socket(2)}",
                                       "ADDRESS": play.address(2)})
        play.docker(1, "run", "-d", "--name", "only-here", "busybox:demo", "sleep", "86400")
        self.assertEqual(len(play.lines(1, "ps", "-q")), 1)
        self.assertEqual(play.lines(2, "ps", "-q"), [])

    def test_the_list_is_a_table_or_what_was_asked_for(self):
        play = self.play
        [header, first, second] = play.shoal("ls").stdout.splitlines()
        self.assertEqual(header.split(), ["NODE", "ADDRESS", "STATE", "SOCKET"])
        self.assertEqual(first.split(), ["hostos1", play.address(1), "running", str(play.socket(1))])
        self.assertEqual(header.index("STATE"), second.index("running"))
        self.assertEqual(play.shoal("ls", "-q").stdout, "hostos1\nhostos2\n")
        self.assertEqual(play.shoal("ls", "--format", "{{.Node}}={{.State}}").stdout,
                         "hostos1=running\nhostos2=running\n")
        [header, *_] = play.shoal("ls", "--all").stdout.splitlines()
        self.assertEqual(header.split()[0], "PLAYGROUND")

    def test_nodes_and_machine_reach_each_other(self):
        url = self.serve(2, 8081)
        self.assertIn("hostname", self.play.exec(1, "curl", "-sS", url).stdout)
        self.assertIn("hostname", self.play.machine.run("curl", "-sS", url).stdout)

    def test_a_cut_link_carries_nothing_until_it_is_healed(self):
        play, url = self.play, self.serve(2, 8082)
        self.assertTrue(play.reaches(1, url))
        play.cut(2)
        self.assertEqual(play.states(), ["running", "cut"])
        self.assertFalse(play.reaches(1, url))
        self.assertTrue(play.reaches(2, url), "the node goes on")
        self.assertEqual(len(play.lines(2, "ps", "-q")), 1, "its socket is no matter of the network")
        play.cut(2)
        play.heal(2)
        play.heal(2)
        self.assertEqual(play.states(), ["running", "running"])
        until(lambda: play.reaches(1, url), "it is reached again")

    def received(self, node, address, count):
        pinged = self.play.exec(node, "busybox", "ping", "-c", count, "-i", 0.02, "-W", 1, address,
                                check=False)
        return int(re.search(r"(\d+) packets received", pinged.stdout)[1])

    def test_a_share_of_the_packets_is_lost(self):
        play, count = self.play, 100
        address = play.address(2)
        self.assertEqual(self.received(1, address, 5), 5)
        play.loss(2, 50)  # each way: one of four answers comes, 0 or all never in 10^12 runs
        self.assertTrue(0 < self.received(1, address, count) < count)
        play.loss(2, 100)
        self.assertEqual(self.received(1, address, 3), 0)
        play.kill(2)
        play.start(2)
        self.assertEqual(self.received(1, address, 3), 0, "it is the network's, not the node's")
        play.loss(2, 0)
        until(lambda: self.received(1, address, 1) == 1, "nothing is lost any more")

    def test_a_killed_node_comes_back_with_its_state(self):
        play, url = self.play, self.serve(2, 8083)
        play.docker(2, "run", "-d", "--name", "plain", "busybox:demo", "sleep", "86400")
        play.docker(2, "exec", "plain", "sh", "-c", "echo kept > /kept")
        play.docker(2, "run", "-d", "--name", "frozen", "busybox:demo", "sleep", "86400")
        play.docker(2, "pause", "frozen")
        play.exec(2, "touch", "/run/gone-with-the-power")
        before = play.processes()
        self.assertTrue(play.reaches(1, url))
        play.kill(2)
        self.assertEqual(play.states(), ["running", "killed"])
        self.assertFalse([path for path in play.cgroups() if (path / "hostos2").exists()])
        self.assertTrue(play.processes() < before)
        self.assertNotEqual(play.docker(2, "ps", check=False).returncode, 0)
        self.assertFalse(play.reaches(1, url))
        play.start(2)
        self.assertEqual(play.states(), ["running", "running"])
        until(lambda: play.reaches(1, url), "what restarts always serves again")
        for name in ("plain", "frozen"):
            state = play.inspect(2, name)["State"]
            self.assertEqual((state["Status"], state["ExitCode"]), ("exited", 255))
        play.docker(2, "start", "plain")
        self.assertEqual(play.out(2, "exec", "plain", "cat", "/kept"), "kept")
        self.assertNotEqual(
            play.exec(2, "test", "-e", "/run/gone-with-the-power", check=False).returncode, 0)

    def test_a_node_is_shut_down_politely(self):
        play, url = self.play, self.serve(2, 8084)
        play.docker(2, "run", "-d", "--name", "polite", "busybox:demo", "sh", "-c",
                    "trap 'echo bye > /said; exit 3' TERM; touch /ready; while :; do sleep 0.05; done")
        until(lambda: play.docker(2, "exec", "polite", "test", "-e", "/ready",
                                  check=False).returncode == 0, "it listens")
        play.stop(2, 30)
        self.assertEqual(play.states(), ["running", "stopped"])
        self.assertFalse(play.reaches(1, url))
        play.start(2)
        self.assertEqual(play.states(), ["running", "running"])
        until(lambda: play.reaches(1, url), "what restarts always serves again")
        play.docker(2, "start", "polite")
        self.assertEqual(play.out(2, "exec", "polite", "cat", "/said"), "bye")

    def test_what_does_not_listen_does_not_keep_a_node_up(self):
        play = self.play
        play.docker(2, "run", "-d", "--name", "deaf", "busybox:demo", "sh", "-c",
                    "trap '' TERM; while :; do sleep 1; done")
        play.docker(2, "run", "-d", "--name", "frozen", "busybox:demo", "sleep", "86400")
        play.docker(2, "pause", "frozen")
        play.stop(2, 0)
        self.assertEqual(play.states(), ["running", "stopped"])
        play.start(2)
        self.assertEqual(play.inspect(2, "deaf")["State"]["Status"], "exited")

    def test_containers_outlive_the_daemon(self):
        play = self.play
        play.docker(1, "run", "-d", "--name", "survivor", "busybox:demo", "sleep", "86400")
        started = play.inspect(1, "survivor")["State"]["StartedAt"]
        os.kill(play.daemon_pid(1), signal.SIGKILL)
        until(lambda: play.states() == ["failed", "running"], "the daemon is gone")
        self.assertNotEqual(play.docker(1, "ps", check=False).returncode, 0)
        for _ in range(2):  # once to start it, once to restart it
            before = play.daemon_pid(1)
            play.restart(1)
            self.assertEqual(play.states(), ["running", "running"])
            self.assertNotIn(play.daemon_pid(1), (None, before))
            state = play.inspect(1, "survivor")["State"]
            self.assertEqual((state["Status"], state["StartedAt"]), ("running", started))

    def test_a_daemon_that_does_not_come_back_says_why(self):
        play = self.play
        config = STATE / play.name / "hostos1/daemon.json"
        config.write_text("{")
        self.addCleanup(config.write_text, "{}")
        failed = play.shoal("restart", 1, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("this is not a JSON object", failed.stderr)
        self.assertEqual(play.states(), ["failed", "running"])
        play.kill(1)
        failed = play.shoal("start", 1, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("the daemon ended with 1", failed.stderr)
        self.assertEqual(play.states(), ["killed", "running"])
        config.write_text("{}")
        play.start(1)
        self.assertEqual(play.states(), ["running", "running"])

    def test_exec_is_transparent(self):
        play = self.play
        for command, code in ((["true"], 0), (["sh", "-c", "exit 7"], 7), (["no-such-thing"], 127),
                              (["/etc"], 126), (["sh", "-c", "kill -9 $$"], 137),
                              (["sh", "-c", "kill -PIPE $$"], 141)):
            self.assertEqual(play.exec(1, *command, check=False).returncode, code, command)
        self.assertEqual(play.exec(1, "docker", "info", "--format", "{{.Name}}",
                                   env=self.with_docker()).stdout, "hostos1\n")
        self.assertEqual(play.exec(1, "cat", input="through").stdout, "through")
        here = play.machine.run("sh", "-c", f"cd /usr/share && exec {SHOAL} playground exec --name "
                                            f"{play.name} 1 pwd")
        self.assertEqual(here.stdout, "/usr/share\n")
        command = f"{SHOAL} playground exec --name {play.name} 1 test -t 0 -a -t 1"
        play.machine.run("script", "-qec", command, "/dev/null")

    def with_docker(self):
        folder = os.path.dirname(self.play.docker_path)
        return {**os.environ, "PATH": f"{folder}:{os.environ['PATH']}"}

    def test_a_command_in_a_node_does_not_outlive_its_caller(self):
        play = self.play
        caller = subprocess.Popen(
            play.machine.enter(SHOAL, "playground", "exec", "--name", play.name, 1, "sh", "-c",
                               "echo $$; exec sleep 86399"), stdout=subprocess.PIPE, text=True)
        inside = caller.stdout.readline().strip()
        self.assertEqual(play.exec(1, "test", "-d", f"/proc/{inside}").returncode, 0)
        caller.kill()
        caller.wait()
        caller.stdout.close()
        until(lambda: play.exec(1, "test", "-d", f"/proc/{inside}", check=False).returncode,
              "it is gone")

    def refused(self, text, *arguments, **options):
        done = self.play.shoal(*arguments, check=False, **options)
        self.assertEqual(done.returncode, 125 if arguments[0] == "exec" else 1, arguments)
        self.assertIn(text, done.stderr)
        self.assertEqual(done.stdout, "")

    def test_bad_input_is_refused_with_the_reason(self):
        name = self.play.name
        self.refused(f'playground "{name}" is there already', "up", "--no-swarm")
        for verb in ("kill", "stop", "start", "restart", "cut", "heal", "env"):
            self.refused("has no node 3: it has hostos1 to hostos2", verb, 3)
        self.refused("has no node 3", "exec", 3, "true")
        self.refused("has no node 9", "loss", 9, 10)
        self.refused("hostos1 is up already", "start", 1)
        for verb in ("ls", "env", "kill", "exec", "loss"):
            more = {"ls": [], "exec": [1, "true"], "loss": [1, 5]}.get(verb, [1])
            self.refused('no playground "nobody"', verb, *more, name="nobody")
        self.refused('there is no field ".Nod"', "ls", "--format", "{{.Nod}}")
        self.refused("hostos2", "kill", 99)
        self.assertEqual(self.play.states(), ["running", "running"])

    def test_a_node_that_is_down_is_refused_with_the_reason(self):
        self.play.kill(2)
        for verb in ("kill", "stop", "restart", "cut", "heal"):
            self.refused("hostos2 is down: `shoal playground start 2` boots it", verb, 2)
        self.refused("hostos2 is down", "exec", 2, "true")
        self.assertEqual(self.play.states(), ["running", "killed"])


class Making(unittest.TestCase):
    """Making and removing; each test has a machine of its own."""

    @classmethod
    def setUpClass(cls):
        make_images()

    def setUp(self):
        self.machine = Namespaces("machine")
        self.addCleanup(self.machine.close)
        self.play = self.playground(2, "--no-swarm")

    def playground(self, *arguments):
        play = Playground(*arguments, machine=self.machine)
        self.addCleanup(lambda: play.down(check=False))
        return play

    def program(self, text):
        """A program to take the daemon's place."""
        folder = tempfile.TemporaryDirectory(prefix="shoal-playground-")
        self.addCleanup(folder.cleanup)
        path = pathlib.Path(folder.name) / "shoald"
        path.write_text(text)
        path.chmod(0o755)
        return path

    def assert_nothing_is_left(self):
        self.assertEqual(self.play.leftovers(), [])

    def down(self):
        self.assertIn("nothing is left of it", self.play.down().stdout)
        self.assert_nothing_is_left()

    def test_down_of_nothing_says_so(self):
        self.assertIn("there is nothing to remove", self.play.down().stdout)
        self.play.up("--quiet")
        self.down()
        self.assertIn("there is nothing to remove", self.play.down().stdout)
        self.assert_nothing_is_left()

    def test_one_node_makes_a_swarm(self):
        self.play = play = self.playground(1)
        shown = play.up().stdout
        self.assertNotIn("\x1b[", shown, "colour only on a terminal")
        self.assertIn(f"export $(shoal playground env --name {play.name} 1)", shown)
        info = json.loads(play.out(1, "info", "--format", "{{json .Swarm}}"))
        self.assertEqual(info["LocalNodeState"], "active")
        self.assertEqual(info["NodeAddr"], play.address(1))
        play.kill(1)
        play.start(1)
        until(lambda: play.out(1, "node", "ls", "--format", "{{.Status}}") == "Ready",
              "the swarm is there again")
        self.down()

    def test_two_beside_each_other_do_not_meet(self):
        other = self.playground(1, "--no-swarm")
        self.play.up()
        other.up()
        self.assertNotEqual(self.play.address(1).split(".")[2], other.address(1).split(".")[2])
        names = {row.split()[0] for row in self.play.shoal("ls", "-aq").stdout.splitlines()}
        self.assertEqual(names, {self.play.name, other.name})
        self.play.kill(1)
        other.down()
        self.assertEqual(self.play.states(), ["killed", "running"])
        self.play.start(1)
        self.down()

    def test_of_two_that_want_the_same_name_one_gets_it(self):
        command = self.machine.enter(SHOAL, "playground", "up", "--name", self.play.name, "--nodes",
                                     1, "--no-swarm")
        both = [subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
                                 text=True) for _ in range(2)]
        said = [process.communicate(timeout=60)[1] for process in both]
        self.assertEqual(sorted(process.returncode for process in both), [0, 1])
        self.assertIn("is there already", "".join(said))
        self.assertEqual(self.play.states(), ["running"])
        self.down()

    def test_nodes_reach_what_the_machine_reaches(self):
        outside = Namespaces("outside")
        self.addCleanup(outside.close)
        pid = outside.process.pid
        self.machine.run("ip", "link", "add", "up0", "type", "veth", "peer", "name", "eth0", "netns",
                         str(pid))
        for space, link, address in ((self.machine, "up0", "10.97.0.1/24"),
                                     (outside, "eth0", "10.97.0.2/24")):
            space.run("ip", "addr", "add", address, "dev", link)
            space.run("ip", "link", "set", link, "up")
        echo = subprocess.Popen(outside.enter(sys.executable, "-c", ECHO), stdout=subprocess.PIPE,
                                text=True)
        self.addCleanup(lambda: (echo.kill(), echo.wait(), echo.stdout.close()))
        self.assertEqual(echo.stdout.readline(), "ready\n")
        forwarding = ("cat", "/proc/sys/net/ipv4/ip_forward")
        self.machine.run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        self.play.up()
        self.assertEqual(self.machine.run(*forwarding).stdout, "1\n")
        seen = self.play.exec(1, "curl", "-sS", f"http://10.97.0.2:{ECHO_PORT}/").stdout
        self.assertEqual(seen, "10.97.0.1")
        other = self.playground(1, "--no-swarm")
        other.up()
        self.play.down()
        self.assertEqual(self.machine.run(*forwarding).stdout, "1\n", "the other still needs it")
        other.down()
        self.assertEqual(self.machine.run(*forwarding).stdout, "0\n")
        self.assert_nothing_is_left()

    def test_a_subnet_that_is_in_use_is_not_taken(self):
        self.machine.run("ip", "link", "add", "other0", "type", "bridge")
        self.machine.run("ip", "addr", "add", "10.210.0.9/25", "dev", "other0")
        self.machine.run("ip", "link", "set", "other0", "up")
        taken = self.play.up("--subnet", "10.210.0.0/24", check=False)
        self.assertIn("--subnet: 10.210.0.0/24 overlaps the route to 10.210.0.", taken.stderr)
        self.assert_nothing_is_left()
        self.play.up()
        self.assertEqual(self.play.address(1), "10.210.1.1")
        self.down()

    def test_a_failed_up_leaves_nothing(self):
        self.assertIn("there is no program /no/shoald: --shoald says where the daemon is",
                      self.play.up("--shoald", "/no/shoald", check=False).stderr)
        self.assert_nothing_is_left()
        crashing = self.program("#!/bin/sh\necho the disk is on fire >&2\nexit 4\n")
        failed = self.play.up("--shoald", crashing, check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("hostos1: the daemon ended with 4; the end of its log:\nthe disk is on fire",
                      failed.stderr)
        self.assert_nothing_is_left()

    def test_a_refused_join_is_reported(self):
        self.play = self.playground(2)
        failed = self.play.up("--shoald", self.program(UNFRIENDLY), check=False)
        self.assertEqual(failed.returncode, 1)
        self.assertIn("shoal: hostos2 cannot join the swarm: full: ", failed.stderr)
        sent = json.loads(failed.stderr.partition("full: ")[2])
        self.assertEqual(sent, {"AdvertiseAddr": "10.210.0.2", "JoinToken": "SWMTKN-1-a-b",
                                "ListenAddr": "0.0.0.0:2377", "RemoteAddrs": ["10.210.0.1:2377"]})
        self.assert_nothing_is_left()

    def test_down_after_up_was_killed_anywhere(self):
        """After each program that it runs, and each file that it puts into place."""
        deaths = [("wait4", when) for when in range(1, 15)] + \
                 [("rename,renameat,renameat2", when) for when in range(1, 5)] + \
                 [(call, 1) for call in ("socketpair", "clone", "sendto")]
        reached = 0
        for call, when in deaths:
            with self.subTest(call=call, when=when):
                up = self.machine.run(
                    "strace", "--quiet=all", "-o", "/dev/null", "-e", f"trace={call}", "-e",
                    f"inject={call}:signal=SIGKILL:when={when}", SHOAL, "playground", "up", "--name",
                    self.play.name, "--nodes", 1, "--no-swarm", check=False)
                reached += up.returncode != 0
                self.play.down()
                self.assert_nothing_is_left()
        self.assertGreater(reached, 10)

    def test_down_after_up_was_killed_while_it_waits(self):
        waiting = self.program("#!/bin/sh\nexec sleep 86398\n")
        up = subprocess.Popen(self.machine.enter(
            SHOAL, "playground", "up", "--name", self.play.name, "--no-swarm", "--shoald", waiting))
        until(lambda: len(self.play.processes()) == 2, "the first node boots")
        up.kill()
        up.wait()
        self.assertEqual(self.play.states(), ["failed", "killed", "killed"])
        self.assertIn("is there already", self.play.up(check=False).stderr)
        self.down()

    def test_down_after_everything_was_killed(self):
        self.play.up()
        self.play.load("busybox")
        self.play.docker(1, "run", "-d", "busybox:demo", "sleep", "86400")
        for pid in self.play.processes():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        until(lambda: self.play.states() == ["killed", "killed"], "nothing runs")
        self.play.start(2)  # works on what is there
        self.assertEqual(self.play.states(), ["killed", "running"])
        self.down()

    def test_down_without_a_record(self):
        for damage in (f"rm {RUN}/{self.play.name}/playground.json",
                       f"echo oops > {RUN}/{self.play.name}/playground.json",
                       f"umount {RUN}/{self.play.name}/switch; rm -r {RUN}/{self.play.name}"):
            with self.subTest(damage=damage):
                self.play.up()
                self.machine.run("sh", "-c", damage)
                self.assertEqual(self.play.shoal("ls", check=False).returncode, 1)
                self.assertIn("broken", self.play.shoal("ls", "--all").stdout)
                self.assertIn("is there already", self.play.up(check=False).stderr)
                self.play.down()
                until(lambda: not self.play.leftovers(), "the kernel has removed its links")

    def test_down_after_a_reboot_of_the_machine(self):
        self.play.up()
        self.play.down()
        (STATE / self.play.name / "hostos1").mkdir(parents=True)  # all that a reboot leaves
        self.assertIn("`shoal playground down` removes", self.play.shoal("ls", check=False).stderr)
        self.down()

    def test_a_user_who_is_not_root_is_told(self):
        # A copy: the checkout may be where others cannot look.
        shoal = self.program("").with_name("shoal")
        shutil.copy(SHOAL, shoal)
        shoal.parent.chmod(0o755)
        done = subprocess.run(["setpriv", "--reuid=65534", shoal, "playground", "ls"], text=True,
                              capture_output=True)
        self.assertEqual(done.returncode, 1)
        self.assertIn("a playground needs root", done.stderr)

    def test_who_waits_on_a_terminal_sees_progress(self):
        shown = self.machine.run("script", "-qec", f"{SHOAL} playground up --name {self.play.name} "
                                                   "--nodes 1 --no-swarm", "/dev/null").stdout
        self.assertIn("hostos1 boots", shown)
        self.assertIn("running", shown)
        self.down()


if __name__ == "__main__":
    unittest.main()
