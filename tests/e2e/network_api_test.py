"""Networks of the swarm through the docker client, on one node: create, ls, inspect, rm, prune, and
what a service says of its networks. What runs on them is tested elsewhere."""
import json
import unittest

from api import call
from harness import Node, NodeTest, make_images, until

VNI = "com.docker.network.driver.overlay.vxlanid_list"
BUSYBOX = ("busybox:demo", "sleep", "100000")


class Networks(NodeTest):
    images = ("busybox",)

    def refused(self, text, *arguments):
        done = self.node.docker(*arguments, check=False)
        self.assertIn(done.returncode, (1, 125), done.stdout)
        self.assertIn(text, done.stderr)

    def network(self, name, *options):
        made = self.node.out("network", "create", "-d", "overlay", *options, name)
        self.addCleanup(self.node.docker, "network", "rm", name, check=False)
        return made

    def service(self, name, *options):
        """Without tasks: they would need the data plane."""
        self.node.docker("service", "create", "--detach", "--no-resolve-image", "--replicas", "0",
                         "--name", name, *options, *BUSYBOX)
        self.addCleanup(self.node.docker, "service", "rm", name, check=False)
        return self.node.inspect("--type", "service", name)

    def seen(self, name, *options):
        return json.loads(self.node.out("network", "inspect", *options, name))[0]

    def allocated(self, name):
        return until(lambda: self.seen(name) if VNI in self.seen(name)["Options"] else None,
                     f"{name} has its addresses")

    def test_a_network_is_created_listed_inspected_and_removed(self):
        node = self.node
        made = self.network("front", "--attachable", "--internal", "--label", "a=b",
                            "--subnet", "10.50.0.0/24", "--ip-range", "10.50.0.128/25",
                            "--gateway", "10.50.0.200", "--aux-address", "router=10.50.0.5",
                            "-o", "com.docker.network.driver.mtu=1400")
        self.assertRegex(made, "^[0-9a-z]{25}$")
        self.assertIn(f"{made[:12]} front overlay swarm",
                      node.lines("network", "ls", "--format",
                                 "{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}"))
        seen = self.allocated("front")
        self.assertEqual(seen["Id"], made)
        self.assertEqual(seen["IPAM"]["Config"],
                         [{"Subnet": "10.50.0.0/24", "IPRange": "10.50.0.128/25",
                           "Gateway": "10.50.0.200", "AuxiliaryAddresses": {"router": "10.50.0.5"}}])
        self.assertEqual(seen["Labels"], {"a": "b"})
        self.assertEqual(seen["Options"]["com.docker.network.driver.mtu"], "1400")
        self.assertGreater(int(seen["Options"][VNI]), 4096)
        self.assertTrue(seen["Attachable"] and seen["Internal"])
        self.assertFalse(seen["Ingress"])
        for ref in (made, made[:8]):
            self.assertEqual(self.seen(ref)["Name"], "front")
        self.assertEqual(node.out("network", "rm", "front"), "front")
        self.refused("network front not found", "network", "inspect", "front")
        self.refused("network front not found", "network", "rm", "front")

    def test_the_allocator_gives_what_nobody_asked_for(self):
        first, second = (self.allocated(self.network(name)) for name in ("one", "two"))
        subnets = [seen["IPAM"]["Config"][0]["Subnet"] for seen in (first, second)]
        self.assertEqual(len(set(subnets)), 2)
        for subnet in subnets:
            self.assertRegex(subnet, r"^10\.\d+\.\d+\.0/24$")
        self.assertNotEqual(first["Options"][VNI], second["Options"][VNI])

    def test_the_ingress_network(self):
        node = self.node
        seen = self.allocated("ingress")
        self.assertTrue(seen["Ingress"])
        self.assertEqual(seen["Options"][VNI], "4096")
        self.refused("ingress network", "network", "create", "-d", "overlay", "--ingress", "again")
        self.refused("Service cannot be explicitly attached to the ingress network",
                     "service", "create", "--network", "ingress", *BUSYBOX)
        self.service("web", "--publish", "8090:80")
        status, answer = call(node.socket, "DELETE", "/networks/ingress")
        self.assertEqual(status, 400)
        self.assertIn("ingress network cannot be removed because service", answer)
        node.docker("service", "rm", "web")
        status, _ = call(node.socket, "DELETE", "/networks/ingress")
        self.assertEqual(status, 204)
        self.refused("service needs ingress network, but no ingress network is present",
                     "service", "create", "--publish", "8090:80", *BUSYBOX)
        node.docker("network", "create", "-d", "overlay", "--ingress", "ingress")
        self.assertTrue(self.allocated("ingress")["Ingress"])

    def test_a_service_names_networks_and_is_shown_with_them(self):
        node = self.node
        front, back = self.network("front"), self.network("back")
        shown = self.service("web", "--network", "name=front,alias=db", "--network", back[:10],
                             "--hostname", "h", "--host", "x:1.2.3.4", "--dns", "1.1.1.1")
        networks = shown["Spec"]["TaskTemplate"]["Networks"]
        wanted = [{"Target": front, "Aliases": ["db"]}, {"Target": back}]
        # The client sends them in the order of their ids.
        self.assertEqual(networks, sorted(wanted, key=lambda network: network["Target"]))
        pretty = node.out("service", "inspect", "--pretty", "web")
        self.assertRegex(pretty, r"Networks:\s*(front back|back front)")
        self.assertRegex(pretty, r"Endpoint Mode:\s*vip")
        container = shown["Spec"]["TaskTemplate"]["ContainerSpec"]
        self.assertEqual(container["Hostname"], "h")
        self.assertEqual(container["Hosts"], ["1.2.3.4 x"])
        self.assertEqual(container["DNSConfig"], {"Nameservers": ["1.1.1.1"]})

        def addresses():
            endpoint = node.inspect("--type", "service", "web")["Endpoint"]
            return {ip["NetworkID"]: ip["Addr"] for ip in endpoint.get("VirtualIPs", [])}
        ips = until(lambda: len(addresses()) == 2 and addresses(), "a virtual address a network")
        self.assertEqual(set(ips), {front, back})
        verbose = self.seen("front", "-v")
        self.assertEqual(verbose["Services"]["web"]["VIP"], ips[front].split("/")[0])
        self.assertEqual(verbose["Services"]["web"]["Tasks"], [])

        for name in ("front", "back"):
            self.refused("is in use by service", "network", "rm", name)
        node.docker("service", "rm", "web")
        node.docker("network", "rm", "front", "back")

    def test_host_networking_is_every_nodes_own(self):
        shown = self.service("web", "--network", "host")
        self.assertEqual(shown["Spec"]["TaskTemplate"]["Networks"], [{"Target": "host"}])
        self.assertRegex(self.node.out("service", "inspect", "--pretty", "web"), "Networks: host")
        self.refused("network none not found", "service", "create", "--network", "none", *BUSYBOX)

    def test_prune_takes_what_nobody_uses(self):
        node = self.node
        for name in ("used", "free", "kept"):
            self.network(name, "--label", f"is={name}")
        self.service("web", "--network", "used")
        self.assertEqual(node.lines("network", "ls", "-q", "--filter", "dangling=true",
                                    "--filter", "label=is=used"), [])
        pruned = node.out("network", "prune", "-f", "--filter", "label!=is=kept")
        self.assertEqual(pruned.split(), ["Deleted", "Networks:", "free"])
        names = node.lines("network", "ls", "--format", "{{.Name}}")
        self.assertEqual(sorted(names), ["bridge", "host", "ingress", "kept", "none", "used"])

    def test_events_tell_of_networks(self):
        made = self.network("told")
        self.node.docker("network", "rm", "told")
        events = self.node.lines("events", "--since", "10m", "--until", "0s", "--filter",
                                 "type=network", "--filter", "scope=swarm", "--filter",
                                 f"network={made}", "--format",
                                 "{{.Action}} {{.Actor.ID}} {{.Actor.Attributes.name}}")
        self.assertEqual(events, [f"create {made} told", f"remove {made} told"])

    def test_what_cannot_be(self):
        self.network("front", "--subnet", "10.50.0.0/24")
        create = ("network", "create", "-d", "overlay")
        self.refused("network with name front already exists", *create, "front")
        self.refused("name must be valid as a DNS name component", *create, "a b")
        self.refused("network with name host already exists", *create, "host")
        self.refused("predefined none network", *create, "none")
        self.refused("overlaps", *create, "--subnet", "10.50.0.128/25", "a")
        self.refused("127.0.0.0/8", *create, "--subnet", "127.0.0.0/8", "a")
        self.refused("10.51.0.1", *create, "--subnet", "10.52.0.0/24", "--gateway", "10.51.0.1", "a")
        self.refused("must be a number", *create, "-o", "com.docker.network.driver.mtu=x", "a")
        self.refused("cannot be encrypted", *create, "-o", "encrypted", "a")
        self.refused("not supported by this version of Shoal yet", "network", "create", "-d", "macvlan", "a")
        self.refused("plugin \"foo\" not found", "network", "create", "-d", "foo", "a")
        self.refused("pre-defined network and cannot be removed", "network", "rm", "bridge")
        self.refused("network nope not found", "service", "create", "--network", "nope", *BUSYBOX)
        self.refused("is no valid host name", "service", "create",
                     "--network", "name=front,alias=a b", *BUSYBOX)
        self.refused("attached twice", "service", "create", "--network", "front",
                     "--network", "front", *BUSYBOX)
        self.refused("can't be used with dnsrr mode", "service", "create", "--endpoint-mode",
                     "dnsrr", "--publish", "8090:80", *BUSYBOX)
        self.refused("is no IP address", "service", "create", "--publish", "8090:80", "--label",
                     "shoal.publish.8090/tcp.ip=eth0", *BUSYBOX)

    def test_containers_are_connected_by_hand_only_where_that_is_meant(self):
        node = self.node
        self.network("front")
        self.network("open", "--attachable")
        node.docker("run", "-d", "--name", "c1", *BUSYBOX)
        self.addCleanup(node.docker, "rm", "-f", "c1")
        self.refused("network front not manually attachable", "network", "connect", "front", "c1")
        node.docker("network", "connect", "open", "c1")
        identity = node.out("network", "inspect", "--format", "{{.Id}}", "open")
        for name in ("open", identity[:10]):
            self.refused("already exists in network open", "network", "connect", name, "c1")
        self.assertIn("open", node.inspect("--type", "container", "c1")["NetworkSettings"]["Networks"])
        node.docker("network", "disconnect", "open", "c1")
        self.refused("network front not manually attachable", "run", "--network", "front", *BUSYBOX)
        self.refused("No such container: nobody", "network", "connect", "front", "nobody")  # "c2" may begin an id
        self.refused("network nope not found", "network", "connect", "nope", "c1")


