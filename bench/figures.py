"""What the benchmarks that speak the Docker API share: a connection, services, and a table of both sides."""
import json
import pathlib
import sys
import time
from urllib.parse import quote

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests/e2e"))
import api  # noqa: E402


class Api(api.Api):
    def __init__(self, path):
        super().__init__(path, timeout_s=600)

    def call(self, method, path, body=None):
        self.request(method, "/v1.41" + path, json.dumps(body) if body is not None else None,
                     {"Content-Type": "application/json"})
        answer = self.getresponse()
        raw = answer.read()
        if answer.status >= 400:
            raise RuntimeError(f"{method} {path}: {answer.status} {raw[:200]!r}")
        return json.loads(raw) if raw.strip() else None


def spec(name, replicas, delay_ns=None, constraints=()):
    task = {"ContainerSpec": {"Image": "busybox:demo", "Command": ["sleep", "100000"],
                              "StopGracePeriod": 1_000_000_000},
            "Placement": {"Constraints": list(constraints)}}
    if delay_ns is not None:
        task["RestartPolicy"] = {"Condition": "any", "Delay": delay_ns}
    return {"Name": name, "TaskTemplate": task, "Mode": {"Replicated": {"Replicas": replicas}}}


def tasks(api, name):
    return api.call("GET", "/tasks?filters=" + quote(json.dumps({"service": {name: True}})))


def running(api, name):
    return sum(t["Status"]["State"] == "running" == t["DesiredState"] for t in tasks(api, name))


def wait_for(condition, step_s=0.005, limit_s=300):
    began = time.monotonic()
    while not condition():
        if time.monotonic() - began > limit_s:
            return float("nan")
        time.sleep(step_s)
    return time.monotonic() - began


def print_table(docker, shoal, targets, units):
    """A line a figure: Docker, Shoal, how many times better, the target. `docker` may lack figures."""
    print(f"{'':4} {'Docker':>12} {'Shoal':>12} {'ratio':>8} {'target':>10}  unit")
    for key in sorted(shoal, key=lambda k: (int("".join(c for c in k if c.isdigit())), k)):
        theirs = docker.get(key)
        ratio = f"{theirs / shoal[key]:.1f}" if theirs else "-"
        print(f"{key:4} {theirs if theirs is None else round(theirs, 3)!s:>12} "
              f"{shoal[key]:>12.3f} {ratio:>8} {targets[key]:>10}  {units[key]}")
