"""Several nodes, for tests: `shoal playground` on a machine that the test has for itself, so that
neither its network nor its /run is the real one's."""
import json
import os
import pathlib
import subprocess

from harness import BIN, CGROUPS, IMAGES, Namespaces, docker_client

SHOAL = BIN / "shoal"
STATE = pathlib.Path("/var/lib/shoal-playground")
RUN = "/run/shoal-playground"  # on the machine
_made = 0


def _unique_name():
    global _made
    _made += 1
    return f"test-{os.getpid()}-{_made}"


class Playground:
    """One playground. Nodes are numbered from 1. Call close() at the end."""

    def __init__(self, nodes=3, *flags, machine=None):
        self.name, self.nodes, self.flags = _unique_name(), nodes, flags
        self.own_machine = machine is None
        self.machine = machine or Namespaces("machine")
        self.docker_path = docker_client()

    # The playground as a whole

    def shoal(self, verb, *arguments, check=True, name=None, **options):
        """Runs `shoal playground VERB --name NAME …` on the machine."""
        done = self.machine.run(SHOAL, "playground", verb, "--name", name or self.name, *arguments,
                                check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"shoal playground {verb} {arguments}: {done.stderr}{done.stdout}"
                                 f"{self.log_tails()}")
        return done

    def up(self, *flags, **options):
        return self.shoal("up", "--nodes", self.nodes, *self.flags, *flags, **options)

    def down(self, **options):
        return self.shoal("down", **options)

    def rows(self):
        return [json.loads(line) for line in
                self.shoal("ls", "--format", "json").stdout.splitlines()]

    def states(self):
        return [row["State"] for row in self.rows()]

    def close(self):
        """Removes it; returns what was left behind, as a list of texts."""
        try:
            down = self.down(check=False)
            left = [f"down failed: {down.stderr}"] if down.returncode != 0 else []
            return left + self.leftovers()
        finally:
            if self.own_machine:
                self.machine.close()

    # One node

    def socket(self, node):
        return STATE / self.name / f"hostos{node}/shoal.sock"

    def address(self, node):
        return self.rows()[node - 1]["Address"]

    def environment(self, node):
        config = STATE / self.name / f"hostos{node}/docker-config"
        return {**os.environ, "DOCKER_HOST": f"unix://{self.socket(node)}",
                "DOCKER_CONFIG": str(config)}

    def docker(self, node, *arguments, check=True, **options):
        options.setdefault("timeout", 120)
        done = subprocess.run([self.docker_path, *map(str, arguments)], text=True,
                              capture_output=True, env=self.environment(node), **options)
        if check and done.returncode != 0:
            raise AssertionError(f"docker {arguments} on node {node}: {done.stderr}{done.stdout}"
                                 f"{self.log_tails()}")
        return done

    def out(self, node, *arguments, **options):
        return self.docker(node, *arguments, **options).stdout.strip()

    def lines(self, node, *arguments, **options):
        return self.out(node, *arguments, **options).splitlines()

    def inspect(self, node, *arguments):
        return json.loads(self.out(node, "inspect", *arguments))[0]

    def load(self, *images):
        """On every node."""
        for node in range(1, self.nodes + 1):
            for image in images:
                self.docker(node, "load", "-i", IMAGES / f"{image}.tar")

    def exec(self, node, *command, check=True, **options):
        done = self.machine.run(SHOAL, "playground", "exec", "--name", self.name, node, *command,
                                check=False, **options)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} in node {node}: {done.stderr}{done.stdout}")
        return done

    def reaches(self, node, url):
        """Whether a program in the node gets an answer."""
        return self.exec(node, "curl", "-sS", "--max-time", 2, url, check=False).returncode == 0

    def daemon_pid(self, node):
        """As this test's namespace numbers it; None when no daemon runs."""
        for path in self.cgroups():
            group = path / f"hostos{node}/node/cgroup.procs"
            for pid in group.read_text().split() if group.exists() else []:
                try:
                    if os.readlink(f"/proc/{pid}/exe") == str(BIN / "shoald"):
                        return int(pid)
                except OSError:
                    continue  # It ended while we looked.
        return None

    def kill(self, node):
        self.shoal("kill", node)

    def stop(self, node, grace_s=10):
        self.shoal("stop", "--time", grace_s, node)

    def start(self, node):
        self.shoal("start", node)

    def restart(self, node):
        self.shoal("restart", node)

    def cut(self, node):
        self.shoal("cut", node)

    def heal(self, node):
        self.shoal("heal", node)

    def loss(self, node, percent):
        self.shoal("loss", node, percent)

    # What is there of it

    def cgroups(self):
        """Its folder in each hierarchy."""
        name = f"shoal-playground-{self.name}"
        return [root / name for root in [CGROUPS, *CGROUPS.iterdir()] if (root / name).is_dir()]

    def processes(self):
        found = set()
        for folder in self.cgroups():
            for path in folder.rglob("cgroup.procs"):
                found |= {int(pid) for pid in path.read_text().split()}
        return found

    def log_tails(self, lines=15):
        text = ""
        for log in sorted((STATE / self.name).glob("hostos*/log")):
            text += "\n".join([f"\n-- {log}", *log.read_text(errors="replace").splitlines()[-lines:]])
        return text

    def leftovers(self):
        """Processes, links, rules, mounts, cgroups and files, as texts. Only for a playground that
        is alone on its machine."""
        links = json.loads(self.machine.run("ip", "-j", "link").stdout)
        left = [f"link {link['ifname']}" for link in links if link["ifname"].startswith("shoal")]
        left += [f"nft {table}" for table in
                 self.machine.run("nft", "list", "tables").stdout.splitlines() if "shoal" in table]
        mounts = self.machine.run("cat", "/proc/mounts").stdout.splitlines()
        left += [f"mount {line.split()[1]}" for line in mounts if "shoal-playground" in line]
        left += [f"cgroup {path}" for path in self.cgroups()]
        if self.machine.run("test", "-e", RUN, check=False).returncode == 0:
            left.append(f"files {self.machine.run('find', RUN).stdout.split()}")
        if (STATE / self.name).exists():
            left.append(f"files {STATE / self.name}")
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                command = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode()
            except OSError:
                continue  # It ended while we looked.
            if f"{STATE / self.name}/" in command:
                left.append(f"process {process.name} {command[:120]}")
        return left
