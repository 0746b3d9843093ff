"""A TCP relay that loses a connection at a chosen word: before it reaches the server, or with the answer."""

import contextlib
import socket
import threading


class Lossy:
    """Relays to a port; once armed, cuts the connection that sends `word`, `before` or `after` the server has it."""

    def __init__(self, port):
        self.target = port
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.armed = None
        self.refusing = False
        threading.Thread(target=self._accept, daemon=True).start()

    def cut(self, word, when):
        self.armed = (word, when)

    def _accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                if self.refusing:
                    client.close()
                    continue
                there = socket.create_connection(("127.0.0.1", self.target))
                lost = threading.Event()
                threading.Thread(target=self._up, args=(client, there, lost), daemon=True).start()
                threading.Thread(target=self._down, args=(client, there, lost), daemon=True).start()

    def _up(self, client, there, lost):
        with contextlib.suppress(OSError):
            while data := client.recv(65536):
                if self.armed and self.armed[0] in data:
                    _, when = self.armed
                    self.armed = None
                    lost.set()
                    if when == "before":
                        break
                    there.sendall(data)
                    there.recv(65536)  # the server has answered, and nobody hears it
                    break
                there.sendall(data)
        _close(client, there)

    def _down(self, client, there, lost):
        with contextlib.suppress(OSError):
            while not lost.is_set():
                there.settimeout(0.05)
                try:
                    data = there.recv(65536)
                except TimeoutError:
                    continue
                if not data or lost.is_set():
                    break
                client.sendall(data)
        if not lost.is_set():
            _close(client, there)

    def close(self):
        self.listener.close()


def _close(*sockets):
    for one in sockets:
        with contextlib.suppress(OSError):
            one.shutdown(socket.SHUT_RDWR)
        one.close()
