#!/usr/bin/env python3
"""fake_registry.py PORT: a registry on 127.0.0.1 that misbehaves, one way for each repository.

`fine/ANYTHING` is an image of one layer of 4 MiB that cannot be compressed. Every other repository
is that image with one fault: see the methods named after them. Runs until its standard input ends.
"""
import gzip
import hashlib
import http.server
import io
import json
import os
import random
import sys
import tarfile
import threading

LAYER_BYTES = 4 << 20
MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
over = threading.Event()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def make_image(repository):
    """(manifest, blobs by digest, digest of the layer); each repository has a layer of its own."""
    tar = io.BytesIO()
    with tarfile.open(fileobj=tar, mode="w") as archive:
        info = tarfile.TarInfo("data")
        info.size = LAYER_BYTES
        archive.addfile(info, io.BytesIO(random.Random(repository).randbytes(LAYER_BYTES)))
    layer = gzip.compress(tar.getvalue(), 1)
    config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["true"]},
                         "rootfs": {"type": "layers", "diff_ids": [digest(tar.getvalue())]}}).encode()
    manifest = {"schemaVersion": 2, "mediaType": MANIFEST,
                "config": {"mediaType": "application/vnd.docker.container.image.v1+json",
                           "digest": digest(config), "size": len(config)},
                "layers": [{"mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
                            "digest": digest(layer), "size": len(layer)}]}
    return manifest, {digest(config): config, digest(layer): layer}, digest(layer)


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    images = {}

    def log_message(self, *_):
        pass

    def answer(self, data, status=200, kind="application/octet-stream", length=None, **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)
            self.wfile.flush()

    def hang_up(self):
        self.close_connection = True

    def do_HEAD(self):
        self.do_GET()

    def do_GET(self):
        try:
            self.handle_path()
        except OSError:
            self.hang_up()  # The client went away: what some of these tests are about.

    def handle_path(self):
        if self.path == "/v2/":
            return self.answer(b"{}", kind="application/json")
        repository, kind, name = self.path[len("/v2/"):].rsplit("/", 2)
        if repository not in self.images:
            self.images[repository] = make_image(repository)
        manifest, blobs, layer = self.images[repository]
        fault = getattr(self, repository.split("/")[0].replace("-", "_") + "_" + kind, None)
        if kind == "manifests":
            data = json.dumps(manifest).encode()
            return fault(data) if fault else self.answer(data, kind=MANIFEST)
        if fault and name == layer:
            return fault(blobs[name])
        return self.answer(blobs[name]) if name in blobs else self.answer(b"{}", 404)

    # The faults. A method's name is the repository's first part and what goes wrong.
    def silent_manifests(self, _):
        over.wait()
        self.hang_up()

    def silent_blobs(self, _):
        over.wait()
        self.hang_up()

    def stalls_blobs(self, data):
        self.answer(data[:len(data) // 2], length=len(data))
        over.wait()
        self.hang_up()

    def trickles_blobs(self, data):
        self.answer(b"", length=len(data))
        for byte in data:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            if over.wait(1):
                break
        self.hang_up()

    def html_manifests(self, _):
        self.answer(b"<html><body>Welcome to the hotel</body></html>", kind="text/html")

    def nonsense_manifests(self, _):
        self.answer(b'{"schemaVersion": 2, "layers": 7', kind=MANIFEST)

    def no_layers_manifests(self, data):
        manifest = json.loads(data)
        manifest["layers"] = []
        self.answer(json.dumps(manifest).encode(), kind=MANIFEST)

    def huge_manifests(self, data):
        self.answer(data[:-1] + b" " * (64 << 20) + b"}", kind=MANIFEST)

    def breaks_manifests(self, _):
        self.answer(b'{"errors": [{"code": "UNKNOWN", "message": "out of order"}]}', 500,
                    kind="application/json")

    def breaks_blobs_blobs(self, _):
        self.answer(b"out of order", 500)

    def loops_manifests(self, _):
        self.answer(b"", 307, Location=self.path)

    def loops_blobs_blobs(self, _):
        self.answer(b"", 307, Location=self.path)

    def wrong_blobs(self, data):
        self.answer(data[:-1000] + b"x" * 1000)

    def longer_blobs(self, data):
        self.answer(data + b"more" * 1000)

    def short_blobs(self, data):
        self.answer(data[:len(data) // 2])

    def cut_blobs(self, data):
        self.answer(data[:len(data) // 2], length=len(data))
        self.hang_up()

    def gone_blobs(self, data):
        """The whole registry goes away in the middle of the layer."""
        self.answer(data[:len(data) // 2], length=len(data))
        os._exit(0)


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False


if __name__ == "__main__":
    server = Server(("127.0.0.1", int(sys.argv[1])), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("ready", flush=True)
    sys.stdin.read()
    over.set()
