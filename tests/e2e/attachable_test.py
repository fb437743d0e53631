"""Containers that users run by themselves on overlay networks of the swarm: `docker run --network` and `docker
network connect` on any node, by names and addresses, over restarts; with the docker client."""
import signal
import unittest

from harness import until
from leftovers import get
from three_nodes import ASKER, ThreeNodes

SERVE = ("sh", "-c", "mkdir /www; hostname >/www/index.html; exec httpd -f -p 80 -h /www")


class Attachable(ThreeNodes):
    images = ("busybox", "whoami")

    def setUp(self):
        super().setUp()
        self.network("front", "--attachable", "--subnet", "10.30.0.0/24")

    def clean(self):
        for node in self.nodes:
            containers = node.lines("ps", "-aq", "--filter", "label=by-hand")
            if containers:
                node.docker("rm", "-f", *containers)
        until(lambda: not self.attachments(), "no attachment is left")
        super().clean()

    def attachments(self):
        return get(self.manager, '/tasks?filters={"runtime":["attachment"]}')

    def run_on(self, node, name, *options, network="front", command=SERVE):
        return node.out("run", "-d", "--label", "by-hand", "--name", name, "--hostname", name, "--network", network,
                        *options, "busybox:demo", *command)

    def address_of(self, node, name, network="front"):
        return node.inspect("--type", "container", name)["NetworkSettings"]["Networks"][network]["IPAddress"]

    def resolve(self, node, container, name):
        text = node.docker("exec", container, "nslookup", name, "127.0.0.11", check=False).stdout
        return sorted(line.split()[-1] for line in text.splitlines()[2:] if line.startswith("Address"))

    def page(self, node, container, address):
        return node.docker("exec", container, "timeout", "5", "wget", "-qO-", f"http://{address}/",
                           check=False).stdout.strip()

    def await_found(self, node, container, name, address):
        until(lambda: self.resolve(node, container, name) == [address], f"{name} is {address}")
        until(lambda: self.page(node, container, address), f"{name} answers")

    def refused(self, node, text, *arguments):
        done = node.docker(*arguments, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertIn(text, done.stderr)

    def test_containers_on_every_node_find_each_other_and_the_services(self):
        self.create("web", "--network", "front", "--constraint", "node.hostname==hostos2")
        self.await_running("web", "hostos2")
        for number, node in enumerate(self.nodes, 1):
            self.run_on(node, f"c{number}", "--network-alias", f"box{number}")
        addresses = [self.address_of(node, f"c{number}") for number, node in enumerate(self.nodes, 1)]
        self.assertEqual(len(set(addresses)), 3, addresses)
        for node, me in zip(self.nodes, ("c1", "c2", "c3")):
            for number, address in enumerate(addresses, 1):
                for name in (f"c{number}", f"box{number}"):
                    self.await_found(node, me, name, address)
                self.assertEqual(self.page(node, me, address), f"c{number}")
            [vip] = self.resolve(node, me, "web")
            until(lambda: "hostname" in self.page(node, me, vip).lower(), "the service answers")
        self.create("asker", "--network", "front", "--constraint", "node.hostname==hostos3", command=ASKER)
        self.await_running("asker", "hostos3")
        [asker] = self.containers(self.nodes[2], "asker")
        self.await_found(self.nodes[2], asker, "c1", addresses[0])

    def test_what_is_gone_frees_its_name_and_address(self):
        one, three = self.nodes[0], self.nodes[2]
        self.run_on(one, "stays")
        self.run_on(three, "goes", "--ip", "10.30.0.77")
        self.await_found(one, "stays", "goes", "10.30.0.77")
        self.refused(one, "Address already in use", "run", "--label", "by-hand", "--network", "front", "--ip", "10.30.0.77",
                     "busybox:demo", "true")
        three.docker("rm", "-f", "goes")
        until(lambda: not self.resolve(one, "stays", "goes"), "its name is gone")
        until(lambda: one.docker("run", "--rm", "--label", "by-hand", "--network", "front", "--ip", "10.30.0.77",
                                 "busybox:demo", "true", check=False).returncode == 0, "its address is free")
        until(lambda: len(self.attachments()) == 1, "the others' attachments are gone")

    def test_containers_join_and_leave_while_they_run(self):
        two, three = self.nodes[1], self.nodes[2]
        self.run_on(two, "first")
        self.run_on(three, "second", network="bridge")
        three.docker("network", "connect", "--alias", "other", "front", "second")
        address = self.address_of(three, "second")
        self.await_found(two, "first", "other", address)
        self.assertEqual(self.resolve(three, "second", "first"), [self.address_of(two, "first")])
        three.docker("network", "disconnect", "front", "second")
        until(lambda: not self.resolve(two, "first", "other"), "its name is gone")
        self.assertNotIn("front", three.inspect("--type", "container", "second")["NetworkSettings"]["Networks"])

    def test_daemons_that_are_killed_keep_them_and_restarts_give_new_places(self):
        one, three = self.nodes[0], self.nodes[2]
        self.run_on(one, "near")
        self.run_on(three, "far")
        address = self.address_of(three, "far")
        self.await_found(one, "near", "far", address)
        for node in (three, one):
            node.stop(signal.SIGKILL)
            node.start()
        until(lambda: self.resolve(one, "near", "far") == [address], "it is found as before")
        self.assertEqual(self.page(one, "near", address), "far")
        self.assertEqual(len(self.attachments()), 2)
        three.docker("restart", "--time", "0", "far")
        self.await_found(one, "near", "far", self.address_of(three, "far"))
        until(lambda: len(self.attachments()) == 2, "one attachment a container")

    def test_a_network_with_a_container_stays(self):
        self.run_on(self.nodes[2], "user")
        self.refused(self.manager, "in use", "network", "rm", "front")
        self.nodes[2].docker("rm", "-f", "user")
        until(lambda: self.manager.docker("network", "rm", "front", check=False).returncode == 0, "it can be removed")

    def test_what_cannot_be_has_dockers_words(self):
        self.network("own")
        for node in self.nodes[::2]:
            self.refused(node, "not manually attachable", "run", "--label", "by-hand", "--network", "own",
                         "busybox:demo", "true")
            self.refused(node, "network nowhere not found", "run", "--label", "by-hand", "--network", "nowhere",
                         "busybox:demo", "true")
            self.refused(node, "10.99.99.9", "run", "--label", "by-hand", "--network", "front", "--ip",
                         "10.99.99.9", "busybox:demo", "true")


if __name__ == "__main__":
    unittest.main()
