"""Compares the networks in the kernel of several nodes with what the manager's API says there is.

Independent of the daemon's own check: what is to be there follows from tasks, services, networks and
nodes as the API shows them; what is there is asked of ip, bridge and nft. At rest only: a task that
is about to start or to end is in the kernel of some nodes and not of others.
"""
import ipaddress
import json
import pathlib
import re
import subprocess

from harness import BIN
from leftovers import differ, get, names_in

GATEWAY_LINK = "shg0"
LOOK = """
look() { ip -j address; echo ----; bridge -j fdb; echo ----; ip -j neigh show nud permanent; echo ----;
         nft list ruleset; echo ====; }
look
for path in "$@"; do nsenter --net=$path sh -c "$(declare -f look); look"; done
"""


class Swarm:
    """What the manager says, as far as networks are concerned."""

    def __init__(self, manager):
        self.nodes = {node["ID"]: node for node in get(manager, "/nodes")}
        self.networks = {network["Id"]: network for network in get(manager, "/networks")
                         if network["Scope"] == "swarm"}
        self.services = {service["ID"]: service for service in get(manager, "/services")}
        # Those that still end, too. Of a node that is down the others know nobody.
        self.live = [task for task in get(manager, "/tasks") if task["Status"]["State"] == "running"]
        self.tasks = [task for task in self.live if task["DesiredState"] == "running"]
        [self.ingress] = [i for i, network in self.networks.items() if network["Ingress"]]

    def everyone(self, network):
        """Each live task's address in the network, with its node."""
        return addresses_of(self.live, network)

    def addresses(self, network, service):
        """Where the service answers in the network."""
        return set(addresses_of([task for task in self.tasks if task["ServiceID"] == service], network))

    def carried_by(self, node):
        """The networks that a node takes part in."""
        return {i for i in self.networks if i == self.ingress or node in self.everyone(i).values()}

    def virtual_ips(self, network):
        """Each virtual address in the network, with its service."""
        return {ip["Addr"].split("/")[0]: i for i, service in self.services.items()
                for ip in service["Endpoint"].get("VirtualIPs") or [] if ip["NetworkID"] == network}

    def ports(self):
        """Behind each port of the routing mesh: the addresses and port of its tasks."""
        return {(port["Protocol"], port["PublishedPort"]):
                {f"{address}:{port['TargetPort']}" for address in self.addresses(self.ingress, i)}
                for i, service in self.services.items() for port in service["Endpoint"].get("Ports") or []
                if port["PublishMode"] == "ingress"}

    def names(self, network):
        """What each name answers in the network."""
        answers = {}
        for i, service in self.services.items():
            own, name = self.addresses(network, i), service["Spec"]["Name"]
            of_it = {ip["NetworkID"]: {ip["Addr"].split("/")[0]}
                     for ip in service["Endpoint"].get("VirtualIPs") or []}
            targets = {n["Target"] for n in service["Spec"]["TaskTemplate"].get("Networks") or []}
            if network in targets:
                answers[name], answers[f"tasks.{name}"] = of_it.get(network, own), own
        return answers


def addresses_of(tasks, network):
    return {attachment["Addresses"][0].split("/")[0]: task["NodeID"] for task in tasks
            for attachment in task.get("NetworksAttachments") or [] if attachment["Network"]["ID"] == network}


class Space:
    """What is in one network namespace."""

    def __init__(self, text):
        links, entries, neighbours, self.rules = text.split("----\n")
        self.addresses = {link["ifname"]: {f"{a['local']}/{a['prefixlen']}" for a in link["addr_info"]
                                           if a["scope"] == "global"} for link in json.loads(links)}
        self.entries, self.neighbours = json.loads(entries), json.loads(neighbours)

    def links(self):
        return set(self.addresses) - {"lo"}


def chain_of(rules, chain):
    found = re.search(rf"chain {re.escape(chain)} {{\n(.*?)\n\t}}", rules, re.S)
    return found[1] if found else ""


def backends_in_kernel(rules):
    """Who answers behind each virtual address of an overlay, in the rules of its namespace."""
    leads = re.findall(r"(\d+\.\d+\.\d+\.\d+) : goto (service_\w+)", rules)
    return {address: set(re.findall(r"\d+\.\d+\.\d+\.\d+", chain_of(rules, chain))) for address, chain in leads}


