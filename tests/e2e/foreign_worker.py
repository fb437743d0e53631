#!/usr/bin/python3
"""foreign_worker ADDRESS ROOTS PEM SESSION_HEX: a node of somebody else's making (Debian's python3-grpcio) that
holds a session open. SESSION_HEX is the request that opens it; a line with the session's id comes first. Then each
line "METHOD HEX" on stdin is one call, answered with a line {"code", "details"} as JSON. Heartbeats go by
themselves; the end of stdin ends it."""
import json
import pathlib
import sys
import threading

import grpc

from protocol_test import HEARTBEAT, SESSION, bytes_in, field

WITHIN_S = 30
BEAT_S = 0.5


def main():
    address, roots, pem, request = sys.argv[1:]
    pair = pathlib.Path(pem).read_bytes()
    credentials = grpc.ssl_channel_credentials(pathlib.Path(roots).read_bytes(), pair, pair)
    options = [("grpc.ssl_target_name_override", "swarm-manager"), ("grpc.enable_http_proxy", 0),
               ("grpc.max_send_message_length", -1)]
    with grpc.secure_channel(address, credentials, options) as channel:
        def call(method, message):
            made = channel.unary_unary(method, request_serializer=None, response_deserializer=None)
            try:
                made(message, timeout=WITHIN_S)
                return {"code": "OK", "details": ""}
            except grpc.RpcError as error:
                return {"code": error.code().name, "details": error.details()}
        stream = channel.unary_stream(SESSION, request_serializer=None, response_deserializer=None)
        messages = stream(bytes.fromhex(request))
        session = bytes_in(next(messages), 1)
        print(session.decode(), flush=True)
        over = threading.Event()

        def beat():
            while not over.wait(BEAT_S):
                call(HEARTBEAT, field(1, session))
        beats = threading.Thread(target=beat)
        beats.start()
        for line in sys.stdin:
            method, message = line.split(" ")
            print(json.dumps(call(method, bytes.fromhex(message))), flush=True)
        over.set()
        beats.join()
        messages.cancel()


main()
