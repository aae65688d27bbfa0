"""Requests at a fixed rate, whatever becomes of those before: `open_loop.py URL RATE SECONDS [USERS CHANNELS]`.

A request's time counts from when it was due, so that a stall costs every request that it held up. Without USERS it
is GET. Prints one JSON object: the times in ms, how many were not answered 2xx, and (id, accepted_at) of the others.
"""

import json
import re
import select
import socket
import sys
import time

CONNECTIONS = 64
PATIENCE_S = 10


class Connection:
    def __init__(self, address):
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.received = b""

    def fileno(self):
        return self.socket.fileno()

    def send(self, request, due):
        self.due, self.received = due, b""
        self.socket.sendall(request)

    def answer(self):
        """(status, body) once all of it is here."""
        piece = self.socket.recv(65536)
        assert piece, "the server closed a connection"
        self.received += piece
        head, found, body = self.received.partition(b"\r\n\r\n")
        length = found and int(re.search(rb"content-length: *(\d+)", head, re.I).group(1))
        return (int(head.split(None, 2)[1]), body) if found and len(body) >= length else None


def requests(path, host, users, channels):
    head = f"%s {path} HTTP/1.1\r\nHost: {host}\r\n"
    number = 0
    while True:
        if not users:
            yield (head % "GET" + "\r\n").encode()
            continue
        number = number % users + 1
        body = (f'{{"user_id":"user-{number:07d}","template_id":"welcome","channels":{channels},'
                '"data":{"username":"john_doe"}}')
        yield (head % "POST" + f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n{body}").encode()


def main(url, rate, seconds, users="0", channels="[]"):
    host, port, path = re.fullmatch(r"http://([^:/]+):(\d+)(/.*)", url).groups()
    idle = [Connection((host, int(port))) for _ in range(CONNECTIONS)]
    busy, times, answers, failed = [], [], [], 0
    to_send = requests(path, host, int(users), channels)
    gap, count, begun = 1 / float(rate), int(float(rate) * float(seconds)), time.monotonic() + 0.1
    sent = 0
    while sent < count or busy:
        now = time.monotonic()
        assert now < begun + float(seconds) + PATIENCE_S, f"{len(busy)} requests were never answered"
        while sent < count and idle and begun + sent * gap <= now:
            connection = idle.pop(0)  # in turn: one that is idle too long is closed
            connection.send(next(to_send), begun + sent * gap)
            busy.append(connection)
            sent += 1
        until_due = max(0, begun + sent * gap - time.monotonic()) if sent < count and idle else 0.1
        for connection in select.select(busy, [], [], until_due)[0]:
            answer = connection.answer()
            if answer is None:
                continue
            times.append((time.monotonic() - connection.due) * 1000)
            busy.remove(connection)
            idle.append(connection)
            if not 200 <= answer[0] < 300:
                failed += 1
            elif users != "0":
                answers.append(answer[1])
    told = [json.loads(answer) for answer in answers]
    json.dump({"times_ms": times, "failed": failed, "accepted": [(a["id"], a["accepted_at"]) for a in told]}, sys.stdout)


if __name__ == "__main__":
    main(*sys.argv[1:])
