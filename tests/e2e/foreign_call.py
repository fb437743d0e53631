#!/usr/bin/python3
"""foreign_call ADDRESS ROOTS METHOD [--request HEX] [--pem FILE] [--name NAME]: one call to a node
port by somebody else's gRPC (Debian's python3-grpcio, hence Debian's python). ROOTS is a file with
the swarm's root certificate, --pem one with a key and its certificate to show, --name what the
server's certificate must be for (default swarm-manager). Prints {"code", "details", "answer"} as
JSON; the answer in hex."""
import argparse
import json
import pathlib

import grpc

WITHIN_S = 30


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("address", "roots", "method"):
        parser.add_argument(name)
    parser.add_argument("--request", default="")
    parser.add_argument("--pem")
    parser.add_argument("--name", default="swarm-manager")
    given = parser.parse_args()
    roots = pathlib.Path(given.roots).read_bytes()
    pem = pathlib.Path(given.pem).read_bytes() if given.pem else None
    credentials = grpc.ssl_channel_credentials(roots, pem, pem)
    options = [("grpc.ssl_target_name_override", given.name), ("grpc.enable_http_proxy", 0)]
    with grpc.secure_channel(given.address, credentials, options) as channel:
        call = channel.unary_unary(given.method, request_serializer=None,
                                   response_deserializer=None)
        try:
            answer = call(bytes.fromhex(given.request), timeout=WITHIN_S)
            print(json.dumps({"code": "OK", "details": "", "answer": answer.hex()}))
        except grpc.RpcError as error:
            print(json.dumps({"code": error.code().name, "details": error.details(),
                              "answer": ""}))


main()
