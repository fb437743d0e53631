"""Compares what a node holds in the kernel and on its disk with what its API says there is."""
import json
import pathlib
import re

from load import call

def names_in(folder):
    try:
        return {path.name for path in folder.iterdir()}
    except FileNotFoundError:
        return set()


def get(node, url):
    status, document = call(node.socket, "GET", url)
    if status != 200:
        raise AssertionError(f"GET {url}: {status} {document}")
    return document


def mounts_of_daemon(node):
    lines = pathlib.Path(f"/proc/{node.pid}/mountinfo").read_text().splitlines()
    return {line.split()[4] for line in lines if str(node.folder) in line.split()[4]}


def layers_in_use(node):
    used = set()
    for path in (node.folder / "data/images").glob("*.json"):
        if path.name != "repositories.json":
            used |= set(json.loads(path.read_text())["rootfs"]["diff_ids"])
    for path in (node.folder / "data/rootfs").glob("*/layers"):
        used |= set(path.read_text().split())
    return {layer.removeprefix("sha256:") for layer in used}


def differ(what, found, expected):
    more, less = sorted(found - expected), sorted(expected - found)
    return ([f"{what} left over: {more[:5]} of {len(more)}"] if more else []) + \
           ([f"{what} missing: {less[:5]} of {len(less)}"] if less else [])


def find(node):
    """Everything that is there and belongs to nothing, or the other way round, as texts."""
    containers = get(node, "/containers/json?all=1")
    all_ids = {c["Id"] for c in containers}
    running = {c["Id"] for c in containers if c["State"] in ("running", "paused")}
    wired = {c["Id"] for c in containers if c["Id"] in running
             and c["HostConfig"]["NetworkMode"] != "host"}
    data, run = node.folder / "data", node.folder / "run"

    left = differ("records", names_in(data / "containers"), all_ids)
    left += differ("root file systems", names_in(data / "rootfs") - all_ids, set())
    left += differ("engine folders", names_in(run / "engine/c"), running)
    left += differ("states of the runtime", names_in(run / "engine/crun") - {".cache"}, running)
    left += differ("execs", {str(path) for path in (run / "engine/c").glob("*/exec-*")}, set())
    left += differ("temporary files", names_in(run / "engine/tmp"), set())
    left += differ("namespaces", names_in(run / "netns"), wired)
    left += differ("scratch", names_in(data / "scratch"), set())
    left += differ("layers", names_in(data / "layers"), layers_in_use(node))
    left += differ("links to layers", {str(p) for p in (data / "l").iterdir()
                                       if p.is_symlink() and not p.exists()}, set())
    left += differ("images", {f"sha256:{path.stem}" for path in (data / "images").iterdir()
                              if path.name != "repositories.json"},
                   {image["Id"] for image in get(node, "/images/json?all=1")})
    left += differ("volumes", names_in(data / "volumes"),
                   {v["Name"] for v in get(node, "/volumes")["Volumes"] or []})
    carried = overlays_of(node, [c for c in containers if c["Id"] in wired])
    left += differ("networks", names_in(run / "overlay"), carried)
    left += differ("mounts", mounts_of_daemon(node),
                   {str(data / "rootfs" / i / "merged") for i in running}
                   | {str(run / "netns" / i) for i in wired}
                   | {str(run / "overlay" / i) for i in carried})
    for folder in node.cgroups():
        groups = {path.name for path in folder.iterdir() if path.is_dir()}
        left += differ(f"cgroups of {folder}", groups, running | {"conmon"})
    supervisors = set()
    for folder in node.cgroups()[:1]:
        supervisors = set((folder / "conmon/cgroup.procs").read_text().split())
    if len(supervisors) != len(running):
        left.append(f"{len(supervisors)} supervisors of {len(running)} containers")
    return left + network(node, containers, wired)


def overlays_of(node, wired):
    """The networks that the node has to carry: those of its containers, and the mesh's on each node of a swarm."""
    swarm = [network for network in get(node, "/networks") if network["Scope"] == "swarm"]
    used = {endpoint["NetworkID"] for c in wired for endpoint in c["NetworkSettings"]["Networks"].values()}
    return {network["Id"] for network in swarm if network["Ingress"] or network["Id"] in used}


def network(node, containers, wired):
    links = json.loads(node.namespaces.run("ip", "-j", "link").stdout)
    veths = [link["ifname"] for link in links if link["ifname"].startswith("shv")]
    on_bridge = [c for c in containers if c["Id"] in wired and c["HostConfig"]["NetworkMode"] != "none"]
    left = []
    if len(veths) != len(on_bridge):
        left.append(f"{len(veths)} links of {len(on_bridge)} containers")
    addresses = {endpoint["IPAddress"] for c in on_bridge for endpoint in c["NetworkSettings"]["Networks"].values()}
    rules = node.namespaces.run("nft", "list", "table", "inet", "shoal_node").stdout
    subnet = get(node, "/networks/bridge")["IPAM"]["Config"][0]
    own = {subnet["Gateway"], subnet["Subnet"].split("/")[0]}
    prefix = ".".join(subnet["Gateway"].split(".")[:2]) + "."
    named = {ip for ip in re.findall(r"\d+\.\d+\.\d+\.\d+", rules) if ip.startswith(prefix)}
    return left + differ("addresses in rules", named - own - addresses, set())
