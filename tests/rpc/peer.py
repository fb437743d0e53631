"""What the tests of rpc/ against foreign implementations share: the rpc-peer program, its
certificates, and the same test service in grpcio."""
import pathlib
import shutil
import subprocess
import tempfile
import threading
from concurrent import futures

import grpc

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RPC_PEER = ROOT / "build/bin/rpc-peer"
WITHIN_S = 60


class Folder:
    """The certificates of one test class."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="shoal-rpc-"))
        subprocess.run([RPC_PEER, "certificates", self.path], check=True)

    def read(self, name):
        return (self.path / name).read_bytes()

    def remove(self):
        shutil.rmtree(self.path)


class Server:
    """rpc-peer serve."""

    def __init__(self, folder, name="manager1"):
        self.log = open(folder.path / "server.log", "w+")
        self.process = subprocess.Popen(
            [RPC_PEER, "serve", folder.path, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=self.log, text=True)
        self.port = int(self.process.stdout.readline().split()[1])
        self.address = f"127.0.0.1:{self.port}"

    def use(self, name):
        self.process.stdin.write(f"use {name}\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "used\n"

    def logged(self):
        self.log.seek(0)
        return self.log.read().splitlines()

    def close(self):
        """Its exit status."""
        self.process.stdin.close()
        status = self.process.wait(timeout=WITHIN_S)
        self.process.stdout.close()
        self.log.close()
        return status


def call_all(folder, address, *only):
    """rpc-peer call: (exit status, its lines)."""
    done = subprocess.run([RPC_PEER, "call", folder.path, "worker1", address, *only],
                          capture_output=True, text=True, timeout=WITHIN_S)
    return done.returncode, done.stdout.splitlines() + done.stderr.splitlines()


def channel(folder, address, name="worker1", roots="roots.pem"):
    """A channel of grpcio; without a certificate when `name` is None."""
    key = folder.read(f"{name}.key") if name else None
    chain = folder.read(f"{name}.pem") if name else None
    credentials = grpc.ssl_channel_credentials(folder.read(roots), key, chain)
    options = [("grpc.ssl_target_name_override", "swarm-manager"),
               ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1),
               ("grpc.use_local_subchannel_pool", 1)]
    return grpc.secure_channel(address, credentials, options)


class Methods(grpc.GenericRpcHandler):
    """The methods of rpc/testing_pair.h."""

    def __init__(self):
        self.cancelled = threading.Semaphore(0)

    def service(self, details):
        return {
            "/t.T/Echo": grpc.unary_unary_rpc_method_handler(lambda request, context: request),
            "/t.T/Fail": grpc.unary_unary_rpc_method_handler(self.fail),
            "/t.T/Wait": grpc.unary_unary_rpc_method_handler(self.wait),
            "/t.T/Count": grpc.unary_stream_rpc_method_handler(
                lambda request, context: (str(n + 1).encode() for n in range(int(request)))),
            "/t.T/Sum": grpc.stream_unary_rpc_method_handler(
                lambda requests, context: str(sum(map(len, requests))).encode()),
            "/t.T/Talk": grpc.stream_stream_rpc_method_handler(lambda requests, context: requests),
        }.get(details.method)

    def fail(self, request, context):
        context.abort(grpc.StatusCode.FAILED_PRECONDITION, request.decode())

    def wait(self, request, context):
        over = threading.Event()
        context.add_callback(over.set)
        over.wait(WITHIN_S)
        self.cancelled.release()
        return request


class ForeignServer:
    """The same service in grpcio, with the certificate manager1."""

    def __init__(self, folder):
        self.methods = Methods()
        self.server = grpc.server(futures.ThreadPoolExecutor(16), handlers=(self.methods,), options=[
            ("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)])
        credentials = grpc.ssl_server_credentials(
            [(folder.read("manager1.key"), folder.read("manager1.pem"))], folder.read("roots.pem"),
            require_client_auth=True)
        self.port = self.server.add_secure_port("127.0.0.1:0", credentials)
        self.server.start()

    def close(self):
        self.server.stop(None).wait()
