"""Overlay networks over three nodes: services find and reach each other, networks are apart."""
import json
import unittest

from harness import until
from three_nodes import ASKER, ThreeNodes, answer_of


class Overlay(ThreeNodes):
    def asker(self, network, host, name="asker"):
        """A task on the network to ask from: its node and container."""
        self.create(name, "--network", network, "--constraint", f"node.hostname=={host}", command=ASKER)
        self.await_running(name, host)
        node = self.nodes[int(host[-1]) - 1]
        [container] = self.containers(node, name)
        return node, container

    def get(self, asker, host, check=True):
        """What answers there; {} when nobody does. busybox is static: its wget cannot look up names itself."""
        node, container = asker
        address = host if host[0] in "[123456789" else next(iter(self.resolve(asker, host, as_answered=True)), None)
        if address is None:
            return {}
        return answer_of(self.inside(node, container, "timeout", "10", "wget", "-qO-", f"http://{address}/", check=check))

    def resolve(self, asker, name, as_answered=False):
        """The addresses that a name stands for; empty when it does not exist."""
        node, container = asker
        text = self.inside(node, container, "nslookup", name, "127.0.0.11", check=False)
        found = [line.split()[-1] for line in text.splitlines()[2:] if line.startswith("Address")]
        return found if as_answered else sorted(found)

    def await_turns(self, asker, host, names):
        seen, clients = set(), set()

        def all_answered():
            answer = self.get(asker, host, check=False)
            seen.update({answer.get("hostname")} - {None})
            clients.update({answer["client"].rsplit(":", 1)[0]} if answer else ())
            return seen >= names
        until(all_answered, f"every replica answers as {host}")
        self.assertEqual(seen, names)
        return clients

    def addresses_on(self, service, network):
        """The addresses of a service's running tasks in a network, as the manager shows them."""
        found = []
        for task in self.manager.lines("service", "ps", "-q", "--no-trunc", "--filter", "desired-state=running",
                                       service):
            text = self.manager.out("inspect", "--format", "{{range .NetworksAttachments}}{{.Network.Spec.Name}} "
                                    "{{index .Addresses 0}} {{end}}", task).split()
            found += [address.split("/")[0] for name, address in zip(text[::2], text[1::2]) if name == network]
        return sorted(found)

    def vip_on(self, service, network):
        identity = self.manager.out("network", "inspect", "--format", "{{.Id}}", network)
        ips = self.manager.out("service", "inspect", "--format",
                               "{{range .Endpoint.VirtualIPs}}{{.NetworkID}} {{.Addr}} {{end}}", service).split()
        return dict(zip(ips[::2], ips[1::2]))[identity].split("/")[0]

    def test_a_service_is_found_by_its_virtual_address_and_sees_who_asks(self):
        self.network("front")
        self.create("web", "--network", "name=front,alias=site", "--replicas", "3")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        asker = self.asker("front", "hostos2")
        names, vip = set(self.tasks_of("web")), self.vip_on("web", "front")
        until(lambda: self.resolve(asker, "web") == [vip], "the name stands for the virtual address")
        self.assertEqual(self.resolve(asker, "site"), [vip])
        [own] = self.addresses_on("asker", "front")
        for name in ("web", "site", vip, "web.front"):
            self.assertEqual(self.await_turns(asker, name, names), {own}, name)
        until(lambda: self.resolve(asker, "tasks.web") == self.addresses_on("web", "front"), "tasks.web is each task")
        self.assertEqual(self.resolve(asker, "no-such-name"), [])

    def test_dnsrr(self):
        self.network("front")
        self.create("web", "--network", "front", "--replicas", "3", "--endpoint-mode", "dnsrr")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        asker = self.asker("front", "hostos1")
        until(lambda: self.resolve(asker, "web") == self.addresses_on("web", "front") != [],
              "the name stands for each task")
        self.await_turns(asker, "web", set(self.tasks_of("web")))

    def test_networks_are_apart(self):
        self.network("front")
        self.network("back")
        self.create("db", "--network", "back", "--constraint", "node.hostname==hostos1")
        self.create("web", "--network", "front", "--network", "back", "--constraint", "node.hostname==hostos2")
        self.await_running("db", "hostos1")
        self.await_running("web", "hostos2")
        outsider, insider = self.asker("front", "hostos1"), self.asker("back", "hostos3", "insider")
        until(lambda: self.get(insider, "db", check=False), "who is on the network reaches it")
        until(lambda: self.get(outsider, "web", check=False), "the service on both is reached")
        self.assertEqual(self.resolve(outsider, "db"), [])
        for address in (self.vip_on("db", "back"), *self.addresses_on("db", "back")):
            node, container = outsider
            done = node.docker("exec", container, "timeout", "3", "wget", "-qO-", f"http://{address}/", check=False)
            self.assertNotEqual(done.returncode, 0, f"{address} is reached from another network: {done.stdout}")

    def test_an_internal_network_has_no_way_out(self):
        self.network("vault", "--internal")
        self.create("db", "--network", "vault", "--constraint", "node.hostname==hostos1")
        self.await_running("db", "hostos1")
        asker = self.asker("vault", "hostos2")
        until(lambda: self.get(asker, "db", check=False), "it is reached within the network")
        node, container = asker
        self.assertNotIn("default", self.inside(node, container, "ip", "route"))
        done = node.docker("exec", container, "ping", "-c", "1", "-W", "2", self.addresses[0], check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)

    def test_both_families(self):
        self.network("six", "--ipv6", "--subnet", "fd00:1::/64", "--subnet", "10.66.0.0/24")
        self.create("web", "--network", "six", "--replicas", "3")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        asker = self.asker("six", "hostos1")
        until(lambda: len(self.resolve(asker, "tasks.web")) == 6, "each task has two addresses")
        names, clients = set(self.tasks_of("web")), set()
        for vip in self.resolve(asker, "web"):
            clients |= self.await_turns(asker, f"[{vip}]" if ":" in vip else vip, names)
        own = {address for address in self.resolve(asker, "tasks.asker")}
        self.assertEqual({client.strip("[]") for client in clients}, own)

    def test_a_worker_shows_the_networks_that_it_carries(self):
        self.network("front")
        self.create("web", "--network", "front", "--constraint", "node.hostname==hostos2")
        self.await_running("web", "hostos2")
        _, worker, other = self.nodes

        def listed(node):
            return set(node.lines("network", "ls", "--filter", "scope=swarm", "--format",
                                  "{{.Name}} {{.Driver}} {{.Scope}}"))
        until(lambda: listed(worker) == {"front overlay swarm", "ingress overlay swarm"}, "it lists them")
        self.assertEqual(listed(other), {"ingress overlay swarm"})
        [seen] = json.loads(worker.out("network", "inspect", "front"))
        [whole] = json.loads(self.manager.out("network", "inspect", "front"))
        for key in ("Id", "Name", "Scope", "Driver", "IPAM", "Internal", "Ingress", "Options"):
            self.assertEqual(seen[key], whole[key], key)
        [container] = self.containers(worker, "web")
        self.assertEqual(list(seen["Containers"]), [container])
        self.assertEqual([seen["Containers"][container]["IPv4Address"].split("/")[0]],
                         self.addresses_on("web", "front"))
        refused = worker.docker("network", "disconnect", "front", container, check=False)
        self.assertIn("network front is that of the service", refused.stderr)
        self.manager.docker("service", "rm", "web")
        until(lambda: listed(worker) == {"ingress overlay swarm"}, "it carries the network no more")

    def test_names_follow_the_tasks(self):
        self.network("front")
        self.create("web", "--network", "front", "--replicas", "3")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        asker = self.asker("front", "hostos3")
        until(lambda: len(self.resolve(asker, "tasks.web")) == 3, "three tasks")
        self.manager.docker("service", "scale", "--detach", "web=1")
        until(lambda: self.resolve(asker, "tasks.web") == self.addresses_on("web", "front"), "the one that is left")
        self.manager.docker("service", "rm", "web")
        until(lambda: self.resolve(asker, "web") == [], "the name is gone")


if __name__ == "__main__":
    unittest.main()
