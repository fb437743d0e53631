"""Bridge networks that users make on one node, with the docker client: names, addresses, isolation,
ports, joining and leaving, and life over restarts of the daemon."""
import json
import re
import signal
import unittest

from api import call
from harness import NodeTest, until

IMAGE = "busybox:demo"
SERVE = ("sh", "-c", "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www")


class Bridges(NodeTest):
    images = ("busybox",)

    def refused(self, text, *arguments):
        done = self.node.docker(*arguments, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(text, done.stderr)

    def network(self, name, *options):
        return self.node.out("network", "create", *options, name)

    def remove_all(self):
        containers = self.node.lines("ps", "-aq")
        if containers:
            self.node.docker("rm", "-f", *containers)
        self.node.docker("network", "prune", "-f")

    def run_container(self, name, *options, command=SERVE):
        return self.node.out("run", "-d", "--name", name, "--hostname", name, *options, IMAGE, *command)

    def seen(self, network):
        return json.loads(self.node.out("network", "inspect", network))[0]

    def networks_of(self, container):
        return self.node.inspect("--type", "container", container)["NetworkSettings"]["Networks"]

    def address_of(self, container, network):
        return self.networks_of(container)[network]["IPAddress"]

    def resolve(self, container, name):
        """The addresses that a name stands for in the container; empty when it does not exist."""
        text = self.node.docker("exec", container, "nslookup", name, "127.0.0.11", check=False).stdout
        return sorted(line.split()[-1] for line in text.splitlines()[2:] if line.startswith("Address"))

    def get(self, container, address):
        done = self.node.docker("exec", container, "timeout", "2", "wget", "-qO-",
                                f"http://{address}/", check=False)
        return done.stdout.strip()

    def test_a_network_is_created_listed_inspected_and_removed(self):
        node = self.node
        made = self.network("front", "--subnet", "10.50.0.0/24", "--gateway", "10.50.0.200",
                            "--ip-range", "10.50.0.128/25", "--aux-address", "router=10.50.0.130",
                            "--internal", "--label", "a=b",
                            "-o", "com.docker.network.driver.mtu=1400")
        self.assertRegex(made, "^[0-9a-f]{64}$")
        self.assertIn(f"{made[:12]} front bridge local",
                      node.lines("network", "ls", "--format",
                                 "{{.ID}} {{.Name}} {{.Driver}} {{.Scope}}"))
        seen = self.seen(made[:12])
        self.assertEqual(seen["IPAM"]["Config"],
                         [{"Subnet": "10.50.0.0/24", "IPRange": "10.50.0.128/25",
                           "Gateway": "10.50.0.200",
                           "AuxiliaryAddresses": {"router": "10.50.0.130"}}])
        self.assertEqual((seen["Labels"], seen["Internal"], seen["Scope"]), ({"a": "b"}, True, "local"))
        self.run_container("one", "--network", "front")
        self.run_container("two", "--network", "front")
        self.run_container("three", "--network", "front")
        self.assertEqual([self.address_of(name, "front") for name in ("one", "two", "three")],
                         ["10.50.0.128", "10.50.0.129", "10.50.0.131"])
        self.assertEqual({one["Name"] for one in self.seen("front")["Containers"].values()},
                         {"one", "two", "three"})
        self.assertIn("mtu 1400", node.out("exec", "one", "ip", "link", "show", "eth0"))
        self.refused("has active endpoints", "network", "rm", "front")
        node.docker("rm", "-f", "one", "two", "three")
        self.assertEqual(node.out("network", "rm", "front"), "front")
        self.refused("network front not found", "network", "inspect", "front")
        links = node.namespaces.run("ip", "-o", "link").stdout
        self.assertNotIn(f"sb-{made[:12]}", links)

    def test_containers_find_each_other_and_are_apart_from_other_networks(self):
        for name in ("front", "back"):
            self.network(name)
        self.run_container("web", "--network", "front", "--network-alias", "www")
        self.run_container("web2", "--network", "front", "--network-alias", "www")
        self.run_container("asker", "--network", "front")
        self.run_container("stranger", "--network", "back")
        self.run_container("plain")
        web = self.address_of("web", "front")
        self.assertEqual(self.resolve("asker", "web"), [web])
        self.assertEqual(self.resolve("asker", "web.front"), [web])
        self.assertEqual(self.resolve("asker", "www"),
                         sorted([web, self.address_of("web2", "front")]))
        self.assertEqual(self.resolve("stranger", "web"), [])
        until(lambda: self.get("asker", web) == "web", "the web server answers")
        for name in ("stranger", "plain"):
            self.assertEqual(self.get(name, web), "", name)
        self.node.docker("rename", "web", "renamed")
        self.assertEqual(self.resolve("asker", "renamed"), [web])
        self.assertEqual(self.resolve("asker", "web"), [])
        self.node.docker("stop", "-t", "0", "web2")
        self.assertEqual(self.resolve("asker", "www"), [web])
        names = self.networks_of("renamed")["front"]["DNSNames"]
        self.assertEqual(names[:2], ["renamed", "www"])

    def test_published_ports_of_a_network(self):
        self.network("front")
        self.run_container("web", "--network", "front", "-p", "8085:80")
        until(lambda: self.node.curl("http://127.0.0.1:8085/", check=False).strip() == "web",
              "the published port answers")

    def test_containers_join_and_leave_while_they_run(self):
        node = self.node
        self.network("front", "--subnet", "10.51.0.0/24")
        self.network("back", "--subnet", "10.52.0.0/24")
        self.run_container("web", "-p", "8086:80")
        self.run_container("asker", "--network", "back")
        node.docker("network", "connect", "--alias", "www", "--ip", "10.51.0.9", "front", "web")
        node.docker("network", "connect", "back", "web")
        networks = self.networks_of("web")
        self.assertEqual(set(networks), {"bridge", "front", "back"})
        self.assertEqual(networks["front"]["IPAddress"], "10.51.0.9")
        self.assertEqual(networks["front"]["IPAMConfig"], {"IPv4Address": "10.51.0.9"})
        self.assertEqual(networks["front"]["Aliases"], ["www"])
        self.assertEqual(networks["front"]["NetworkID"], self.seen("front")["Id"])
        self.assertEqual(self.resolve("asker", "web"), [networks["back"]["IPAddress"]])
        until(lambda: self.get("asker", networks["back"]["IPAddress"]) == "web", "it answers there")
        addresses = node.out("exec", "web", "ip", "-o", "-4", "addr")
        self.assertRegex(addresses, r"eth1\s+inet 10\.51\.0\.9/24")
        node.docker("network", "disconnect", "bridge", "web")
        self.assertEqual(set(self.networks_of("web")), {"front", "back"})
        self.assertIn("default via 10.51.0.1", node.out("exec", "web", "ip", "route"))
        self.assertEqual(node.curl("http://127.0.0.1:8086/").strip(), "web")
        node.docker("network", "disconnect", "-f", "back", "web")
        self.assertEqual(self.get("asker", networks["back"]["IPAddress"]), "")
        self.assertEqual(self.resolve("asker", "web"), [])
        node.docker("stop", "-t", "0", "web")
        node.docker("network", "connect", "back", "web")
        node.docker("network", "disconnect", "front", "web")
        node.docker("start", "web")
        self.assertEqual(set(self.networks_of("web")), {"back"})
        until(lambda: self.get("asker", self.address_of("web", "back")) == "web", "it is back")

    def test_events_tell_who_joined_and_left(self):
        node = self.node
        front = self.network("front")
        web = self.run_container("web", "--network", "front")
        node.docker("network", "disconnect", "front", "web")
        node.docker("network", "connect", "front", "web")
        node.docker("rm", "-f", "web")
        node.docker("network", "rm", "front")
        events = node.lines("events", "--since", "10m", "--until", "0s", "--filter", "type=network",
                            "--filter", f"network={front}", "--format",
                            "{{.Action}} {{.Actor.Attributes.name}} {{.Actor.Attributes.type}} "
                            "{{.Actor.Attributes.container}}")
        who = f"front bridge {web}"
        self.assertEqual(events, ["create front bridge <no value>", f"connect {who}",
                                  f"disconnect {who}", f"connect {who}", f"disconnect {who}",
                                  "destroy front bridge <no value>"])

    def test_everything_survives_a_restart_and_a_kill_of_the_daemon(self):
        node = self.node
        front = self.network("front", "--subnet", "10.53.0.0/24")
        self.network("back")
        self.run_container("web", "--network", "front", "--network-alias", "www", "-p", "8087:80")
        self.run_container("asker", "--network", "front")
        node.docker("network", "connect", "back", "web")
        before = self.networks_of("web")
        for how in (signal.SIGTERM, signal.SIGKILL):
            node.stop(how)
            self.assertEqual(node.curl("http://127.0.0.1:8087/").strip(), "web")
            node.start()
            self.assertEqual(self.networks_of("web"), before)
            self.assertEqual(self.seen("front")["Id"], front)
            until(lambda: self.resolve("asker", "www") == ["10.53.0.2"], "its names are answered")
            self.assertEqual(node.curl("http://127.0.0.1:8087/").strip(), "web")
            self.assertEqual(self.get("asker", "10.53.0.2"), "web")
        node.docker("network", "disconnect", "back", "web")
        self.refused("has active endpoints", "network", "rm", "front")

    def test_prune_and_filters(self):
        node = self.node
        for name in ("used", "free", "kept"):
            self.network(name, "--label", f"is={name}")
        self.run_container("web", "--network", "used")
        listed = node.lines("ps", "--filter", "network=used", "--format", "{{.Names}}")
        self.assertEqual(listed, ["web"])
        pruned = node.out("network", "prune", "-f", "--filter", "label!=is=kept")
        self.assertEqual(pruned.split(), ["Deleted", "Networks:", "free"])
        custom = node.lines("network", "ls", "--filter", "type=custom", "--filter", "driver=bridge",
                            "--format", "{{.Name}}")
        self.assertEqual(sorted(custom), ["kept", "used"])

    def test_bad_input_gets_dockers_words(self):
        self.network("front", "--subnet", "10.54.0.0/24")
        self.network("any")
        self.run_container("web", "--network", "front")
        self.run_container("host", "--network", "host", command=("sleep", "1000"))
        cases = (
            ("already exists", ("network", "create", "front")),
            ("Pool overlaps with other one on this address space",
             ("network", "create", "--subnet", "10.54.0.128/25", "more")),
            ("invalid subnet nonsense", ("network", "create", "--subnet", "nonsense", "more")),
            ("invalid name", ("network", "create", " ")),
            ("network nope not found", ("network", "connect", "nope", "web")),
            ("No such container: nope", ("network", "connect", "front", "nope")),
            ("endpoint with name web already exists in network front",
             ("network", "connect", "front", "web")),
            ("container sharing network namespace with another container or host cannot be "
             "connected to any other network", ("network", "connect", "any", "host")),
            ("is not connected to the network any", ("network", "disconnect", "any", "web")),
            ("bridge is a pre-defined network and cannot be removed", ("network", "rm", "bridge")),
            ("network nope not found", ("run", "--rm", "--network", "nope", IMAGE, "true")),
            ("Invalid address 10.66.0.1: It does not belong to any of this network's subnets",
             ("run", "--rm", "--network", "front", "--ip", "10.66.0.1", IMAGE, "true")),
            ("Address already in use",
             ("run", "--rm", "--network", "front", "--ip", "10.54.0.2", IMAGE, "true")),
            ("user specified IP address is supported only when connecting to networks with user "
             "configured subnets",
             ("run", "--rm", "--network", "any", "--ip", "172.18.0.9", IMAGE, "true")),
        )
        for text, arguments in cases:
            with self.subTest(arguments):
                self.refused(text, *arguments)
        status, answer = call(self.node.socket, "POST", "/networks/create",
                              {"Name": "a/b c!", "CheckDuplicate": True})
        self.assertEqual(status, 201, answer)
        self.node.docker("network", "rm", "a/b c!")
        left = self.node.lines("ps", "-a", "--format", "{{.Names}}")
        self.assertEqual(sorted(left), ["host", "web"])

    def test_several_networks_at_once(self):
        node = self.node
        for name in ("front", "back"):
            self.network(name)
        status, answer = call(node.socket, "POST", "/containers/create?name=web", {
            "Image": IMAGE, "Cmd": ["sleep", "1000"], "HostConfig": {"NetworkMode": "front"},
            "NetworkingConfig": {"EndpointsConfig": {"back": {"Aliases": ["b"]}, "front": {}}}})
        self.assertEqual(status, 201, answer)
        node.docker("start", "web")
        self.assertEqual(set(self.networks_of("web")), {"front", "back"})
        links = node.out("exec", "web", "ip", "-o", "-4", "addr")
        gateways = {name: self.seen(name)["IPAM"]["Config"][0]["Gateway"] for name in ("front", "back")}
        self.assertEqual(len(re.findall(r"eth\d+\s+inet", links)), 2)
        self.assertIn(f"default via {gateways['front']}", node.out("exec", "web", "ip", "route"))


if __name__ == "__main__":
    unittest.main()
