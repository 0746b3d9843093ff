"""The caller's side of a forked process: a connection to a server that has imported its engine already."""

from __future__ import annotations

import hashlib
import os
import selectors
import socket
import subprocess
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

import msgspec

from guarita.process.errors import crashed
from guarita.process.forkserver import WHILE_HELD, peer
from guarita.process.run import POLL, check, neutral_environment
from guarita.process.worker import ASIDE, MAX_ANSWER, Aside

IDLE: Final = 900
"""Seconds after which a server ends that goes on by itself and that nobody asks."""
START: Final = 120.0
"""Seconds for a server to import its engine."""
TRIES: Final = 50
PAUSE: Final = 0.02
"""Seconds."""


class ForkedWorker:
    """As `guarita.process.Worker`: one message, one answer. Not for several threads."""

    def __init__(self, connection: socket.socket, caller: str, stop: threading.Event) -> None:
        connection.setblocking(False)
        self._connection = connection
        self._caller = caller
        self._stop = stop
        self._buffer = bytearray()
        self.pid = 0
        """The process at the other end."""

    def request(
        self,
        message: dict[str, Any],
        timeout: float,
        *,
        files: Sequence[int] = (),
        aside: Aside | None = None,
    ) -> dict[str, Any]:
        """As `guarita.process.Worker.request`."""
        deadline = time.monotonic() + timeout
        try:
            self._send(msgspec.json.encode(message) + b"\n", deadline, files)
            while True:
                answer = msgspec.json.decode(self._receive(deadline), type=dict[str, Any])
                if ASIDE not in answer:
                    return answer
                reply = aside(answer) if aside else None
                if reply is not None:
                    self._send(msgspec.json.encode(reply) + b"\n", deadline)
        except (OSError, EOFError, msgspec.DecodeError) as error:
            self.close()
            raise crashed(self._caller, None, b"") from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the process at the other end. May be called twice."""
        self._connection.close()  # the server ends what it forked for a connection that is gone

    def _send(self, data: bytes, deadline: float, files: Sequence[int] = ()) -> None:
        view = memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(self._connection, selectors.EVENT_WRITE)
            while view:
                if selector.select(POLL):
                    piece = view[: 1 << 16]
                    sent = (
                        socket.send_fds(self._connection, [piece], list(files))
                        if files
                        else self._connection.send(piece)
                    )
                    view, files = view[sent:], ()
                check(self._stop, deadline, self._caller, "its worker")

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
                check(self._stop, deadline, self._caller, "its worker")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line


W = TypeVar("W", bound=ForkedWorker)


@dataclass
class Servers:
    """Where servers listen: in `folder`, which is the user's alone, going on by themselves or while `holder` is open."""

    folder: Path
    holder: tuple[int, int] | None = None
    """Both ends of a pipe: its servers end with the process that holds the second."""
    _starting: threading.Lock = field(default_factory=threading.Lock)

    @classmethod
    def private(cls, folder: Path) -> Self:
        """Servers for this process alone, which end with `close` or with the process."""
        folder.mkdir(mode=0o700)
        return cls(folder, os.pipe2(os.O_CLOEXEC))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let private servers go, and whatever they forked. May be called twice."""
        if self.holder is not None:
            held, self.holder = self.holder, None
            for descriptor in held:
                os.close(descriptor)

    def connect(
        self,
        command: Sequence[str | Path],
        identity: str,
        *,
        cwd: Path,
        caller: str,
        stop: threading.Event,
        words: Sequence[str] = (),
        kind: type[W],
    ) -> W | None:
        """A process of a server of `command`, which is started where there is none; None where that fails.

        Servers are told apart by the command, its further `words`, and `identity`: what the engine is, as exactly as
        is known. Raises what the worker's `request` raises.
        """
        name = "\0".join((*map(str, command), *words, identity))
        digest = hashlib.sha256(name.encode("utf-8", "surrogateescape")).hexdigest()[:24]
        place = self.folder / f"{digest}.sock"
        try:
            with self._starting:  # of several threads one starts it
                connection = connected(place) or self._started(place, command, words)
        except (OSError, subprocess.TimeoutExpired):
            return None
        if connection is None:
            return None
        worker = kind(connection, caller, stop)
        worker.pid = worker.request({"cwd": str(cwd)}, START)["pid"]
        return worker

    def _started(
        self, place: Path, command: Sequence[str | Path], words: Sequence[str]
    ) -> socket.socket | None:
        # It listens before it gives back, and goes on by itself.
        how_long = WHILE_HELD if self.holder else str(IDLE)
        done = subprocess.run(
            [*map(str, command), "--serve", str(place), how_long, *words],
            cwd=self.folder,
            env=neutral_environment(self.folder),
            stdin=self.holder[0] if self.holder else subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=START,
            check=False,
            close_fds=True,
        )
        for _ in range(TRIES if done.returncode == 0 else 0):
            if connection := connected(place):
                return connection
            time.sleep(PAUSE)  # another run is starting it just now
        return None


def connected(place: Path) -> socket.socket | None:
    """A connection to the server at a socket, where one of this user's listens."""
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    try:
        connection.connect(str(place))
        if peer(connection) == os.geteuid():
            return connection
    except OSError:
        pass
    connection.close()
    return None
