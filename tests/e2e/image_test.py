"""Images with the real client: registries with and without a password, tags, save, load, import."""
import base64
import json
import subprocess
import tarfile
import unittest

from harness import IMAGES, NodeTest, until

# "test" and "secret", as htpasswd -B writes it.
PASSWORD_FILE = "test:$2b$04$mdiG6lazTHBMKtu30sy5/.pQDmWf5dRkQNIZtTbd37kDcn31fRhYS\n"
OPEN, PRIVATE = "127.0.0.1:5001", "127.0.0.1:5002"


class Registry:
    """Debian's docker-registry on the node's loopback."""

    def __init__(self, node, address, with_password):
        self.node, self.address = node, address
        folder = node.folder / f"registry-{address.rpartition(':')[2]}"
        folder.mkdir()
        config = {"version": 0.1, "storage": {"filesystem": {"rootdirectory": str(folder / "blobs")}},
                  "http": {"addr": address}}
        if with_password:
            (folder / "htpasswd").write_text(PASSWORD_FILE)
            config["auth"] = {"htpasswd": {"realm": "test", "path": str(folder / "htpasswd")}}
        (folder / "config.yml").write_text(json.dumps(config))
        self.process = subprocess.Popen(
            node.namespaces.enter("docker-registry", "serve", folder / "config.yml"),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until(lambda: node.namespaces.run("curl", "-s", f"http://{address}/v2/", check=False)
              .returncode == 0, f"the registry {address} answers")

    def add(self, image, name, *flags):
        self.node.namespaces.run("skopeo", "copy", "--dest-tls-verify=false", *flags,
                                 f"docker-archive:{IMAGES}/{image}.tar",
                                 f"docker://{self.address}/{name}")

    def close(self):
        self.process.terminate()
        self.process.wait()


class Images(NodeTest):
    images = ("busybox",)

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.registries = []
        try:
            for address, with_password in ((OPEN, False), (PRIVATE, True)):
                cls.registries.append(Registry(cls.node, address, with_password))
            cls.registries[0].add("whoami", "open/whoami:1")
            cls.registries[1].add("whoami", "private/whoami:1", "--dest-creds=test:secret")
        except BaseException:
            cls.tearDownClass()
            raise

    @classmethod
    def tearDownClass(cls):
        for registry in cls.registries:
            registry.close()
        super().tearDownClass()

    def remove_all(self):
        super().remove_all()
        for image in set(self.node.lines("images", "-q")):
            self.node.docker("rmi", "-f", image)
        (self.node.folder / "docker-config/config.json").unlink(missing_ok=True)
        self.node.load("busybox")

    def names(self):
        return set(self.node.lines("images", "--format", "{{.Repository}}:{{.Tag}}"))

    def log_in(self, password="secret"):
        folder = self.node.folder / "docker-config"
        folder.mkdir(exist_ok=True)
        secret = base64.b64encode(f"test:{password}".encode()).decode()
        (folder / "config.json").write_text(json.dumps({"auths": {PRIVATE: {"auth": secret}}}))

    def test_a_pull_shows_its_progress_and_is_not_repeated(self):
        image = f"{OPEN}/open/whoami:1"
        shown = self.node.out("pull", image)
        self.assertIn("1: Pulling from open/whoami", shown)
        self.assertIn("Pull complete", shown)
        self.assertRegex(shown, "Digest: sha256:[0-9a-f]{64}")
        self.assertIn(f"Status: Downloaded newer image for {image}", shown)
        self.assertIn(f"Status: Image is up to date for {image}", self.node.out("pull", image))
        by_digest = self.node.inspect(image)["RepoDigests"][0]
        self.assertEqual(self.node.out("run", "--rm", by_digest, "echo", "runs"), "runs")

    def test_what_a_registry_does_not_have_or_does_not_give(self):
        unknown = self.node.docker("pull", f"{OPEN}/open/none:1", check=False)
        self.assertNotEqual(unknown.returncode, 0)
        self.assertIn("manifest unknown", unknown.stderr)
        for log_in in (lambda: None, lambda: self.log_in("wrong")):
            log_in()
            refused = self.node.docker("pull", f"{PRIVATE}/private/whoami:1", check=False)
            self.assertNotEqual(refused.returncode, 0)
            self.assertIn("pull access denied", refused.stderr)
        wrong = self.node.docker("login", "--username", "test", "--password-stdin", PRIVATE,
                                 input="wrong", check=False)
        self.assertIn(f"login attempt to http://{PRIVATE}/v2/ failed with status: 401", wrong.stderr)
        self.assertEqual(self.names(), {"busybox:demo"})

    def test_a_service_of_a_private_image(self):
        image = f"{PRIVATE}/private/whoami:1"
        login = ("login", "--username", "test", "--password-stdin", PRIVATE)
        self.assertIn("Login Succeeded", self.node.out(*login, input="secret"))
        self.node.docker("service", "create", "--quiet", "--with-registry-auth", "--name", "private",
                         image)
        task = self.await_running("private", 1)[0]
        self.assertRegex(task["Image"], f"^{image}@sha256:[0-9a-f]{{64}}$", "pinned by its digest")
        in_use = self.node.docker("rmi", task["Image"], check=False)
        self.assertNotEqual(in_use.returncode, 0)
        self.assertIn("conflict", in_use.stderr)

    def test_a_private_image_without_its_password_says_why(self):
        self.create("refused", "--detach", "--restart-condition", "none",
                    f"{PRIVATE}/private/whoami:1")
        task = until(lambda: [t for t in self.tasks("refused") if t["Error"]], "it is refused")[0]
        self.assertTrue(task["CurrentState"].startswith("Rejected"), task)
        self.assertIn("pull access denied", task["Error"])

    def test_tags_and_removal(self):
        node = self.node
        node.docker("tag", "busybox:demo", "mine:1")
        image = node.inspect("mine:1")
        self.assertEqual(set(image["RepoTags"]), {"busybox:demo", "mine:1"})
        self.assertEqual(image["Config"]["Cmd"], ["sh"])
        self.assertIn("make-images", node.out("history", "--no-trunc", "mine:1"))
        self.assertEqual(node.lines("rmi", "busybox:demo"), ["Untagged: busybox:demo"])
        node.docker("run", "-d", "--name", "user", "mine:1", "sleep", "1d")
        for name in ("mine:1", image["Id"]):
            in_use = node.docker("rmi", name, check=False)
            self.assertNotEqual(in_use.returncode, 0)
            self.assertIn("conflict", in_use.stderr)
        node.docker("rm", "-f", "user")
        gone = node.out("rmi", "mine:1")
        self.assertIn("Untagged: mine:1", gone)
        self.assertIn(f"Deleted: {image['Id']}", gone)
        self.assertEqual(self.names(), set())
        missing = node.docker("rmi", "mine:1", check=False)
        self.assertIn("No such image: mine:1", missing.stderr)

    def test_save_and_load_give_the_same_image(self):
        node, tar = self.node, self.node.folder / "saved.tar"
        before = node.inspect("busybox:demo")["Id"]
        node.docker("save", "-o", tar, "busybox:demo")
        node.docker("rmi", "busybox:demo")
        self.assertIn("Loaded image: busybox:demo", node.out("load", "-i", tar))
        self.assertEqual(node.inspect("busybox:demo")["Id"], before)
        self.assertEqual(node.out("run", "--rm", "busybox:demo", "echo", "runs"), "runs")

    def test_import_of_a_root_file_system(self):
        node, root = self.node, self.node.folder / "root.tar"
        with tarfile.open(IMAGES / "busybox.tar") as image:
            layer = next(m for m in image.getmembers() if m.name.endswith("layer.tar"))
            root.write_bytes(image.extractfile(layer).read())
        node.docker("import", "--change", "ENV WHO=imported", "--message", "by hand", root, "root:1")
        self.assertEqual(node.out("run", "--rm", "root:1", "sh", "-c", "echo $WHO"), "imported")
        none = node.docker("run", "--rm", "root:1", check=False)
        self.assertIn("no command specified", none.stderr)
        self.assertIn("by hand", node.out("history", "root:1"))


if __name__ == "__main__":
    unittest.main()
