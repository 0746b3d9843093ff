"""The caller's side: a connection to a warm engine, which stands in for a worker process of one's own."""

from __future__ import annotations

import hashlib
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from guarita.process import neutral_environment
from guarita.process.errors import crashed
from guarita.process.run import POLL, check
from guarita.scan.process import scanner_errors
from guarita.scan.warm.folder import runtime_folder
from guarita.scan.warm.forkserver import peer

IDLE: Final = 900
"""Seconds after which a server ends that nobody asks."""
START: Final = 120.0
"""Seconds for a server to import its engine."""
TRIES: Final = 50
PAUSE: Final = 0.02
"""Seconds."""
MAX_ANSWER: Final = 512 * 1024 * 1024


def connect(
    command: Sequence[str | Path], identity: str, *, cwd: Path, scanner: str, stop: threading.Event
) -> WarmWorker | None:
    """A process of a warm server of `command`, which is started where there is none; None where that fails.

    Servers are told apart by the command and by `identity`: what the engine is, as exactly as is known.
    """
    folder = runtime_folder()
    if folder is None:
        return None
    words = "\0".join((*map(str, command), identity))
    place = folder / f"{hashlib.sha256(words.encode('utf-8', 'surrogateescape')).hexdigest()[:24]}.sock"
    try:
        connection = _connected(place) or _started(place, command, folder)
    except (OSError, subprocess.TimeoutExpired):
        return None
    if connection is None:
        return None
    worker = WarmWorker(connection, scanner, stop)
    worker.pid = worker.request({"cwd": str(cwd)}, START)["pid"]
    return worker


def _connected(place: Path) -> socket.socket | None:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.connect(str(place))
        if peer(connection) == os.geteuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None


def _started(place: Path, command: Sequence[str | Path], folder: Path) -> socket.socket | None:
    # It listens before it gives back, and goes on by itself.
    done = subprocess.run(
        [*map(str, command), "--serve", str(place), str(IDLE)],
        cwd=folder,
        env=neutral_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=START,
        check=False,
        close_fds=True,
    )
    for _ in range(TRIES if done.returncode == 0 else 0):
        if connection := _connected(place):
            return connection
        time.sleep(PAUSE)  # another run is starting it just now
    return None


class WarmWorker:
    """As `guarita.scan.process.Worker`: one message, one answer. Not for several threads."""

    def __init__(self, connection: socket.socket, scanner: str, stop: threading.Event) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._scanner = scanner
        self._stop = stop
        self._buffer = bytearray()
        self.pid = 0
        """The process at the other end."""

    def request(self, message: dict[str, Any], timeout: float) -> dict[str, Any]:
        """Send a message and wait for its answer, at most `timeout` seconds.

        Raises ScannerError: `scanner.crashed`, `scanner.hung` or `scanner.stopped`; the process is then gone.
        """
        deadline = time.monotonic() + timeout
        with scanner_errors():
            try:
                self._send(msgspec.json.encode(message) + b"\n", deadline)
                return msgspec.json.decode(self._receive(deadline), type=dict[str, Any])
            except (OSError, EOFError, msgspec.DecodeError) as error:
                self.close()
                raise crashed(self._scanner, None, b"") from error
            except BaseException:
                self.close()
                raise

    def close(self) -> None:
        """End the process at the other end. May be called twice."""
        self._connection.close()  # the server ends what it forked for a connection that is gone

    def _send(self, data: bytes, deadline: float) -> None:
        view = memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_WRITE)
            while view:
                if selector.select(POLL):
                    view = view[self._connection.send(view[: 1 << 16]) :]
                check(self._stop, deadline, self._scanner, "its worker")

    def _receive(self, deadline: float) -> bytes:
        scanned = 0
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_READ)
            while (end := self._buffer.find(b"\n", scanned)) < 0:
                scanned = len(self._buffer)
                if selector.select(POLL):
                    chunk = self._connection.recv(1 << 20)
                    if not chunk or len(self._buffer) > MAX_ANSWER:
                        raise EOFError
                    self._buffer += chunk
                check(self._stop, deadline, self._scanner, "its worker")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
