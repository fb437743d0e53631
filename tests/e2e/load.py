"""A user who never rests: creates, scales, runs, stops, removes, execs, tags, imports, all at once,
over the node's socket. For each object it keeps what may be true of it: one thing once a change was
acknowledged, the old and the new while an answer is outstanding. Stops by itself when the daemon
goes; check() then says what the next daemon does not know.

Objects belong to one thread each, so nothing here races with itself.
"""
import http.client
import io
import json
import random
import socket
import tarfile
import threading

from api import Api

GONE = "gone"
API = "/v1.44"
SECOND_NS = 10**9


class DaemonGone(Exception):
    """No answer: whether the change was made is not known."""


def call(path, method, url, body=None, headers=None):
    """(status, document). DaemonGone when there was no whole answer."""
    connection = Api(path)
    data = body if isinstance(body, (bytes, type(None))) else json.dumps(body)
    try:
        connection.request(method, API + url, data,
                           {"Content-Type": "application/json", **(headers or {})})
        answer = connection.getresponse()
        raw = answer.read()
        if raw and not answer.isclosed():
            raise DaemonGone()
    except (OSError, http.client.HTTPException) as reason:
        raise DaemonGone() from reason
    finally:
        connection.close()
    try:
        return answer.status, json.loads(raw) if raw else None
    except ValueError:
        return answer.status, raw


def small_tar(text):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w") as tar:
        entry = tarfile.TarInfo("file")
        entry.size = len(text)
        tar.addfile(entry, io.BytesIO(text))
    return data.getvalue()