class Pools(unittest.TestCase):
    """What `docker swarm init` says of networks."""

    @classmethod
    def setUpClass(cls):
        make_images()

    def setUp(self):
        self.node = Node("node1")
        self.addCleanup(lambda: self.assertEqual(self.node.close(), []))
        self.node.start()

    def init(self, *options):
        return self.node.docker("swarm", "init", "--advertise-addr", "127.0.0.1", *options,
                                check=False)

    def test_pools_and_the_data_path(self):
        node = self.node
        for options, reason in (
                (("--default-addr-pool", "10.0.0.0/28"), "Subnet size is too small for pool: 24"),
                (("--default-addr-pool-mask-length", "30"), "subnet size is out of range: 30"),
                (("--default-addr-pool", "10.0.0.0/8", "--default-addr-pool", "10.1.0.0/16"),
                 "it overlaps 10.0.0.0/8"),
                (("--data-path-port", "70000"), "Datapath port number is not in valid range"),
                (("--data-path-addr", "nowhere0"), "data path address must be a non-zero IP")):
            done = self.init(*options)
            self.assertEqual(done.returncode, 1, options)
            self.assertIn(reason, done.stderr)
        done = self.init("--default-addr-pool", "10.20.0.0/16", "--default-addr-pool",
                         "10.30.0.0/16", "--default-addr-pool-mask-length", "26",
                         "--data-path-port", "7789", "--data-path-addr", "lo")
        self.assertEqual(done.returncode, 0, done.stderr)
        _, swarm = call(node.socket, "GET", "/swarm")
        self.assertEqual(swarm["DefaultAddrPool"], ["10.20.0.0/16", "10.30.0.0/16"])
        self.assertEqual(swarm["SubnetSize"], 26)
        self.assertEqual(swarm["DataPathPort"], 7789)
        record = json.loads((node.data_root / "swarm/node.json").read_text())
        self.assertEqual(record["data_path_address"], "127.0.0.1")
        node.docker("network", "create", "-d", "overlay", "front")

        def subnet():
            seen = json.loads(node.out("network", "inspect", "front"))[0]
            return seen["IPAM"]["Config"] and seen["IPAM"]["Config"][0]["Subnet"]
        self.assertRegex(until(subnet, "the network has a subnet"), r"^10\.20\.\d+\.\d+/26$")


if __name__ == "__main__":
    unittest.main()
