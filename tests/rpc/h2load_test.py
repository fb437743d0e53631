"""h2load (nghttp2-client) against rpc/: 64 connections, with and without client certificates.

h2load can show no certificate, so a forwarder that can stands between: plain bytes on one side, TLS
with the certificate (and without ALPN) on the other.
"""
import asyncio
import re
import ssl
import subprocess
import threading
import unittest

import peer
from grpcio_test import RpcTest

REQUESTS = 20000


class Forwarder:
    def __init__(self, folder, port):
        self.context = ssl.create_default_context(cafile=folder.path / "roots.pem")
        self.context.load_cert_chain(folder.path / "worker1.pem", folder.path / "worker1.key")
        self.target = port
        self.loop = asyncio.new_event_loop()
        self.server = self.loop.run_until_complete(
            asyncio.start_server(self.forward, "127.0.0.1", 0))
        self.port = self.server.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self.loop.run_forever)
        self.thread.start()

    async def forward(self, reader, writer):
        tls = await asyncio.open_connection("127.0.0.1", self.target, ssl=self.context,
                                            server_hostname="swarm-manager")
        await asyncio.gather(self.copy(reader, tls[1]), self.copy(tls[0], writer))

    @staticmethod
    async def copy(reader, writer):
        try:
            while piece := await reader.read(65536):
                writer.write(piece)
                await writer.drain()
        except ConnectionError:
            pass  # The other side has left.
        writer.close()

    def close(self):
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.server.close()
        for task in asyncio.all_tasks(self.loop):
            task.cancel()
            self.loop.run_until_complete(asyncio.wait([task]))
        self.loop.close()


class H2load(RpcTest):
    def load(self, url):
        body = self.folder.path / "body"
        body.write_bytes(b"\0\0\0\0\5hello")
        shown = subprocess.run(
            ["h2load", "-n", str(REQUESTS), "-c", "64", "-m", "10", "-d", body,
             "-H", "content-type: application/grpc", "-H", "te: trailers", url],
            capture_output=True, text=True, timeout=peer.WITHIN_S)
        self.assertEqual(shown.returncode, 0, shown.stderr)
        print(re.search(r"finished in .*", shown.stdout).group())
        self.assertIn(f"{REQUESTS} succeeded, 0 failed, 0 errored, 0 timeout", shown.stdout)
        self.assertIn(f"status codes: {REQUESTS} 2xx", shown.stdout)

    def test_without_certificates(self):
        server = self.serve()
        self.load(f"https://{server.address}/t.T/Open")
        self.assertEqual(server.logged(), [])

    def test_with_certificates(self):
        server = self.serve()
        forwarder = Forwarder(self.folder, server.port)
        self.addCleanup(forwarder.close)
        self.load(f"http://127.0.0.1:{forwarder.port}/t.T/Echo")
        self.assertEqual(server.logged(), [])


if __name__ == "__main__":
    unittest.main()