def published_in_kernel(rules):
    """Who answers behind each port of the routing mesh, in the rules of the host."""
    found = {}
    for protocol, port, chain in re.findall(r"(tcp|udp|sctp) \. (\d+) : goto (service_\w+)", rules):
        chain = chain_of(rules, chain)
        pairs = re.findall(r"(\d+\.\d+\.\d+\.\d+)(?: \. |:)(\d+)", chain)
        found[protocol, int(port)] = {f"{address}:{number}" for address, number in pairs}
    for idle in re.findall(r"set services_idle {.*?\n\t}", rules, re.S):  # One in each of our tables.
        for protocol, port in re.findall(r"(tcp|udp|sctp) \. (\d+)", idle):
            found[protocol, int(port)] = set()
    return found


def mac_of(address):
    return ":".join(f"{byte:02x}" for byte in (2, 0x42, *ipaddress.ip_address(address).packed))


def port_of(address):
    return "c" + mac_of(address).replace(":", "")[4:]


def path_of(node, network):
    """The file that holds the network's namespace, as the daemon sees it: its mounts are its own."""
    return f"/proc/{node.pid}/root{node.folder}/run/overlay/{network}"


def look(node):
    """The spaces of a node: the host's, and each network's by its id. LookupError while they come and go."""
    networks = sorted(names_in(node.folder / "run/overlay"))
    paths = [path_of(node, network) for network in networks]
    seen = node.namespaces.run("bash", "-c", LOOK, "look", *paths, check=False)
    parts = seen.stdout.split("====\n")[:-1]
    if len(parts) != len(networks) + 1:
        raise LookupError(f"{node.name} cannot be looked at: {seen.stderr}")
    spaces = [Space(part) for part in parts]
    return spaces[0], dict(zip(networks, spaces[1:]))


def gateway_of(space):
    [address] = space.addresses.get(GATEWAY_LINK) or [None]
    return address.split("/")[0] if address else None


def gateways_told(swarm, node, gateways, tunnels):
    """The nodes' own addresses in the mesh that this node knows: its own; all, once it runs a task there."""
    all_known = any(mac_of(address) in {mac for mac, _ in tunnels} for address in gateways)
    needed = node in swarm.everyone(swarm.ingress).values()
    return {address: i for address, i in gateways.items() if needed or all_known or i == node}


def compare_network(swarm, node, network, space, gateways):
    """One network on one node, with what it shall be."""
    tunnels = {(e["mac"], e["dst"]) for e in space.entries if e["ifname"] == "vx0" and "dst" in e}
    everyone = swarm.everyone(network)
    if network == swarm.ingress:
        everyone |= gateways_told(swarm, node, gateways, tunnels)
    here = {address for address, carrier in everyone.items() if carrier == node}
    there = {address: swarm.nodes[carrier]["Status"]["Addr"] for address, carrier in everyone.items()
             if carrier != node}
    subnet = swarm.networks[network]["IPAM"]["Config"][0]
    virtual = {} if network == swarm.ingress else swarm.virtual_ips(network)
    gateway = f"{subnet['Gateway']}/{subnet['Subnet'].split('/')[1]}"

    found = differ("links", space.links(), {"br0", "vx0", *map(port_of, here)})
    found += differ("addresses", space.addresses.get("br0", set()), {gateway, *(f"{ip}/32" for ip in virtual)})
    found += differ("tunnels", tunnels, {(mac_of(ip), host) for ip, host in there.items()})
    static = {(e["mac"], e["ifname"]) for e in space.entries if e.get("state") == "static"}
    found += differ("forwarding", static, {(mac_of(ip), "vx0") for ip in there} |
                    {(mac_of(ip), port_of(ip)) for ip in here})
    neighbours = {(n["dst"], n["dev"], n["lladdr"]) for n in space.neighbours}
    found += differ("neighbours", neighbours, {(ip, "br0", mac_of(ip)) for ip in everyone} |
                    {(ip, "vx0", mac_of(ip)) for ip in there})
    wanted = {ip: swarm.addresses(network, service) for ip, service in virtual.items()}
    backends = backends_in_kernel(space.rules)
    return found + differ("backends", {(ip, b) for ip, some in backends.items() for b in some},
                          {(ip, b) for ip, some in wanted.items() for b in some})


