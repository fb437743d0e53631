"""What the end-to-end tests share: a real shoald in network, mount and host name namespaces of its
own, the real docker client, and a look at what is left behind afterwards.

A test class that derives from NodeTest gets one node for all its tests. Nothing here sleeps for a
guessed time: until() asks again until a bound is over, and the bound is generous.
"""
import contextlib
import json
import os
import pathlib
import select
import shutil
import signal
import subprocess
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BIN = ROOT / "build/bin"
IMAGES = ROOT / "build/images"
CGROUPS = pathlib.Path("/sys/fs/cgroup")
WITHIN_S = 30
ASK_AGAIN_S = 0.05


def docker_client():
    return subprocess.check_output([ROOT / "tools/docker-client"], text=True).strip()


def make_images():
    """The tars of the test images; made once and kept under build/."""
    subprocess.run([ROOT / "tools/make-images", IMAGES], check=True, stdout=subprocess.DEVNULL)


def until(condition, what, within_s=WITHIN_S):
    """Asks until condition() is true and returns its value; fails with `what` and the last value."""
    deadline = time.monotonic() + within_s
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_s} s: {what} (last seen: {value!r})")
        time.sleep(ASK_AGAIN_S)


class Namespaces:
    """A process that does nothing but hold a set of namespaces open."""

    def __init__(self, name):
        read_end, self.write_end = os.pipe()
        setup = (f"set -e; hostname {name}; mount -t tmpfs tmpfs /run; "
                 "ip link set lo up; echo ready; exec cat")
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--uts", "--ipc", "sh", "-c", setup],
            stdin=read_end, stdout=subprocess.PIPE, text=True, start_new_session=True)
        os.close(read_end)
        if self.process.stdout.readline() != "ready\n":
            raise RuntimeError("the namespaces could not be made")

    def enter(self, *command):
        return ["nsenter", "--target", str(self.process.pid), "--net", "--mount", "--uts", "--ipc",
                *map(str, command)]

    def run(self, *command, check=True, **options):
        return subprocess.run(self.enter(*command), text=True, capture_output=True, check=check,
                              timeout=120, **options)

    def close(self):
        os.close(self.write_end)  # cat ends, and with it the last holder
        self.process.wait()
        self.process.stdout.close()


