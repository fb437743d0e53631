#!/usr/bin/env python3
"""dns_attacker.py NAME: sends 127.0.0.11 what no resolver sends, then floods it with questions for NAME.

First malformed messages over UDP and TCP: names that point at themselves or round in circles, labels
that lead outside, counts of records that are not there, headers alone, noise, 64 KB. Then questions as
fast as they go, until standard input ends. Prints a line when the flood begins, and at its end how many
questions were sent and in how many seconds.
"""
import random
import select
import socket
import struct
import sys
import time

SERVER = ("127.0.0.11", 53)
QUESTION = struct.pack("!HH", 1, 1)  # an address, in the Internet


def header(questions=1, answers=0, extra=0):
    return struct.pack("!HHHHHH", 4711, 0x0100, questions, answers, 0, extra)


def name(text):
    return b"".join(bytes([len(label)]) + label.encode() for label in text.split(".")) + b"\0"


def malformed():
    """Each message has a fault of its own."""
    at_itself, round_about = b"\xc0\x0c", b"\xc0\x0e\xc0\x0c"
    yield from (b"", b"x", header()[:11], header(), header() + at_itself + QUESTION)
    yield header() + round_about + QUESTION
    yield header() + b"\x01a" + at_itself + QUESTION  # A name that grows with each turn.
    yield header() + b"\xff\xff" + QUESTION
    yield header() + b"\x3fweb" + QUESTION
    yield header() + name("web") + b"\0"
    yield header() + b"".join(b"\x01a" for _ in range(200)) + b"\0" + QUESTION  # Over 255 bytes.
    yield header(questions=65535) + name("web") + QUESTION
    yield header(answers=65535, extra=65535) + name("web") + QUESTION
    yield header(extra=1) + name("web") + QUESTION + b"\0" + struct.pack("!HHIH", 41, 4096, 0, 65535)
    chained = b"".join(struct.pack("!H", 0xc000 + 12 + 2 * (i + 1)) for i in range(2000))
    yield header() + chained + QUESTION
    noise = random.Random(1)
    yield from (noise.randbytes(noise.randrange(600)) for _ in range(300))
    yield header() + bytes(9000)
    yield header() + name("web") + QUESTION + bytes(65507 - 12 - 9)  # The longest datagram.


def over_tcp(data):
    with socket.create_connection(SERVER, timeout=30) as stream:
        try:
            stream.sendall(data)
            stream.shutdown(socket.SHUT_WR)
            while stream.recv(65536):
                pass
        except OSError:
            pass  # It hung up, as it may.


def main(asked):
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.connect(SERVER)
    for message in malformed():
        datagrams.send(message)
    for message in malformed():
        if len(message) < 65536:
            over_tcp(struct.pack("!H", len(message)) + message)
    over_tcp(b"\xff\xff" + header() + name("web") + QUESTION + bytes(65535 - 12 - 9))
    print("floods", flush=True)
    question = header() + name(asked) + QUESTION
    sent, began = 0, time.monotonic()
    while sent % 256 or not select.select([sys.stdin], [], [], 0)[0]:
        datagrams.send(question)
        sent += 1
    print(sent, time.monotonic() - began, flush=True)


main(*sys.argv[1:])