def differences(manager, nodes):
    """What is not in the kernel of these nodes as it shall be, as texts."""
    try:
        return compare(Swarm(manager), {node.name: look(node) for node in nodes})
    except LookupError as changing:  # A network went while it was looked at.
        return [str(changing)]


def compare(swarm, seen):
    ids = {node["Description"]["Hostname"]: i for i, node in swarm.nodes.items()}
    gateways = {gateway_of(host): ids[name] for name, (host, _) in seen.items() if gateway_of(host)}
    gateways |= {address: i for address, i in known_gateways(swarm, seen, gateways).items()}
    found = []
    for name, (host, spaces) in seen.items():
        node = ids[name]
        if gateway_of(host) is None:
            found.append(f"{name}: no link into the mesh")
        found += [f"{name}: {d}" for d in differ("networks", set(spaces), swarm.carried_by(node))]
        ports, wanted = published_in_kernel(host.rules), swarm.ports()
        found += [f"{name}: {d}" for d in differ("ports", set(ports), set(wanted)) +
                  differ("backends of ports", {(p, b) for p, some in ports.items() for b in some},
                         {(p, b) for p, some in wanted.items() for b in some})]
        for network, space in spaces.items():
            if network in swarm.networks:
                label = f"{name}, {swarm.networks[network]['Name']}"
                found += [f"{label}: {d}" for d in compare_network(swarm, node, network, space, gateways)]
    return found


def known_gateways(swarm, seen, gateways):
    """Those of nodes that are not looked at, as the others know them: an address of no task."""
    hosts = {node["Status"]["Addr"]: i for i, node in swarm.nodes.items()}
    known = {}
    for _, spaces in seen.values():
        for entry in spaces[swarm.ingress].entries if swarm.ingress in spaces else []:
            address = str(ipaddress.ip_address(bytes.fromhex(entry["mac"].replace(":", ""))[2:]))
            if "dst" in entry and address not in swarm.everyone(swarm.ingress):
                if hosts.get(entry["dst"]) not in gateways.values():
                    known[address] = hosts.get(entry["dst"])
    return known


def check(node):
    """Has the daemon check its networks; the differences that it found."""
    done = subprocess.run([BIN / "shoal", "network", "check", "--format", "{{.Network}}: {{.Difference}}"],
                          text=True, capture_output=True, env=node.environment(), timeout=120)
    if done.returncode != 0:
        raise AssertionError(f"{node.name}: {done.stderr}")
    return [f"{node.name}, {line}" for line in done.stdout.splitlines()]


def mended(node):
    """What the daemon has logged of networks that were not as they shall be, also by itself."""
    log = (node.folder / "log").read_text(errors="replace")
    return [line for line in log.splitlines() if "not as they shall be" in line or "not as it shall be" in line]


ASK_NAMES = pathlib.Path(__file__).with_name("ask_names.py")


def answers(node, process, names):
    """What a container's process is told of these names: a set of addresses each. LookupError when it ended."""
    done = node.namespaces.run("nsenter", f"--net=/proc/{process}/ns/net", "/usr/bin/python3", ASK_NAMES, *names,
                               check=False)
    if done.returncode != 0:
        raise LookupError(f"{node.name}: process {process} cannot be asked: {done.stderr}")
    return {name: set(found) for name, found in json.loads(done.stdout).items()}


def name_differences(manager, nodes, gone=()):
    """What the running tasks' containers are told of names that is not so. Names in `gone` are to be unknown."""
    try:
        return compare_names(manager, nodes, gone)
    except LookupError as changing:
        return [str(changing)]


def compare_names(manager, nodes, gone):
    swarm, found = Swarm(manager), []
    by_host = {node.name: node for node in nodes}
    for task in swarm.tasks:
        node = by_host.get(swarm.nodes[task["NodeID"]]["Description"]["Hostname"])
        wanted = {}
        for attachment in task.get("NetworksAttachments") or []:
            if attachment["Network"]["ID"] != swarm.ingress:
                wanted |= {name: some for name, some in swarm.names(attachment["Network"]["ID"]).items()
                           if name not in wanted}
        if node is None or not wanted:
            continue
        wanted |= {name: set() for name in gone}
        told = answers(node, task["Status"]["ContainerStatus"]["PID"], sorted(wanted))
        found += [f"{node.name}, task {task['ID']}: {name} is {sorted(told[name])}, not {sorted(wanted[name])}"
                  for name in wanted if told[name] != wanted[name]]
    return found
