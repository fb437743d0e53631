#!/usr/bin/env python3
"""flood.py ADDRESS COUNT REQUEST [TAIL]: COUNT clients of an API at once, none of which reads an answer.

ADDRESS is a socket's path or HOST:PORT. Each client sends REQUEST (with \\r\\n and the like written
as escapes) and then TAIL again and again, as far as it is taken. Prints a line with how many could
connect, then stays until its standard input ends; prints how many were hung up on and the first
bytes of each kind of answer that came.
"""
import collections
import errno
import selectors
import socket
import sys
import threading


class Client:
    def __init__(self, address):
        host, colon, port = address.rpartition(":")
        is_tcp = colon and not address.startswith("/")
        self.sock = socket.socket(socket.AF_INET if is_tcp else socket.AF_UNIX)
        self.sock.connect((host, int(port)) if is_tcp else address)
        self.sock.setblocking(False)
        self.rest = b""


def send(client, request, tail):
    """False when the server has hung up."""
    try:
        while client.rest or tail:
            client.rest = client.rest or tail
            client.rest = client.rest[client.sock.send(client.rest):]
    except BlockingIOError:
        return True
    except OSError:
        return False
    return True


def answer_of(sock):
    """The head of what came, "" when it is a hang-up without a word, None when nothing came."""
    try:
        return sock.recv(4096, socket.MSG_PEEK).split(b"\r\n")[0].decode()
    except BlockingIOError:
        return None
    except OSError:
        return ""


def main():
    address, count = sys.argv[1], int(sys.argv[2])
    request, tail = ((sys.argv[i] if len(sys.argv) > i else "").encode().decode("unicode_escape")
                     .encode("latin-1") for i in (3, 4))
    over = threading.Event()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    clients, failed = [], collections.Counter()
    for _ in range(count):
        try:
            clients.append(Client(address))
            clients[-1].rest = request
            send(clients[-1], request, tail)
        except OSError as error:
            failed[errno.errorcode.get(error.errno, "?")] += 1
    print(f"{len(clients)} connected {dict(failed)}", flush=True)
    writing = selectors.DefaultSelector()
    if tail:
        for client in clients:
            writing.register(client.sock, selectors.EVENT_WRITE, client)
    while not over.is_set():
        for key, _ in writing.select(0.2) if tail else ():
            if not send(key.data, request, tail):
                writing.unregister(key.fileobj)
        if not tail:
            over.wait()
    print(dict(collections.Counter(answer_of(client.sock) for client in clients)), flush=True)


if __name__ == "__main__":
    main()