class Node:
    """One shoald, and the docker client that talks to it."""

    def __init__(self, name="node1", *flags):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="shoal-e2e-"))
        self.data_root = self.folder / "data"
        self.name, self.flags = name, flags
        self.start_with = {}  # more of the daemon's environment
        self.wrap = lambda command: command  # around the daemon's command line
        self.cgroup = f"/{self.folder.name}"
        self.socket = self.folder / "shoal.sock"
        self.docker_path = docker_client()
        self.namespaces = Namespaces(name)
        self.outside = None
        self.pid = None

    def start(self):
        # Only once it is in the namespaces: what is loaded with it may leave things there.
        environment = ["env", *(f"{key}={value}" for key, value in self.start_with.items())]
        command = self.namespaces.enter(*environment, *self.wrap([
            BIN / "shoald", "-H", f"unix://{self.socket}", "--data-root", self.data_root,
            "--exec-root", self.folder / "run", "--pidfile", self.folder / "pid",
            "--cgroup-parent", self.cgroup, "--debug", *self.flags]))
        started = subprocess.run([ROOT / "tools/start-daemon", self.folder / "log", "--", *command],
                                 text=True, capture_output=True)
        if started.returncode != 0:
            raise RuntimeError(started.stderr)
        self.pid = int((self.folder / "pid").read_text())

    def stop(self, with_signal=signal.SIGTERM):
        pidfd = os.pidfd_open(self.pid)
        os.kill(self.pid, with_signal)
        ended, _, _ = select.select([pidfd], [], [], WITHIN_S)
        os.close(pidfd)
        if not ended:
            raise AssertionError("shoald did not end")

    def describe(self):
        """What there is to see when something hangs: containers, processes and where each waits."""
        lines = [self.out("ps", "-a", "--no-trunc", check=False)]
        for process in sorted(pathlib.Path("/proc").glob("[0-9]*")):
            with contextlib.suppress(OSError):
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
                groups = (process / "cgroup").read_text()
                if str(self.folder) in command or self.cgroup in groups:
                    state = (process / "stat").read_text().rpartition(")")[2].split()[0]
                    waits = (process / "wchan").read_text()
                    lines.append(f"{process.name} {state} {waits} {command[:150]}")
        return "\n".join([*lines, self.log_tail(40)])

    def cgroups(self):
        """The node's cgroup parent, as a folder of each hierarchy."""
        roots = [CGROUPS, *CGROUPS.iterdir()]
        return [root / self.folder.name for root in roots if (root / self.folder.name).is_dir()]

    def reboot(self):
        """As if the power had failed: no process sees the end of another, and neither namespaces,
        links, cgroups nor run-time files are there afterwards. Starts nothing."""
        self.stop(signal.SIGKILL)

        def processes():
            return {int(pid) for folder in self.cgroups() for path in folder.rglob("cgroup.procs")
                    for pid in path.read_text().split()}

        def all_ended():
            for pid in processes():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            return not processes()
        until(all_ended, "every process has ended")
        for folder in self.cgroups():
            for path in sorted(folder.rglob("*/"), reverse=True):
                if path.is_dir():
                    path.rmdir()
            folder.rmdir()
        self.namespaces.close()
        self.namespaces = Namespaces(self.name)
        shutil.rmtree(self.folder / "run")

    def environment(self):
        config = self.folder / "docker-config"
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket}", "DOCKER_CONFIG": str(config)}

    def docker(self, *arguments, check=True, **options):
        """Runs the docker client; returns the finished process."""
        options.setdefault("timeout", 120)
        done = subprocess.run([self.docker_path, *map(str, arguments)], text=True,
                              capture_output=True, env=self.environment(), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(map(str, arguments))}: {done.stderr}"
                                 f"{done.stdout}\n{self.log_tail()}")
        return done

    def out(self, *arguments, **options):
        return self.docker(*arguments, **options).stdout.strip()

    def lines(self, *arguments, **options):
        return self.out(*arguments, **options).splitlines()

    def popen(self, *arguments, **options):
        return subprocess.Popen([self.docker_path, *map(str, arguments)], text=True,
                                env=self.environment(), **options)

    def inspect(self, *arguments):
        return json.loads(self.out("inspect", *arguments))[0]

    def load(self, *images):
        for image in images:
            self.docker("load", "-i", IMAGES / f"{image}.tar")

    def log_tail(self, count=30):
        log = self.folder / "log"
        lines = log.read_text(errors="replace").splitlines() if log.exists() else []
        return "\n".join(lines[-count:])

    def connect_outside(self):
        """A machine beside the node: it is 10.97.0.2, the node 10.97.0.1."""
        self.outside = Namespaces("outside")
        here, there = self.namespaces, self.outside
        here.run("ip", "link", "add", "uplink0", "type", "veth", "peer", "name", "eth0", "netns",
                 str(there.process.pid))
        here.run("ip", "addr", "add", "10.97.0.1/24", "dev", "uplink0")
        here.run("ip", "link", "set", "uplink0", "up")
        here.run("ip", "route", "add", "default", "via", "10.97.0.2")
        there.run("ip", "addr", "add", "10.97.0.2/24", "dev", "eth0")
        there.run("ip", "link", "set", "eth0", "up")
        return there

    def curl(self, url, namespaces=None, check=True):
        done = (namespaces or self.namespaces).run("curl", "-sS", "--max-time", "10", url,
                                                   check=False)
        if check and done.returncode != 0:
            raise AssertionError(f"curl {url}: {done.stderr}\n{self.log_tail()}")
        return done.stdout

    def close(self):
        """Ends everything and returns what was left behind, as a list of texts."""
        left = []
        try:
            if self.pid and os.path.exists(f"/proc/{self.pid}"):
                self.stop()
            cleanup = self.namespaces.run(
                BIN / "shoald", "--data-root", self.data_root, "--exec-root",
                self.folder / "run", "--cgroup-parent", self.cgroup, "--cleanup", check=False)
            if cleanup.returncode != 0:
                left.append(f"cleanup failed: {cleanup.stderr}")
            left += self.leftovers()
        finally:
            if self.outside:
                self.outside.close()
            self.namespaces.close()
            shutil.rmtree(self.folder, ignore_errors=True)
        return left

    def leftovers(self):
        """Links, tables, mounts, cgroups and processes of this node that are still there."""
        links = json.loads(self.namespaces.run("ip", "-j", "link").stdout)
        left = [f"link {link['ifname']}" for link in links
                if link["ifname"] not in ("lo", "uplink0")]
        tables = self.namespaces.run("nft", "list", "tables").stdout.splitlines()
        left += [f"nft {table}" for table in tables if "shoal" in table]
        mounts = self.namespaces.run("cat", "/proc/mounts").stdout.splitlines()
        left += [f"mount {line.split()[1]}" for line in mounts if str(self.folder) in line]
        left += [f"cgroup {path}" for path in self.cgroups()]
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # It ended while we looked.
            if str(self.folder) in command:
                left.append(f"process {process.name} {command[:120]}")
        return left


class NodeTest(unittest.TestCase):
    """One node, in a swarm, with the images busybox, nginx and whoami."""

    images = ("busybox", "nginx", "whoami")
    flags = ()

    @classmethod
    def setUpClass(cls):
        make_images()
        cls.node = Node("node1", *cls.flags)
        try:
            cls.node.start()
            cls.node.load(*cls.images)
            cls.node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        except BaseException:
            cls.node.close()
            raise

    @classmethod
    def tearDownClass(cls):
        left = cls.node.close()
        if left:
            raise AssertionError("left behind: " + "; ".join(left))

    def setUp(self):
        self.addCleanup(self.remove_all)

    def remove_all(self):
        node = self.node
        services = node.lines("service", "ls", "-q")
        if services:
            node.docker("service", "rm", *services)
        try:
            until(lambda: not node.lines("ps", "-aq", "--filter", "label=com.docker.swarm.task"),
                  "the tasks' containers are gone")
        except AssertionError as error:
            raise AssertionError(f"{error}\n{node.describe()}") from None
        containers = node.lines("ps", "-aq")
        if containers:
            node.docker("rm", "-f", *containers)

    def create(self, name, *arguments):
        """docker service create, waiting for it to converge; pinned by tag, as there is no registry."""
        return self.node.out("service", "create", "--quiet", "--no-resolve-image", "--name", name,
                             *arguments)

    def tasks(self, service, *filters):
        """The tasks of a service, newest first, as `docker service ps` shows them."""
        rows = self.node.lines("service", "ps", service, "--no-trunc", "--format", "{{json .}}",
                               *[f"--filter={f}" for f in filters])
        return [json.loads(row) for row in rows]

    def running(self, service):
        return [t for t in self.tasks(service) if t["CurrentState"].startswith("Running")]

    def await_running(self, service, count):
        return until(lambda: (lambda r: r if len(r) == count else None)(self.running(service)),
                     f"{service} has {count} running tasks")
