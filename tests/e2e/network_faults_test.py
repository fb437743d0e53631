"""What goes wrong with networks, by mistake or on purpose: each ends in a clear error or in repair, and
harms nobody else."""
import json
import pathlib
import signal
import subprocess
import unittest

import kernel_networks
from api import call
from harness import Node, make_images, until
from leftovers import names_in
from three_nodes import ASKER, CREATE, HOSTS, WHOAMI, ThreeNodes, answer_of, ask

HERE = pathlib.Path(__file__).resolve().parent
PYTHON = "/usr/bin/python3"
PORT = 8085
# Holds a port of the machine, and answers nothing.
HOLD = ("import socket,sys; s=socket.socket(socket.AF_INET,socket.SOCK_%s); s.bind(('0.0.0.0',%d));"
        "%s print('held',flush=True); sys.stdin.read()")


class Program:
    """Something that runs until it is told to end by the end of its input, and says a word when it has begun."""

    def __init__(self, command, word):
        self.process = subprocess.Popen(list(map(str, command)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        line = self.process.stdout.readline()
        if line != word + "\n":
            raise AssertionError(f"{command}: {line}{self.end()}")

    def end(self):
        """What else it said."""
        out, err = self.process.communicate(timeout=60)
        return out + err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.end()


def holder(node, kind, port):
    """A process of the node's machine that has a port."""
    listen = "s.listen();" if kind == "STREAM" else ""
    return Program(node.namespaces.enter(PYTHON, "-c", HOLD % (kind, port, listen)), "held")


def in_network_of(node, container, *command):
    """What is done there, the container could do itself with NET_RAW."""
    pid = node.out("inspect", "--format", "{{.State.Pid}}", container)
    return ["nsenter", "--target", pid, "--net", *command]


def pending(manager, service):
    """The reasons why tasks of the service do not go on."""
    rows = manager.lines("service", "ps", service, "--no-trunc", "--filter", "desired-state=running", "--format",
                         "{{.CurrentState}}|{{.Error}}")
    return [row.split("|")[1] for row in rows if row.startswith(("New", "Pending"))]


def errors_of(manager, service):
    return manager.out("service", "ps", service, "--no-trunc", "--format", "{{.Error}}")


class NetworkFaults(ThreeNodes):
    def placed(self, name, host, *arguments, command=ASKER):
        """A service with one task on this node: its node and container."""
        self.create(name, "--constraint", f"node.hostname=={host}", *arguments, command=command)
        self.await_running(name, host)
        node = self.nodes[HOSTS.index(host)]
        [container] = self.containers(node, name)
        return node, container

    def address_of(self, node, container, network):
        return node.out("inspect", "--format", "{{(index .NetworkSettings.Networks \"%s\").IPAddress}}" % network,
                        container)

    def virtual_ip(self, service, network):
        ips = json.loads(self.manager.out("service", "inspect", "--format", "{{json .Endpoint.VirtualIPs}}", service))
        identity = self.manager.out("network", "inspect", "--format", "{{.Id}}", network)
        return next(ip["Addr"].split("/")[0] for ip in ips if ip["NetworkID"] == identity)

    def get(self, asker, address):
        node, container = asker
        return answer_of(self.inside(node, container, "timeout", "20", "wget", "-qO-", f"http://{address}/"))

    def resolves(self, asker, name):
        node, container = asker
        text = self.inside(node, container, "nslookup", name, "127.0.0.11", check=False)
        return [line.split()[-1] for line in text.splitlines()[2:] if line.startswith("Address")]

    def refused(self, text, *arguments):
        done = self.manager.docker(*arguments, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(text, done.stderr)

    def test_a_port_that_a_process_has_is_served_by_the_others_and_by_all_once_it_is_free(self):
        node, process = self.nodes[2], holder(self.nodes[2], "STREAM", PORT)
        with process:
            self.create("web", "--publish", f"{PORT}:80", "--publish", f"{PORT + 1}:80", "--replicas", "2")
            until(lambda: len(self.running("web")) == 2, "both tasks run")
            for address in self.addresses[:2]:
                until(lambda a=address: self.outside.run("curl", "-s", "--max-time", "2", f"http://{a}:{PORT}",
                                                         check=False).returncode == 0, f"{address} serves the port")
            until(lambda: f"published port {PORT}/tcp" in (node.folder / "log").read_text(), "the log says it")
            self.assertIn("address already in use", (node.folder / "log").read_text())
            ask(self.outside, self.addresses[2], PORT + 1)
        until(lambda: self.outside.run("curl", "-s", "--max-time", "2", f"http://{self.addresses[2]}:{PORT}",
                                       check=False).returncode == 0, "the port is served once it is free")

    def test_ports_that_cannot_be(self):
        self.refused("invalid", *CREATE, "--publish", "65536:80", WHOAMI)
        self.refused("duplicate published ports", *CREATE, "--publish", f"{PORT}:80", "--publish", f"{PORT}:81",
                     WHOAMI)
        task = {"ContainerSpec": {"Image": WHOAMI}}
        for port, reason in (({"TargetPort": 80, "PublishedPort": 65536}, "invalid published port 65536"),
                             ({"TargetPort": 65536}, "invalid target port 65536"), ({"TargetPort": 0}, "target port 0")):
            status, message = call(self.manager.socket, "POST", "/services/create",
                                   {"Name": "bad", "TaskTemplate": task, "EndpointSpec": {"Ports": [port]}})
            self.assertEqual(status, 400, message)
            self.assertIn(reason, message)
        self.create("web", "--publish", f"{PORT}:80", "--replicas", "0")
        self.refused(f"port '{PORT}' is already in use by service 'web'", *CREATE, "--publish", f"{PORT}:80", WHOAMI)
        self.assertEqual(self.manager.lines("service", "ls", "--format", "{{.Name}}"), ["web"])

    def test_names_that_are_no_host_names(self):
        self.network("front")
        for alias in ("a b", "a_.", "-a", "a" * 64):
            self.refused("is no valid host name", *CREATE, "--network", f"name=front,alias={alias}", WHOAMI)
        for name in ("a b", "a/b", "ä", "-"):
            self.refused("name must be valid as a DNS name component", *CREATE, "--name", name, WHOAMI)
        asker = self.placed("asker", "hostos1", "--network", "front")
        for name in ("-", "a..b", "a" * 64, ".".join(["a" * 60] * 5), "*", "as\\007ker", "%00"):
            self.assertEqual(self.resolves(asker, name), [], name)
        self.assertEqual(self.resolves(asker, "asker"), [self.virtual_ip("asker", "front")])

    def test_a_subnet_that_is_full_is_the_reason_until_an_address_is_free(self):
        self.network("small", "--subnet", "10.77.0.0/29")  # Gateway, a virtual address, four tasks.
        self.create("web", "--network", "small", "--replicas", "6", command=ASKER)
        until(lambda: len(self.running("web")) == 4, "those run that have an address")
        reasons = until(lambda: (lambda p: len(p) == 2 and all(p) and p)(pending(self.manager, "web")), "two wait")
        for reason in reasons:
            self.assertIn("no available IPv4 addresses on this network's address pools: small", reason)
        self.network("other")
        self.create("other", "--network", "other", "--replicas", "1", command=ASKER)
        until(lambda: self.running("other"), "who is in another network is not concerned")
        taken = {self.address_of(node, container, "small") for node in self.nodes
                 for container in self.containers(node, "web")}
        self.assertEqual(len(taken), 4)
        self.manager.docker("service", "scale", "--detach", "web=3")
        until(lambda: len(self.running("web")) == 3 and not pending(self.manager, "web"), "three are left")
        self.create("late", "--network", "small", "--endpoint-mode", "dnsrr", command=ASKER)
        until(lambda: self.running("late"), "the address that came free is given again")

    def test_absurd_and_overlapping_subnets(self):
        create = ("network", "create", "-d", "overlay", "--label", "test")
        self.network("first", "--subnet", "10.78.0.0/16")
        for subnet, reason in (("10.78.3.0/24", "overlaps"), ("10.0.0.0/8", "overlaps"),
                               ("0.0.0.0/0", "are not for containers"), ("224.1.0.0/16", "are not for containers"),
                               ("10.79.0.0/31", "fewer than 4 addresses"), ("10.79.0.1/24", "it should be 10.79.0.0/24")):
            self.refused(reason, *create, "--subnet", subnet, "bad")
        self.refused("must be a number from 68 to 65535", *create, "-o", "com.docker.network.driver.mtu=67", "bad")

    def test_dns_takes_whatever_comes_and_one_containers_flood_is_no_others_matter(self):
        self.network("front")
        attacker = self.placed("attacker", "hostos1", "--network", "front")
        victim = self.placed("victim", "hostos1", "--network", "front")
        wanted = [self.virtual_ip("victim", "front")]
        until(lambda: self.resolves(victim, "victim") == wanted, "names are answered")
        with Program(in_network_of(*attacker, PYTHON, HERE / "dns_attacker.py", "victim"), "floods") as flood:
            for _ in range(20):
                self.assertEqual(self.resolves(victim, "victim"), wanted)
            self.assertEqual(self.resolves(victim, "no-such-name"), [])
            ask_api = self.manager.lines("service", "ls", "-q")
            self.assertEqual(len(ask_api), 2)
            sent, seconds = flood.end().split()
        print(f"{int(sent) / float(seconds):.0f} questions a second")
        until(lambda: self.resolves(attacker, "victim") == wanted, "the attacker itself is answered again")

    def test_a_container_that_says_it_is_another_and_floods_is_not_believed(self):
        self.network("front")
        thief = self.placed("thief", "hostos1", "--network", "front", "--cap-add", "NET_RAW")
        near = self.placed("near", "hostos1", "--network", "front")
        far = self.placed("far", "hostos2", "--network", "front")
        victim = self.placed("victim", "hostos1", "--network", "front", command=(WHOAMI,))
        own = self.address_of(*victim, "front")
        virtual = self.virtual_ip("victim", "front")
        until(lambda: self.get(near, virtual)["hostname"] == victim[1][:12], "the service answers")
        until(lambda: self.get(far, own)["hostname"] == victim[1][:12], "it is reached from the other node")
        clients = {near[1]: self.address_of(*near, "front"), far[1]: self.address_of(*far, "front")}
        # One connection that is open all the while.
        script = ("import http.client,sys; c=http.client.HTTPConnection(sys.argv[1],timeout=30)\n"
                  "print('open',flush=True)\n"
                  "for n,line in enumerate(sys.stdin): c.request('GET','/'); print(c.getresponse().read().decode())")
        with Program(in_network_of(*near, PYTHON, "-c", script, own), "open") as kept, \
                Program(in_network_of(*thief, PYTHON, HERE / "forger.py", self.address_of(*thief, "front"), own,
                                      clients[near[1]], virtual), "began") as forger:
            for _ in range(10):
                kept.process.stdin.write("again\n")
                kept.process.stdin.flush()
                for asker in (near, far):
                    for address in (own, virtual):
                        answer = self.get(asker, address)
                        self.assertEqual(answer["hostname"], victim[1][:12])
                        self.assertEqual(answer["client"].rsplit(":", 1)[0], clients[asker[1]])
            self.assertGreater(int(forger.end()), 1000)
            self.assertEqual(kept.end().count(f"hostname: {victim[1][:12]}"), 10)

    def test_a_network_that_goes_while_tasks_start(self):
        for turn in range(3):
            self.network("brief")
            self.create("brief", "--network", "brief", "--replicas", "6", command=ASKER)
            self.refused("is in use by", "network", "rm", "brief")
            if turn > 0:  # Each time another step has been reached.
                until(lambda: len(self.running("brief")) >= 3 * (turn - 1), "some run")
            self.manager.docker("service", "rm", "brief")
            until(lambda: self.manager.docker("network", "rm", "brief", check=False).returncode == 0,
                  "the network goes when nobody is in it")
        for node in self.nodes:
            until(lambda n=node: len(list((n.folder / "run/overlay").iterdir())) <= 1, "only the ingress network is left")
        self.network("front")
        self.create("web", "--network", "front", "--replicas", "3")
        self.await_running("web", *HOSTS)

    def test_an_identifier_that_another_program_uses_concerns_its_network_alone(self):
        self.network("taken")
        vni = until(lambda: self.manager.inspect("--type", "network", "taken")["Options"].get(
            "com.docker.network.driver.overlay.vxlanid_list"), "the network has an identifier")
        node = self.nodes[2]
        node.namespaces.run("ip", "link", "add", "other0", "type", "vxlan", "id", vni, "dstport", "4789", "local",
                            self.addresses[2])
        self.addCleanup(node.namespaces.run, "ip", "link", "del", "other0", check=False)
        self.create("stuck", "--network", "taken", "--constraint", "node.hostname==hostos3", command=ASKER)
        reason = f"VXLAN network identifier {vni} at UDP port 4789 is in use by another program on this host"
        until(lambda: reason in errors_of(self.manager, "stuck"), "the task says why it does not start")
        self.network("free")
        self.create("well", "--network", "free", "--replicas", "3", command=ASKER)
        self.await_running("well", *HOSTS)
        node.namespaces.run("ip", "link", "del", "other0")
        self.await_running("stuck", "hostos3")


class OneNode(unittest.TestCase):
    """A node whose machine is not as it should be when it founds its swarm."""

    def setUp(self):
        make_images()
        self.node = Node("node1")
        self.addCleanup(lambda: self.assertEqual([one for one in self.node.close() if one != "link thin0"], []))
        self.node.start()
        self.node.load("busybox")

    def init(self, *options):
        self.node.docker("swarm", "init", "--advertise-addr", "127.0.0.1", *options)
        self.node.docker("network", "create", "-d", "overlay", "front")
        self.node.docker(*CREATE, "--name", "web", "--network", "front", "--restart-delay", "1s", *ASKER)

    def runs(self):
        return self.node.lines("service", "ps", "web", "--filter", "desired-state=running", "--format",
                               "{{.CurrentState}}")[0].startswith("Running")

    def test_the_port_of_vxlan_in_use(self):
        with holder(self.node, "DGRAM", 7789):
            self.init("--data-path-port", "7789")
            reason = "UDP port 7789 is in use by another program on this host; VXLAN needs it"
            until(lambda: reason in errors_of(self.node, "web"), "the task says why it does not start")
        until(self.runs, "it runs when the port is free")

    def test_a_way_to_the_others_that_is_too_narrow(self):
        run = self.node.namespaces.run
        run("ip", "link", "add", "thin0", "mtu", "600", "type", "veth", "peer", "name", "thin1")
        run("ip", "address", "add", "10.66.0.1/24", "dev", "thin0")
        run("ip", "link", "set", "thin0", "up")
        run("ip", "link", "set", "thin1", "up")
        self.addCleanup(run, "ip", "link", "del", "thin0")
        self.init("--data-path-addr", "thin0")
        reason = "the link with address 10.66.0.1 has an MTU of 600, which leaves 550 for the network; it needs 576"
        until(lambda: reason in errors_of(self.node, "web"), "the task says why it does not start")
        run("ip", "link", "set", "thin0", "mtu", "1500")
        until(self.runs, "it runs when the way is wide enough")

    def test_a_daemon_that_is_killed_before_any_container_runs(self):
        """Its overlays go with it, in the kernel's own time; the next one makes them again and has nothing to mend."""
        self.node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        until(lambda: names_in(self.node.folder / "run/overlay"), "the ingress network is there")
        for _ in range(10):
            self.node.stop(signal.SIGKILL)
            self.node.start()
            kernel_networks.check(self.node)
        self.assertEqual(kernel_networks.mended(self.node), [])

    def test_forwarding_that_somebody_switched_off(self):
        run = self.node.namespaces.run
        self.node.docker("swarm", "init", "--advertise-addr", "127.0.0.1")
        run("sysctl", "-qw", "net.ipv4.ip_forward=0")
        self.node.stop()
        self.node.start()
        self.assertEqual(run("sysctl", "-n", "net.ipv4.ip_forward").stdout.strip(), "1")


if __name__ == "__main__":
    unittest.main()
