"""The server: imports an engine once, forks for each connection, ends by itself when nobody comes.

Standard library alone: it runs in the engines' own environments too. A connection speaks one JSON object a line,
both ways; its first line says where to stand. Each has a process of its own, which no other run can reach, and which
ends with its connection. Only the user who started the server is served.
"""

from __future__ import annotations

import contextlib
import fcntl
import gc
import json
import os
import select
import signal
import socket
import struct
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

Answer = Callable[[bytes], bytes]
BACKLOG = 64
LOOK = 1.0
"""Seconds between two looks at the clock and at the socket's name."""


def serve(arguments: list[str], load: Callable[[], Answer]) -> None:
    """Serve at the socket `arguments[0]` until nobody has come for `arguments[1]` seconds.

    `load` imports the engine and gives what answers one request line. Gives back at once where another server
    is there already; otherwise it goes on in a process of its own.
    """
    place, idle = arguments[0], float(arguments[1])
    lock = os.open(f"{place}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    listener = _listening(place)
    if os.fork():
        return
    os.setsid()
    os.chdir("/")
    _quiet()
    with contextlib.suppress(BaseException):
        _Server(listener, place, idle, load()).run()
    os._exit(0)


def _listening(place: str) -> socket.socket:
    # The lock is ours: whatever stands there was left by one that has ended.
    with contextlib.suppress(FileNotFoundError):
        Path(place).unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_CLOEXEC)
    before = os.umask(0o177)
    try:
        listener.bind(place)
    finally:
        os.umask(before)
    listener.listen(BACKLOG)
    return listener


def _quiet() -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nowhere, descriptor)
    os.close(nowhere)


class _Server:
    def __init__(self, listener: socket.socket, place: str, idle: float, answer: Answer) -> None:
        self._listener = listener
        self._place = place
        self._idle = idle
        self._answer = answer
        self._inode = Path(place).stat().st_ino
        self._children: dict[int, socket.socket] = {}
        self._by_descriptor: dict[int, int] = {}
        self._poll = select.epoll()
        self._woken, wake = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        signal.signal(signal.SIGCHLD, lambda *_: None)
        signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
        self._poll.register(listener.fileno(), select.EPOLLIN)
        self._poll.register(self._woken, select.EPOLLIN)
        gc.collect()
        gc.freeze()

    def run(self) -> None:
        """Until nobody has come for long enough, or the socket has lost its name."""
        last = time.monotonic()
        while self._children or (time.monotonic() - last < self._idle and self._is_named()):
            for descriptor, event in self._poll.poll(LOOK):
                last = time.monotonic()
                if descriptor == self._listener.fileno():
                    self._accept()
                elif descriptor == self._woken:
                    os.read(self._woken, 4096)
                elif event & (select.EPOLLRDHUP | select.EPOLLHUP | select.EPOLLERR):
                    self._hung_up(descriptor)
            self._reap()
        if self._is_named():
            Path(self._place).unlink()

    def _is_named(self) -> bool:
        try:
            return Path(self._place).lstat().st_ino == self._inode
        except OSError:
            return False

    def _accept(self) -> None:
        connection, _ = self._listener.accept()
        if peer(connection) != os.geteuid():
            connection.close()
            return
        child = os.fork()
        if not child:
            self._work(connection)
        self._children[child] = connection
        self._by_descriptor[connection.fileno()] = child
        self._poll.register(connection.fileno(), select.EPOLLRDHUP)

    def _work(self, connection: socket.socket) -> NoReturn:
        """The life of a connection's own process."""
        with contextlib.suppress(BaseException):
            os.setpgid(0, 0)
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            self._listener.close()
            self._poll.close()
            for other in self._children.values():
                other.close()
            with connection.makefile("rb") as requests, connection.makefile("wb") as answers:
                os.chdir(json.loads(requests.readline())["cwd"])
                answers.write(json.dumps({"pid": os.getpid()}).encode() + b"\n")
                answers.flush()
                for line in requests:
                    answers.write(self._answer(line) + b"\n")
                    answers.flush()
        os._exit(0)

    def _hung_up(self, descriptor: int) -> None:
        child = self._by_descriptor.get(descriptor)
        if child is not None:
            # It may be in the middle of something that nobody waits for any more, or that never ends.
            for kill in (os.killpg, os.kill):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    kill(child, signal.SIGKILL)
            self._forget(child)

    def _reap(self) -> None:
        with contextlib.suppress(ChildProcessError):
            while (child := os.waitpid(-1, os.WNOHANG)[0]) != 0:
                self._forget(child)

    def _forget(self, child: int) -> None:
        connection = self._children.pop(child, None)
        if connection is not None:
            self._by_descriptor.pop(connection.fileno(), None)
            self._poll.unregister(connection.fileno())
            connection.close()


def peer(connection: socket.socket) -> int:
    """The user at the other end (SO_PEERCRED of unix(7))."""
    size = struct.calcsize("3i")
    _, user, _ = struct.unpack("3i", connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size))
    return int(user)


def wanted() -> list[str] | None:
    """The arguments after `--serve` on this process's command line, or None."""
    return sys.argv[2:4] if sys.argv[1:2] == ["--serve"] else None
