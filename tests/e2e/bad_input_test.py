"""Bad input over the API: a clear error in Docker's form, and the daemon lives on."""
import hashlib
import io
import json
import os
import socket
import subprocess
import tarfile
import unittest

from api import Api, call
from harness import IMAGES, NodeTest, until

CLOSED_REGISTRY = "127.0.0.1:1"


class BadInput(NodeTest):
    images = ("busybox",)

    def call(self, method, path, body=None, headers=None):
        """(status, message or document)"""
        return call(self.node.socket, method, path, body, headers)

    def refused(self, status, text, method, path, body=None):
        got_status, message = self.call(method, path, body)
        self.assertEqual(got_status, status, message)
        self.assertIn(text, str(message))
        self.assertEqual(self.call("GET", "/_ping")[0], 200, "the daemon lives")

    def spec(self, name="bad", **changes):
        spec = {"Name": name, "Mode": {"Replicated": {"Replicas": 1}},
                "TaskTemplate": {"ContainerSpec": {"Image": "busybox:demo", "Args": ["sleep", "9"]}}}
        spec.update(changes)
        return spec

    def test_malformed_bodies(self):
        create = ("POST", "/services/create")
        self.refused(400, "", *create, "{")
        self.refused(400, "", *create, "[]")
        self.refused(400, "Replicas", *create,
                     self.spec(Mode={"Replicated": {"Replicas": "many"}}))
        self.refused(400, "", "POST", "/containers/create", "nonsense")

    def test_a_hundred_megabytes(self):
        api = socket.socket(socket.AF_UNIX)
        api.settimeout(60)
        api.connect(str(self.node.socket))
        size = 100 << 20
        api.sendall(b"POST /v1.44/services/create HTTP/1.1\r\nHost: x\r\nContent-Type: "
                    b"application/json\r\nContent-Length: %d\r\n\r\n" % size)
        sent, piece = 0, b" " * (1 << 20)
        try:
            while sent < size:
                sent += api.send(piece)
        except OSError:
            pass  # Refused before the end: as good.
        answer = api.recv(4096).decode(errors="replace")
        api.close()
        self.assertRegex(answer, r"^HTTP/1.1 (413|400)")
        self.assertEqual(self.call("GET", "/_ping")[0], 200)

    def test_services(self):
        create = ("POST", "/services/create")
        self.refused(400, "name", *create, self.spec(name="no/slash"))
        self.refused(400, "", *create, self.spec(TaskTemplate={"ContainerSpec": {"Image": ""}}))
        self.refused(400, "", *create, self.spec(Mode={"Replicated": {"Replicas": 10**9}}))
        limits = {"ContainerSpec": {"Image": "busybox:demo"},
                  "Resources": {"Limits": {"MemoryBytes": 1 << 20}}}
        self.refused(400, "4MiB", *create, self.spec(TaskTemplate=limits))
        negative = {"ContainerSpec": {"Image": "busybox:demo"},
                    "Resources": {"Limits": {"NanoCPUs": -5}}}
        self.refused(400, "", *create, self.spec(TaskTemplate=negative))
        constraint = {"ContainerSpec": {"Image": "busybox:demo"},
                      "Placement": {"Constraints": ["nonsense"]}}
        self.refused(400, "", *create, self.spec(TaskTemplate=constraint))
        ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 70000}]}
        self.refused(400, "", *create, self.spec(EndpointSpec=ports))
        self.refused(404, "nothing not found", "GET", "/services/nothing")
        self.refused(501, "", *create, self.spec(Mode={"GlobalJob": {}}))

    def test_values_that_no_field_knows(self):
        create = ("POST", "/services/create")
        for text, changes in (
                ("must specify only one service mode", {"Mode": {"Replicated": {}, "Global": {}}}),
                ("sideways", {"UpdateConfig": {"Order": "sideways"}}),
                ("update-maxfailureratio", {"UpdateConfig": {"MaxFailureRatio": 7}}),
                ("magic", {"EndpointSpec": {"Mode": "magic"}}),
                ("icmp", {"EndpointSpec": {"Ports": [{"Protocol": "icmp", "TargetPort": 80}]}}),
                ("target port 0", {"EndpointSpec": {"Ports": [{"PublishedPort": 8080}]}})):
            self.refused(400, text, *create, self.spec(**changes))
        for text, changes in (
                ("RestartCondition", {"RestartPolicy": {"Condition": "sometimes"}}),
                ("cannot be negative", {"RestartPolicy": {"Condition": "any", "Delay": -5}}),
                ("Must not be negative", {"Resources": {"Limits": {"Pids": -3}}}),
                ("MemoryBytes", {"Resources": {"Limits": {"MemoryBytes": 10**30}}})):
            task = {"ContainerSpec": {"Image": "busybox:demo"}, **changes}
            self.refused(400, text, *create, self.spec(TaskTemplate=task))
        for text, changes in (
                ("MountType", {"Mounts": [{"Type": "carpet", "Target": "/x"}]}),
                ("of type string", {"Env": [5]}),
                ("Nope", {"Hostname": "{{.Nope}}"}),
                ("not a valid repository/tag", {"Image": "UPPER/Case"}),
                ("not a valid repository/tag", {"Image": "x" * 5000})):
            task = {"ContainerSpec": {"Image": "busybox:demo", **changes}}
            self.refused(400, text, *create, self.spec(TaskTemplate=task))
        for replicas in (-1, 10**30, 1.5):
            self.refused(400, "Replicas", *create,
                         self.spec(Mode={"Replicated": {"Replicas": replicas}}))
        self.assertEqual(self.node.lines("service", "ls", "-q"), [])

    def test_containers(self):
        create = ("POST", "/containers/create")
        self.refused(400, "invalid reference format", *create, {})
        self.refused(404, "No such image: nope:latest", *create, {"Image": "nope", "Cmd": ["x"]})
        for text, changes in (
                ("Minimum memory limit", {"Memory": 1 << 20}), ("memory limit", {"Memory": -1}),
                ("range of CPUs", {"NanoCpus": -1}), ("range of CPUs", {"NanoCpus": 10**15}),
                ("unknown policy 'odd'", {"RestartPolicy": {"Name": "odd"}}),
                ("invalid capability", {"CapAdd": ["NONSENSE"]}),
                ("invalid volume specification", {"Binds": ["a:b:c:d"]}),
                ("99999", {"PortBindings": {"80/tcp": [{"HostPort": "99999"}]}})):
            self.refused(400, text, *create,
                         {"Image": "busybox:demo", "Cmd": ["x"], "HostConfig": changes})
        self.refused(400, "Invalid container name", "POST", "/containers/create?name=a/b",
                     {"Image": "busybox:demo", "Cmd": ["x"]})
        self.node.docker("create", "--name", "taken", "busybox:demo", "true")
        self.refused(409, "already in use", "POST", "/containers/create?name=taken",
                     {"Image": "busybox:demo", "Cmd": ["x"]})
        self.refused(400, "invalid signal", "POST", "/containers/taken/kill?signal=SIGODD")
        self.refused(400, "at least one stream", "GET", "/containers/taken/logs")
        self.refused(404, "No such container: nope", "POST", "/containers/nope/start")

    def test_commands_that_are_missing_or_end_at_once(self):
        run = ("run", "--rm", "busybox:demo")
        missing = self.node.docker(*run, "no-such-command", check=False)
        self.assertEqual(missing.returncode, 127)
        self.assertIn('"no-such-command": executable file not found in $PATH', missing.stderr)
        self.assertEqual(self.node.docker(*run, "/etc", check=False).returncode, 126)
        none = self.node.docker("run", "--rm", "--entrypoint", "", "busybox:demo", check=False)
        self.assertIn("no command specified", none.stderr)
        once = ("--restart-condition", "none", "--detach")
        for command, error in (("false", "task: non-zero exit (1)"),
                               ("no-such-command", "executable file not found in $PATH")):
            self.create(command, *once, "busybox:demo", command)
            ended = until(lambda: [t for t in self.tasks(command) if t["Error"]], f"{command} ended")
            self.assertTrue(ended[0]["CurrentState"].startswith("Failed"), ended)
            self.assertIn(error, ended[0]["Error"])
        self.create("true", *once, "busybox:demo", "true")
        until(lambda: self.tasks("true")[0]["CurrentState"].startswith("Complete"), "true completed")

    def test_a_taken_name_and_a_wrong_version(self):
        status, made = self.call("POST", "/services/create", self.spec("twice"))
        self.assertEqual(status, 201, made)
        self.refused(409, "already exists", "POST", "/services/create", self.spec("twice"))
        self.refused(500, "update out of sequence", "POST", "/services/twice/update?version=1",
                     self.spec("twice"))
        self.refused(400, "", "POST", "/services/twice/update?version=nonsense", self.spec("twice"))

    def test_a_taken_port(self):
        ports = {"Ports": [{"TargetPort": 80, "PublishedPort": 8099}]}
        self.assertEqual(self.call("POST", "/services/create", self.spec("one", EndpointSpec=ports))[0],
                         201)
        self.refused(400, "8099", "POST", "/services/create", self.spec("two", EndpointSpec=ports))

    def test_versions_paths_and_methods(self):
        api = Api(self.node.socket)
        api.request("GET", "/v9.99/version")
        answer = api.getresponse()
        self.assertEqual(answer.status, 400)
        self.assertIn("too new", json.loads(answer.read())["message"])
        api.close()
        self.refused(404, "page not found", "GET", "/no/such/path")
        for path in ("/secrets", "/configs"):
            self.refused(501, "not supported", "GET", path)

    def test_unknown_images(self):
        done = self.node.docker("run", "--rm", "--pull", "never", "no-such-image", check=False)
        self.assertEqual(done.returncode, 125)
        self.assertIn("No such image: no-such-image:latest", done.stderr)
        image = f"{CLOSED_REGISTRY}/none:1"
        done = self.node.docker("run", "--rm", image, check=False)
        self.assertEqual(done.returncode, 125)
        self.assertIn("connection refused", done.stderr)
        self.create("lost", "--detach", "--restart-condition", "none", image, "true")
        task = until(lambda: [t for t in self.tasks("lost") if t["Error"]], "lost is refused")[0]
        self.assertTrue(task["CurrentState"].startswith("Rejected"), task)
        self.assertIn(f"No such image: {image}", task["Error"])

    def descriptors(self):
        return len(os.listdir(f"/proc/{self.node.pid}/fd"))

    def test_clients_that_leave_in_the_middle_of_a_stream(self):
        node, before = self.node, self.descriptors()
        talk = ("sh", "-c", "while :; do echo hello; sleep 0.1; done")
        node.docker("run", "-d", "--name", "talk", "busybox:demo", *talk)
        self.create("talker", "busybox:demo", *talk)
        for command in (("logs", "-f", "talk"), ("attach", "--no-stdin", "talk"),
                        ("stats", "--format", "{{.Name}}", "talk"),
                        ("service", "logs", "-f", "talker"), ("exec", "talk", *talk),
                        ("run", "--rm", "busybox:demo", *talk)):
            client = node.popen(*command, stdout=subprocess.PIPE)
            self.assertTrue(client.stdout.read(1), command)
            client.kill()
            client.communicate()
        node.docker("service", "rm", "talker")
        node.docker("rm", "-f", *node.lines("ps", "-aq"), check=False)
        until(lambda: node.lines("ps", "-aq") == [], "all containers are gone")
        until(lambda: self.descriptors() <= before, "no descriptor stays open")

    def test_clients_that_leave_in_the_middle_of_an_upload(self):
        before, tar = self.descriptors(), (IMAGES / "busybox.tar").read_bytes()
        for path in ("/images/load", "/images/create?fromSrc=-&repo=cut", "/services/create"):
            client = socket.socket(socket.AF_UNIX)
            client.connect(str(self.node.socket))
            client.sendall(f"POST /v1.44{path} HTTP/1.1\r\nHost: x\r\n"
                           f"Content-Length: {len(tar)}\r\n\r\n".encode() + tar[:len(tar) // 2])
            client.close()
        until(lambda: self.descriptors() <= before, "no descriptor stays open")
        self.assertEqual(self.node.lines("images", "--format", "{{.Repository}}"), ["busybox"])
        until(lambda: not list((self.node.folder / "data/scratch").glob("*")), "scratch is empty")

    def broken_image(self, *members, cut=0):
        """An image tar (docker save) whose layer holds `members`; the layer loses `cut` bytes."""
        layer = io.BytesIO()
        with tarfile.open(fileobj=layer, mode="w") as tar:
            for member, data in members:
                member.size = len(data)
                tar.addfile(member, io.BytesIO(data))
        whole = layer.getvalue()
        config = json.dumps({"architecture": "amd64", "os": "linux", "config": {}, "rootfs": {
            "type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(whole).hexdigest()]}}).encode()
        name = hashlib.sha256(config).hexdigest() + ".json"
        manifest = json.dumps([{"Config": name, "RepoTags": ["broken:demo"],
                                "Layers": ["layer.tar"]}]).encode()
        image = io.BytesIO()
        with tarfile.open(fileobj=image, mode="w") as tar:
            for part, data in (("manifest.json", manifest), (name, config),
                               ("layer.tar", whole[:len(whole) - cut])):
                info = tarfile.TarInfo(part)
                info.size = len(data)
                tar.addfile(info, io.BytesIO(data))
        path = self.node.folder / "broken.tar"
        path.write_bytes(image.getvalue())
        return path

    def assert_not_loaded(self, path):
        done = self.node.docker("load", "-i", path, check=False)
        self.assertNotEqual(done.returncode, 0, done.stdout)
        self.assertTrue(done.stderr.strip())
        self.assertNotIn("broken", self.node.out("images"))
        until(lambda: not list((self.node.folder / "data/scratch").glob("*")),
              "nothing half done stays")

    def test_images_that_are_cut_or_climb_out(self):
        file = tarfile.TarInfo("file")
        self.assert_not_loaded(self.broken_image((file, b"x" * 100_000), cut=60_000))
        for name in ("../escape", "/../../escape", "a/../../escape"):
            self.assert_not_loaded(self.broken_image((tarfile.TarInfo(name), b"out")))
        link = tarfile.TarInfo("link")
        link.type, link.linkname = tarfile.SYMTYPE, str(self.node.folder)
        through = tarfile.TarInfo("link/escape")
        self.assert_not_loaded(self.broken_image((link, b""), (through, b"out")))
        self.assertEqual(list(self.node.folder.glob("**/escape")), [])


if __name__ == "__main__":
    unittest.main()
