"""A TCP proxy between a program and an engine, that can be made slow, silent or dead."""

import socket
import threading
import time


class Proxy:
    def __init__(self, host, port, listen=0):
        self.target = (host, port)
        self.delay, self.silent, self.refusing = 0.0, False, False
        self.connections, self.lost = set(), set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", listen))
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            if self.refusing:
                near.close()
                continue
            try:
                far = socket.create_connection(self.target, 5)
            except OSError:
                near.close()
                continue
            for end in (near, far):
                end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self.lock:
                self.connections.update((near, far))
            threading.Thread(target=self._pump, args=(near, far, True), daemon=True).start()
            threading.Thread(target=self._pump, args=(far, near, False), daemon=True).start()

    def _pump(self, source, sink, towards_engine):
        try:
            while data := source.recv(65536):
                if self.delay and towards_engine:
                    time.sleep(self.delay)
                    data += self._what_came_meanwhile(source)
                while self.silent or source in self.lost:  # packets are dropped: nothing arrives, nobody is told
                    if source not in self.connections:
                        return
                    time.sleep(0.02)
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._close(source, sink)

    def _close(self, *ends):
        for end in ends:
            with self.lock:
                self.connections.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    @staticmethod
    def _what_came_meanwhile(source):
        """The rest of a long call: a delay is one for each call, however long."""
        data = b""
        try:
            while more := source.recv(65536, socket.MSG_DONTWAIT):
                data += more
        except BlockingIOError:
            pass
        return data

    def cut(self):
        """Every open connection breaks; new ones are taken."""
        with self.lock:
            broken, self.connections = self.connections, set()
        for end in broken:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def lose(self):
        """No open connection hears anything again, and nobody is told; new ones are well."""
        with self.lock:
            self.lost |= self.connections

    def refuse(self):
        self.refusing = True
        self.cut()

    def heal(self):
        self.delay, self.silent, self.refusing = 0.0, False, False

    def close(self):
        self.refuse()
        self.listener.shutdown(socket.SHUT_RDWR)  # wakes who waits in accept, and would keep the port
        self.listener.close()
