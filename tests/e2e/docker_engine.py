"""A real Docker Engine (Debian's docker.io) in namespaces of its own, beside our nodes."""
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile

from harness import CGROUPS, IMAGES, Namespaces, docker_client, until


class DockerEngine:
    def __init__(self, name):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="peer-"))
        self.name, self.namespaces, self.process = name, Namespaces(name), None
        self.socket = self.folder / "docker.sock"
        # What is in the machine's own /etc/docker is none of its business.
        self.namespaces.run("mount", "-t", "tmpfs", "tmpfs", "/etc/docker")

    def start(self):
        environment = {**os.environ, "DOCKER_SERVICE_PREFER_OFFLINE_IMAGE": "1"}
        with (self.folder / "log").open("a") as log:
            self.process = subprocess.Popen(
                self.namespaces.enter(
                    "dockerd", "--data-root", self.folder / "data", "--exec-root", self.folder / "exec",
                    "-H", f"unix://{self.socket}", "--pidfile", self.folder / "pid",
                    "--cgroup-parent", f"/{self.folder.name}"),
                stdout=log, stderr=log, env=environment)
        until(lambda: self.docker("version", check=False).returncode == 0, "the Docker Engine answers",
              within_s=60)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(timeout=60)

    def docker(self, *arguments, check=True, timeout=120):
        done = subprocess.run([docker_client(), *map(str, arguments)], text=True, capture_output=True,
                              timeout=timeout, env={**os.environ, "DOCKER_HOST": f"unix://{self.socket}"})
        if check and done.returncode != 0:
            raise AssertionError(f"docker {' '.join(map(str, arguments))}: {done.stderr}{done.stdout}\n"
                                 f"{self.log_tail()}")
        return done

    def out(self, *arguments, **options):
        return self.docker(*arguments, **options).stdout.strip()

    def lines(self, *arguments, **options):
        return self.out(*arguments, **options).splitlines()

    def load(self, *images):
        for image in images:
            self.docker("load", "-i", IMAGES / f"{image}.tar")

    def log_tail(self, count=20):
        log = self.folder / "log"
        return "\n".join(log.read_text(errors="replace").splitlines()[-count:]) if log.exists() else ""

    def cgroups(self):
        return [root / self.folder.name for root in CGROUPS.iterdir() if (root / self.folder.name).is_dir()]

    def close(self):
        """Ends it with everything that it runs, and removes what it left."""
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()

        def processes():
            # Its containers by their cgroup; its containerd, and that one's shims, by the folder that
            # each names.
            found = {int(pid) for folder in self.cgroups() for path in folder.rglob("cgroup.procs")
                     for pid in path.read_text().split()}
            for process in pathlib.Path("/proc").glob("[0-9]*"):
                try:
                    if str(self.folder) in (process / "cmdline").read_bytes().decode(errors="replace"):
                        found.add(int(process.name))
                except OSError:
                    continue
            return found - {os.getpid()}

        def all_ended():
            for pid in processes():
                try:
                    os.kill(pid, signal.SIGKILL)
                except ProcessLookupError:
                    pass
            return not processes()
        until(all_ended, "the Docker Engine and its containers have ended")
        for folder in self.cgroups():
            for path in sorted(folder.rglob("*/"), reverse=True):
                path.rmdir()
            folder.rmdir()
        self.namespaces.close()
        shutil.rmtree(self.folder, ignore_errors=True)
