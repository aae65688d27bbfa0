"""Asks a Kafka broker itself, in its own protocol: what a group has committed and where a topic ends.

For a stack of one broker, which leads every partition and coordinates every group.
"""

import socket
import struct

DELETE_GROUPS, DELETE_TOPICS, LIST_OFFSETS, METADATA, OFFSET_FETCH = 42, 20, 2, 3, 9
LATEST = -1
WAIT_MS = 30_000


def string(text):
    data = text.encode()
    return struct.pack(">h", len(data)) + data


def array(items):
    return struct.pack(">i", len(items)) + b"".join(items)


class Reader:
    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        (value,) = struct.unpack_from(">" + form, self.data, self.at)
        self.at += struct.calcsize(">" + form)
        return value

    def text(self):
        length = self.take("h")
        if length < 0:
            return None
        self.at += length
        return self.data[self.at - length:self.at].decode()

    def array(self, item):
        return [item() for _ in range(self.take("i"))]


class Broker:
    def __init__(self, bootstrap_servers):
        host, port = bootstrap_servers.split(",")[0].rsplit(":", 1)
        self.connection = socket.create_connection((host, int(port)), WAIT_MS / 1000)
        self.stream = self.connection.makefile("rb")

    def close(self):
        self.stream.close()
        self.connection.close()

    def ask(self, api, version, body):
        request = struct.pack(">hhi", api, version, 1) + string("auditor") + body
        self.connection.sendall(struct.pack(">i", len(request)) + request)
        (length,) = struct.unpack(">i", self.stream.read(4))
        answer = Reader(self.stream.read(length))
        answer.take("i")  # the number of the request
        return answer

    def topics(self, prefix):
        """Topic → its partitions."""
        answer = self.ask(METADATA, 1, struct.pack(">i", -1))
        answer.array(lambda: (answer.take("i"), answer.text(), answer.take("i"), answer.text()))
        answer.take("i")

        def partition():
            _, number = answer.take("h"), answer.take("i")
            answer.take("i")
            answer.array(lambda: answer.take("i"))
            answer.array(lambda: answer.take("i"))
            return number

        def topic():
            answer.take("h")
            name = answer.text()
            answer.take("b")
            return name, answer.array(partition)

        return {name: sorted(numbers) for name, numbers in answer.array(topic) if name.startswith(prefix)}

    def ends(self, topics):
        """(topic, partition) → the offset that its next record will get."""
        wanted = array([string(name) + array([struct.pack(">iq", n, LATEST) for n in numbers])
                        for name, numbers in topics.items()])
        answer = self.ask(LIST_OFFSETS, 1, struct.pack(">i", -1) + wanted)
        ends = {}

        def partition():
            number, error = answer.take("i"), answer.take("h")
            answer.take("q")
            return number, error, answer.take("q")

        for name, partitions in answer.array(lambda: (answer.text(), answer.array(partition))):
            for number, error, offset in partitions:
                assert error == 0, f"{name} {number}: Kafka's error {error}"
                ends[name, number] = offset
        return ends

    def committed(self, group, topic, partitions):
        """Partition → the committed offset, 0 where nothing is."""
        wanted = string(group) + array([string(topic) + array([struct.pack(">i", n) for n in partitions])])
        answer = self.ask(OFFSET_FETCH, 1, wanted)
        committed = {}

        def partition():
            number, offset = answer.take("i"), answer.take("q")
            answer.text()
            error = answer.take("h")
            assert error == 0, f"{group} {topic} {number}: Kafka's error {error}"
            committed[number] = max(0, offset)

        answer.array(lambda: (answer.text(), answer.array(partition)))
        return committed

    def unfinished(self, prefix):
        """(topic, partition) → the records that its group has not finished, where there are any."""
        topics = {name: numbers for name, numbers in self.topics(prefix).items()
                  if name.removeprefix(prefix).split(".")[0] in ("requests", "deliveries", "receipts")}
        ends, left = self.ends(topics), {}
        for topic, partitions in topics.items():
            own = topic.removeprefix(prefix)
            group = f"{prefix}{'sender' if own.startswith('deliveries.') else 'planner'}.{own}"
            for number, offset in self.committed(group, topic, partitions).items():
                if ends[topic, number] > offset:
                    left[own, number] = ends[topic, number] - offset
        return left

    def delete(self, prefix):
        """The topics and groups of one Herald, when nobody is left in them."""
        topics = list(self.topics(prefix))
        answer = self.ask(DELETE_TOPICS, 1, array([string(name) for name in topics]) + struct.pack(">i", WAIT_MS))
        answer.take("i")
        answer.array(lambda: (answer.text(), answer.take("h")))
        groups = [f"{prefix}{group}.{name.removeprefix(prefix)}" for name in topics for group in ("planner", "sender")]
        self.ask(DELETE_GROUPS, 0, array([string(group) for group in groups]))
