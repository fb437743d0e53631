"""The routing mesh: every node takes a published port, every replica has its turn, and the task sees who asked."""
import unittest

from harness import until
from three_nodes import ASKER, ThreeNodes, answer_of, ask, udp

PORT = 8081


class Mesh(ThreeNodes):
    def publish(self, *arguments, name="web"):
        self.create(name, "--publish", f"{PORT}:80", *arguments)

    def await_turns(self, service, namespaces, address, count):
        """Until each replica has answered at this address; returns the clients that they saw."""
        names = set(self.tasks_of(service))
        self.assertEqual(len(names), count)
        answers = []

        def all_answered():
            answers.append(ask(namespaces, address, PORT))
            return {answer["hostname"] for answer in answers} >= names
        until(all_answered, f"every replica answers at {address}")
        return {answer["client"].rsplit(":", 1)[0] for answer in answers}

    def test_every_node_answers_with_every_replica_and_the_clients_address(self):
        self.publish("--replicas", "3")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        for address in self.addresses:
            until(lambda a=address: self.outside.run("curl", "-s", "--max-time", "2", f"http://{a}:{PORT}", check=False).returncode == 0,
                  f"{address} serves the port")
            self.assertEqual(self.await_turns("web", self.outside, address, 3), {self.client_address})

    def test_replicas_take_turns(self):
        self.publish("--replicas", "3")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        self.await_turns("web", self.outside, self.addresses[2], 3)
        counts = {}
        for _ in range(30):
            name = ask(self.outside, self.addresses[2], PORT)["hostname"]
            counts[name] = counts.get(name, 0) + 1
        self.assertEqual(sorted(counts.values()), [10, 10, 10])

    def test_a_node_without_a_task_answers_too_also_when_drained(self):
        self.publish("--replicas", "2", "--constraint", "node.hostname!=hostos3")
        self.await_running("web", "hostos1", "hostos2")
        self.manager.docker("node", "update", "--availability", "drain", "hostos3")
        until(lambda: self.outside.run("curl", "-s", "--max-time", "2", f"http://{self.addresses[2]}:{PORT}", check=False).returncode == 0,
              "the drained node serves the port")
        self.assertEqual(self.await_turns("web", self.outside, self.addresses[2], 2), {self.client_address})

    def test_the_node_itself_localhost_and_its_containers_are_served(self):
        self.publish("--replicas", "1", "--constraint", "node.hostname==hostos1")
        self.create("asker", "--replicas", "1", "--constraint", "node.hostname==hostos2", command=ASKER)
        self.await_running("web", "hostos1")
        self.await_running("asker", "hostos2")
        node = self.nodes[1]
        until(lambda: node.namespaces.run("curl", "-s", "--max-time", "2", f"http://127.0.0.1:{PORT}", check=False).returncode == 0,
              "localhost serves the port")
        ask(node.namespaces, "127.0.0.1", PORT)
        self.assertEqual(ask(node.namespaces, self.addresses[1], PORT)["client"].rsplit(":", 1)[0],
                         self.addresses[1])
        self.assertEqual(ask(node.namespaces, self.addresses[2], PORT)["client"].rsplit(":", 1)[0],
                         self.addresses[1])
        [asker] = self.containers(node, "asker")
        for address in self.addresses:
            answer = answer_of(self.inside(node, asker, "wget", "-qO-", f"http://{address}:{PORT}/"))
            self.assertIn("hostname", answer, address)

    def refused(self, namespaces, address, port=PORT):
        return namespaces.run("curl", "-sS", "--max-time", "10", f"http://{address}:{port}", check=False).returncode == 7

    def test_a_port_that_a_label_binds_to_an_address_answers_there_alone(self):
        label = f"shoal.publish.{PORT}/tcp.ip"
        self.publish("--replicas", "3", "--label", f"{label}={self.addresses[1]}")
        self.await_running("web", "hostos1", "hostos2", "hostos3")
        until(lambda: self.outside.run("curl", "-s", "--max-time", "2", f"http://{self.addresses[1]}:{PORT}",
                                       check=False).returncode == 0, "the port is served at the address")
        self.assertEqual(self.await_turns("web", self.outside, self.addresses[1], 3), {self.client_address})
        for namespaces, address in ((self.outside, self.addresses[0]), (self.outside, self.addresses[2]),
                                    (self.nodes[1].namespaces, "127.0.0.1"), (self.nodes[0].namespaces, "127.0.0.1")):
            self.assertTrue(self.refused(namespaces, address), address)
        self.manager.docker("service", "update", "--detach", "--label-rm", label, "web")
        for address in self.addresses:
            until(lambda a=address: self.outside.run("curl", "-s", "--max-time", "2", f"http://{a}:{PORT}",
                                                     check=False).returncode == 0, f"{address} serves the port")

    def test_a_label_binds_a_port_of_the_node_itself_too(self):
        self.create("local", "--publish", "mode=host,published=8090,target=80", "--label",
                    "shoal.publish.8090/tcp.ip=127.0.0.1", "--constraint", "node.hostname==hostos1")
        self.await_running("local", "hostos1")
        ask(self.nodes[0].namespaces, "127.0.0.1", 8090)
        self.assertTrue(self.refused(self.outside, self.addresses[0], 8090))
        [container] = self.containers(self.nodes[0], "local")
        self.assertEqual(self.nodes[0].out("port", container), "80/tcp -> 127.0.0.1:8090")

    def test_udp(self):
        self.create("dns", "--publish", "8053:80/udp", "--replicas", "2",
                    "--constraint", "node.hostname!=hostos1")
        self.await_running("dns", "hostos2", "hostos3")
        names = set(self.tasks_of("dns"))
        for address in self.addresses:
            seen = set()

            def all_answered(a=address):
                answer = udp(self.outside, a, 8053)
                seen.update(answer.split()[:1])
                return seen == names
            until(all_answered, f"both replicas answer at {address}")

    def test_a_service_that_goes_leaves_a_port_that_refuses(self):
        self.publish("--replicas", "1")
        until(lambda: self.running("web"), "it runs")
        until(lambda: self.outside.run("curl", "-s", "--max-time", "2", f"http://{self.addresses[1]}:{PORT}", check=False).returncode == 0,
              "the node serves the port")
        self.manager.docker("service", "rm", "web")
        done = until(lambda: (lambda d: d if d.returncode else None)(
            self.outside.run("curl", "-sS", "--max-time", 30, f"http://{self.addresses[1]}:{PORT}", check=False)),
            "nobody answers")
        self.assertEqual(done.returncode, 7, done.stderr)  # refused, not timed out


if __name__ == "__main__":
    unittest.main()
