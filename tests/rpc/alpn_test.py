"""Peers that offer or select no ALPN: Docker's do after a certificate renewal (wire.md). The other
side is python3-h2 over Python's ssl."""
import socket
import ssl
import threading
import unittest

import h2.config
import h2.connection
import h2.events

import peer
from grpcio_test import RpcTest


def message(body):
    return b"\0" + len(body).to_bytes(4, "big") + body


def tls(folder, side, name):
    """A context that verifies our certificates and knows nothing of ALPN."""
    context = ssl.SSLContext(side)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(folder.path / "roots.pem")
    context.load_cert_chain(folder.path / f"{name}.pem", folder.path / f"{name}.key")
    return context


class Client:
    """One unary call over one connection."""

    def __init__(self, folder, address):
        host, port = address.split(":")
        plain = socket.create_connection((host, int(port)), timeout=peer.WITHIN_S)
        self.socket = tls(folder, ssl.PROTOCOL_TLS_CLIENT, "worker1").wrap_socket(plain)
        self.connection = h2.connection.H2Connection()
        self.connection.initiate_connection()

    def call(self, method, body, content_type="application/grpc"):
        """(headers and trailers, data)"""
        stream = self.connection.get_next_available_stream_id()
        self.connection.send_headers(stream, [
            (":method", "POST"), (":scheme", "https"), (":path", method), (":authority", "test"),
            ("te", "trailers"), ("content-type", content_type)])
        self.connection.send_data(stream, message(body), end_stream=True)
        self.socket.sendall(self.connection.data_to_send())
        fields, data = {}, b""
        while True:
            for event in self.connection.receive_data(self.socket.recv(65536)):
                if isinstance(event, (h2.events.ResponseReceived, h2.events.TrailersReceived)):
                    fields.update(event.headers)
                if isinstance(event, h2.events.DataReceived):
                    data += event.data
                if isinstance(event, h2.events.StreamEnded):
                    return fields, data
            self.socket.sendall(self.connection.data_to_send())

    def close(self):
        self.socket.close()


class EchoServer:
    """Answers each request with itself, until the client leaves."""

    def __init__(self, folder):
        self.context = tls(folder, ssl.PROTOCOL_TLS_SERVER, "manager1")
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        accepted, _ = self.listener.accept()
        with self.context.wrap_socket(accepted, server_side=True) as stream:
            connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
            connection.initiate_connection()
            stream.sendall(connection.data_to_send())
            bodies = {}
            while received := stream.recv(65536):
                for event in connection.receive_data(received):
                    if isinstance(event, h2.events.DataReceived):
                        bodies[event.stream_id] = bodies.get(event.stream_id, b"") + event.data
                    if isinstance(event, h2.events.StreamEnded):
                        self.answer(connection, event.stream_id, bodies[event.stream_id])
                stream.sendall(connection.data_to_send())

    @staticmethod
    def answer(connection, stream, body):
        connection.send_headers(stream, [(":status", "200"), ("content-type", "application/grpc")])
        connection.send_data(stream, body)
        connection.send_headers(stream, [("grpc-status", "0")], end_stream=True)

    def close(self):
        self.thread.join()
        self.listener.close()


class WithoutAlpn(RpcTest):
    def test_a_client_that_offers_none_is_served(self):
        client = Client(self.folder, self.serve().address)
        self.addCleanup(client.close)
        self.assertIsNone(client.socket.selected_alpn_protocol())
        fields, data = client.call("/t.T/Echo", b"hello")
        self.assertEqual(data, message(b"hello"))
        self.assertEqual(fields[b"grpc-status"], b"0")

    def test_a_server_that_selects_none_is_spoken_to(self):
        server = EchoServer(self.folder)
        self.addCleanup(server.close)
        _, lines = peer.call_all(self.folder, server.address, "connect")
        self.assertEqual(lines, ["ok connect"])

    def test_what_is_no_grpc_is_told_so(self):
        client = Client(self.folder, self.serve().address)
        self.addCleanup(client.close)
        fields, _ = client.call("/t.T/Echo", b"", content_type="text/plain")
        self.assertEqual(fields[b":status"], b"415")


if __name__ == "__main__":
    unittest.main()
