"""rpc/ against Debian's python3-grpcio, both ways."""
import subprocess
import threading
import unittest

import grpc

import peer


class RpcTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = peer.Folder()
        cls.addClassCleanup(cls.folder.remove)

    def serve(self):
        server = peer.Server(self.folder)
        self.addCleanup(lambda: self.assertEqual(server.close(), 0))
        return server

    def channel(self, server, name="worker1", **options):
        channel = peer.channel(self.folder, server.address, name, **options)
        self.addCleanup(channel.close)
        return channel


class ForeignClient(RpcTest):
    def setUp(self):
        self.server = self.serve()
        self.to = self.channel(self.server)

    def test_unary(self):
        echo = self.to.unary_unary("/t.T/Echo")
        self.assertEqual(echo(b"hello", timeout=peer.WITHIN_S), b"hello")
        self.assertEqual(echo(b"", timeout=peer.WITHIN_S), b"")

    def test_a_message_of_20_mb_passes(self):
        large = bytes(range(256)) * (20 << 12)
        self.assertEqual(self.to.unary_unary("/t.T/Echo")(large, timeout=peer.WITHIN_S), large)

    def test_errors_have_code_and_text(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.to.unary_unary("/t.T/Fail")("100 % größer\n".encode(), timeout=peer.WITHIN_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.FAILED_PRECONDITION)
        self.assertEqual(caught.exception.details(), "100 % größer\n")
        with self.assertRaises(grpc.RpcError) as caught:
            self.to.unary_unary("/t.T/Nothing")(b"", timeout=peer.WITHIN_S)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_streams(self):
        counted = list(self.to.unary_stream("/t.T/Count")(b"5000", timeout=peer.WITHIN_S))
        self.assertEqual(counted, [str(n).encode() for n in range(1, 5001)])
        parts = [b"x" * n for n in range(500)]
        self.assertEqual(self.to.stream_unary("/t.T/Sum")(iter(parts), timeout=peer.WITHIN_S),
                         str(sum(map(len, parts))).encode())
        self.assertEqual(
            list(self.to.stream_stream("/t.T/Talk")(iter(parts), timeout=peer.WITHIN_S)), parts)

    def test_deadline_and_cancellation_end_a_call(self):
        wait = self.to.unary_unary("/t.T/Wait")
        with self.assertRaises(grpc.RpcError) as caught:
            wait(b"", timeout=0.2)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.DEADLINE_EXCEEDED)
        call = wait.future(b"")
        call.cancel()
        self.assertTrue(call.cancelled())
        # The connection lives on.
        self.assertEqual(self.to.unary_unary("/t.T/Echo")(b"on", timeout=peer.WITHIN_S), b"on")

    def test_compressed_messages_are_refused(self):
        with self.assertRaises(grpc.RpcError) as caught:
            self.to.unary_unary("/t.T/Echo")(b"x" * 10000, timeout=peer.WITHIN_S,
                                             compression=grpc.Compression.Gzip)
        self.assertEqual(caught.exception.code(), grpc.StatusCode.UNIMPLEMENTED)

    def test_many_calls_at_a_time(self):
        echo = self.to.unary_unary("/t.T/Echo")
        calls = [echo.future(str(n).encode(), timeout=peer.WITHIN_S) for n in range(2000)]
        self.assertEqual([call.result() for call in calls], [str(n).encode() for n in range(2000)])


class Certificates(RpcTest):
    def setUp(self):
        self.server = self.serve()

    def code_of(self, method, name, **options):
        """The status of a call; None when it is answered."""
        try:
            self.channel(self.server, name, **options).unary_unary(method)(b"", timeout=5)
        except grpc.RpcError as error:
            return error.code()
        return None

    def test_without_a_certificate_only_open_methods_answer(self):
        self.assertIsNone(self.code_of("/t.T/Open", None))
        self.assertEqual(self.code_of("/t.T/Echo", None), grpc.StatusCode.UNAUTHENTICATED)

    def test_the_wrong_role_is_told_so(self):
        self.assertEqual(self.code_of("/t.T/Managers", "worker1"), grpc.StatusCode.PERMISSION_DENIED)
        self.assertIsNone(self.code_of("/t.T/Managers", "manager1"))

    def test_foreign_and_expired_ones_do_not_get_in(self):
        for name in ("foreign", "expired"):
            self.assertEqual(self.code_of("/t.T/Open", name), grpc.StatusCode.UNAVAILABLE, name)
        self.assertIsNone(self.code_of("/t.T/Open", "worker1"))
        refused = [line for line in self.server.logged() if "connection refused" in line]
        self.assertEqual(len(refused), 1, "logged once a minute and peer")
        self.assertIn("certificate is not accepted", refused[0])

    def test_replaced_credentials_serve_new_connections_and_old_ones_go_on(self):
        talk = self.channel(self.server).stream_stream("/t.T/Talk")
        more = threading.Semaphore(0)

        def messages():
            for n in range(100):
                more.acquire()
                yield str(n).encode()

        answers = talk(messages(), timeout=peer.WITHIN_S)
        shown = []
        for n in range(100):
            if n in (30, 60):
                self.server.use("manager2" if n == 30 else "manager1")
                shown.append(self.shown_name())
            more.release()
            self.assertEqual(next(answers), str(n).encode())
        self.assertEqual(shown, ["manager2", "manager1"])
        self.assertRaises(StopIteration, next, answers)

    def shown_name(self):
        """The node in the certificate that a new connection sees."""
        seen = subprocess.run(
            ["openssl", "s_client", "-connect", self.server.address, "-servername", "swarm-manager"],
            input="", capture_output=True, text=True, timeout=peer.WITHIN_S).stdout
        return seen.split("subject=")[1].split("CN = ")[1].split("\n")[0].split(",")[0]


class ForeignServer(RpcTest):
    def test_our_client(self):
        server = peer.ForeignServer(self.folder)
        self.addCleanup(server.close)
        status, lines = peer.call_all(self.folder, f"127.0.0.1:{server.port}")
        self.assertEqual(status, 0, "\n".join(lines))
        self.assertEqual(len(lines), 11)
        for _ in ("deadline", "stop"):
            self.assertTrue(server.methods.cancelled.acquire(timeout=peer.WITHIN_S))


if __name__ == "__main__":
    unittest.main()
