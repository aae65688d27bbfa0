"""A TCP proxy between a program and an engine, that can be made slow, silent or dead."""

import socket
import threading
import time


class Proxy:
    def __init__(self, host, port):
        self.target = (host, port)
        self.delay, self.silent, self.refusing = 0.0, False, False
        self.connections = set()
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0))
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
                while self.silent:  # packets are dropped: nothing arrives, nobody is told
                    time.sleep(0.02)
                sink.sendall(data)
        except OSError:
            pass
        for end in (source, sink):
            with self.lock:
                self.connections.discard(end)
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            end.close()

    def cut(self):
        """Every open connection breaks; new ones are taken."""
        with self.lock:
            broken, self.connections = self.connections, set()
        for end in broken:
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass

    def refuse(self):
        self.refusing = True
        self.cut()

    def heal(self):
        self.delay, self.silent, self.refusing = 0.0, False, False

    def close(self):
        self.refuse()
        self.listener.close()