class Load:
    """One load on one node; run() it, then check() on the daemon that follows; again and again."""

    def __init__(self, socket_path, seed):
        self.path, self.random = socket_path, random.Random(seed)
        self.may_be = {}  # (kind, name) -> the set of what may be true
        self.acknowledged = 0
        self.problems = []
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.counter = 0

    def run(self, target):
        """In the background: the execs go into container `target`. end() waits for the threads."""
        self.stopping.clear()
        self.problems.clear()
        jobs = [self.services, self.services, self.containers, self.containers, self.images,
                self.volumes, lambda rng, mine: self.execs(rng, target)]
        self.threads = [threading.Thread(target=self.forever, args=(job, str(number)))
                        for number, job in enumerate(jobs)]
        for thread in self.threads:
            thread.start()

    def end(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def forever(self, job, mine):
        with self.lock:
            rng = random.Random(self.random.getrandbits(64))
        try:
            while not self.stopping.is_set():
                job(rng, mine)
        except DaemonGone:
            pass
        except Exception as reason:  # Told by check(): a thread's exception ends nothing else.
            self.problems.append(f"the load itself: {reason!r}")

    # ---- what is known of an object

    def known(self, kind, mine):
        return {name: states for (k, name), states in list(self.may_be.items())
                if k == kind and name.startswith(f"{kind}-{mine}-")}

    def change(self, kind, name, to, method, url, body=None, fine=(200, 201, 204, 304)):
        """Asks for a change. Returns the answer; any other status than `fine` is a problem."""
        before = self.may_be.get((kind, name), {GONE})
        self.may_be[(kind, name)] = before | {to}
        status, document = call(self.path, method, url, body)
        if status in fine:
            self.may_be[(kind, name)] = {to}
            self.acknowledged += 1
        elif "out of sequence" in str(document):  # The allocator was faster.
            self.may_be[(kind, name)] = before
        else:
            self.problems.append(f"{method} {url}: {status} {document}")
        return document

    def fresh(self, kind, mine):
        with self.lock:
            self.counter += 1
            return f"{kind}-{mine}-{self.counter}"

    def pick(self, rng, kind, mine):
        """One of this thread's objects of which one thing is known, or nothing."""
        certain = [name for name, states in self.known(kind, mine).items()
                   if len(states) == 1 and states != {GONE}]
        return rng.choice(certain) if certain else None

    # ---- what the threads do

    def services(self, rng, mine):
        name = self.pick(rng, "service", mine)
        if not name or len(self.known("service", mine)) < 2:
            name, replicas = self.fresh("service", mine), rng.randint(1, 2)
            self.change("service", name, replicas, "POST", "/services/create",
                        self.service_spec(name, replicas))
            return
        if rng.random() < 0.3:
            self.change("service", name, GONE, "DELETE", f"/services/{name}")
            self.may_be.pop(("service", name))
            return
        status, service = call(self.path, "GET", f"/services/{name}")
        if status != 200:
            self.problems.append(f"service {name} was acknowledged: {status} {service}")
            return
        replicas = rng.randint(0, 3)
        self.change("service", name, replicas, "POST",
                    f"/services/{service['ID']}/update?version={service['Version']['Index']}",
                    {**service["Spec"], "Mode": {"Replicated": {"Replicas": replicas}}})

    @staticmethod
    def service_spec(name, replicas):
        return {"Name": name, "Mode": {"Replicated": {"Replicas": replicas}},
                "TaskTemplate": {
                    "ContainerSpec": {"Image": "busybox:demo", "Args": ["sleep", "86400"],
                                      "StopGracePeriod": SECOND_NS // 10},
                    "RestartPolicy": {"Delay": SECOND_NS // 10}},
                "EndpointSpec": {"Ports": [{"TargetPort": 80}]}}

    def containers(self, rng, mine):
        name = self.pick(rng, "run", mine)
        if not name or len(self.known("run", mine)) < 3:
            return self.new_container(rng, mine, "brief" if rng.random() < 0.3 else "run")
        [state] = self.may_be[("run", name)]
        if rng.random() < 0.4:
            self.may_be[("run", name)] = {state, "exited"}  # It is killed first.
            self.change("run", name, GONE, "DELETE", f"/containers/{name}?force=1&v=1")
            self.may_be.pop(("run", name))
        elif state == "running" and rng.random() < 0.5:
            self.change("run", name, "exited", "POST", f"/containers/{name}/stop?t=0")
        elif state == "running":
            self.change("run", name, "exited", "POST", f"/containers/{name}/kill")
            call(self.path, "POST", f"/containers/{name}/wait")
        else:
            self.change("run", name, "running", "POST", f"/containers/{name}/start")
        return None

    def new_container(self, rng, mine, kind):
        """Of kind "brief": with --rm, and it ends at once."""
        name, brief = self.fresh(kind, mine), kind == "brief"
        policy = rng.choice(["", "unless-stopped"]) if not brief else ""
        self.change(kind, name, "created", "POST", f"/containers/create?name={name}", {
            "Image": "busybox:demo", "Cmd": ["sleep", "0.05" if brief else "86400"],
            "HostConfig": {"AutoRemove": brief, "RestartPolicy": {"Name": policy},
                           "PortBindings": {"80/tcp": [{"HostPort": ""}]}}})
        self.change(kind, name, GONE if brief else "running", "POST", f"/containers/{name}/start")
        if brief:
            self.may_be.pop((kind, name))  # Only its leftovers matter.

    def execs(self, rng, target):
        word = f"word-{rng.getrandbits(32)}"
        _, made = call(self.path, "POST", f"/containers/{target}/exec", {
            "Cmd": ["echo", word], "AttachStdout": True})
        status, output = call(self.path, "POST", f"/exec/{made['Id']}/start", {"Detach": False})
        if status != 200 or word.encode() not in (output or b""):
            call(self.path, "GET", "/_ping")  # Output that was cut off by its end is no problem.
            self.problems.append(f"exec answered {status} {output}")
        self.acknowledged += 1
        call(self.path, "GET", f"/containers/{target}/logs?stdout=1&tail=5")

    def images(self, rng, mine):
        name = self.pick(rng, "image", mine)
        if name and rng.random() < 0.5:
            self.change("image", name, GONE, "DELETE", f"/images/{name}:latest?force=1")
            self.may_be.pop(("image", name))
            return
        name = self.fresh("image", mine)
        if rng.random() < 0.5:
            self.change("image", name, "there", "POST",
                        f"/images/busybox:demo/tag?repo={name}&tag=latest")
        else:
            self.change("image", name, "there", "POST",
                        f"/images/create?fromSrc=-&repo={name}&tag=latest",
                        small_tar(name.encode()))

    def volumes(self, rng, mine):
        name = self.pick(rng, "volume", mine)
        if name and rng.random() < 0.5:
            self.change("volume", name, GONE, "DELETE", f"/volumes/{name}")
            self.may_be.pop(("volume", name))
            return
        name = self.fresh("volume", mine)
        self.change("volume", name, "there", "POST", "/volumes/create", {"Name": name})

    # ---- what a daemon knows

    def differences(self):
        """What is not as it may be, as texts."""
        now = self.seen()
        found = []
        for (kind, name), states in self.may_be.items():
            state = now[kind].get(name, GONE)
            if state not in states:
                found.append(f"{kind} {name} is {state}, and may be {states}")
        return found

    def settle(self):
        """What was in doubt is what the daemon knows now. A container that was on its way from one
        state to another may still be: it goes."""
        for kind, name in [key for key, states in self.may_be.items() if key[0] == "brief" or
                           (key[0] == "run" and len(states) > 1)]:
            call(self.path, "DELETE", f"/containers/{name}?force=1&v=1")
            self.may_be.pop((kind, name))
        now = self.seen()
        for kind, name in list(self.may_be):
            self.may_be[(kind, name)] = {now[kind].get(name, GONE)}
            if self.may_be[(kind, name)] == {GONE}:
                self.may_be.pop((kind, name))

    def seen(self):
        def get(url):
            status, document = call(self.path, "GET", url)
            if status != 200:
                raise AssertionError(f"GET {url}: {status} {document}")
            return document
        containers = {c["Names"][0][1:]: c["State"] for c in get("/containers/json?all=1")}
        return {
            "service": {s["Spec"]["Name"]: s["Spec"]["Mode"]["Replicated"]["Replicas"]
                        for s in get("/services")},
            "run": containers, "brief": containers,
            "image": {tag.rsplit(":", 1)[0]: "there" for i in get("/images/json")
                      for tag in i["RepoTags"] or []},
            "volume": {v["Name"]: "there" for v in get("/volumes")["Volumes"] or []},
        }

    def not_converged(self):
        """Services whose running tasks are not as many as asked for."""
        seen = self.seen()["service"]
        status, tasks = call(self.path, "GET", "/tasks?filters=%7B%22desired-state%22%3A%5B"
                                               "%22running%22%5D%7D")
        _, services = call(self.path, "GET", "/services")
        names = {s["ID"]: s["Spec"]["Name"] for s in services}
        running = {}
        for task in tasks if status == 200 else []:
            if task["Status"]["State"] == "running":
                name = names.get(task["ServiceID"])
                running[name] = running.get(name, 0) + 1
        return {name: (running.get(name, 0), wanted) for name, wanted in seen.items()
                if running.get(name, 0) != wanted}
