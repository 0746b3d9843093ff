"""The caller's side of a long-lived worker process: one JSON object a line, both ways, and open files with them."""

from __future__ import annotations

import os
import selectors
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Self

import msgspec

from guarita.process import errors
from guarita.process.run import POLL, check, started

MAX_ANSWER: Final = 512 * 1024 * 1024
"""Bytes of one answer from a worker; more counts as a crash."""
ASIDE: Final = "aside"
"""The key that marks a message in between: it is handed to the caller, and another message follows."""

Aside = Callable[[dict[str, Any]], dict[str, Any] | None]
"""Takes a message in between; what it gives is sent back, None sends nothing."""


class Worker:
    """A long-lived process that answers one JSON object per line with one JSON object per line.

    With `passes_files` its stdin is a socket by which open files go along with a message; the worker's side of
    that is `guarita.process.serving`.
    """

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        caller: str,
        stop: threading.Event,
        passes_files: bool = False,
    ) -> None:
        self._caller = caller
        self._stop = stop
        self._buffer = bytearray()
        self._words: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115  # lives as long as the worker, closed in close()
        self._socket: socket.socket | None = None
        theirs: socket.socket | None = None
        if passes_files:
            self._socket, theirs = socket.socketpair()
            self._socket.setblocking(False)
        self._started = started(
            argv,
            cwd=cwd,
            env=env,
            caller=caller,
            stderr=self._words,
            **({} if theirs is None else {"stdin": theirs.fileno()}),
        )
        try:
            self._process = self._started.__enter__()
        except BaseException:
            self._words.close()
            if self._socket is not None:
                self._socket.close()
            raise
        finally:
            if theirs is not None:
                theirs.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The process id, which is also its process group's."""
        return self._process.pid

    def request(
        self,
        message: dict[str, Any],
        timeout: float,
        *,
        files: Sequence[int] = (),
        aside: Aside | None = None,
    ) -> dict[str, Any]:
        """Send one message, with open files by their descriptors, and wait for its answer, at most `timeout` seconds.

        `aside` is called with each message in between. Raises ProcessError: `process.crashed`, `process.hung`
        or `process.stopped`; the worker is then gone, with all its children.
        """
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
        except (BrokenPipeError, ConnectionResetError, EOFError, msgspec.DecodeError) as error:
            self._process.poll()
            self.close()
            raise errors.crashed(self._caller, self._process.returncode, self._last_words) from error
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """End the worker and all its children. May be called twice."""
        if not self._words.closed:
            self._started.__exit__(None, None, None)
            if self._socket is not None:
                self._socket.close()
            self._words.seek(max(0, self._words.seek(0, os.SEEK_END) - errors.LAST_WORDS))
            self._last_words = self._words.read()
            self._words.close()

    _last_words: bytes = b""

    def _send(self, data: bytes, deadline: float, files: Sequence[int] = ()) -> None:
        channel = self._socket or self._process.stdin
        assert channel is not None  # noqa: S101  # Popen was given one of them
        os.set_blocking(channel.fileno(), False)
        view = memoryview(data)
        with selectors.DefaultSelector() as selector:
            selector.register(channel, selectors.EVENT_WRITE)
            while view:
                if selector.select(POLL):
                    if isinstance(channel, socket.socket) and files:
                        view = view[socket.send_fds(channel, [view[:65536]], list(files)) :]
                        files = ()
                    else:
                        view = view[os.write(channel.fileno(), view[:65536]) :]
                check(self._stop, deadline, self._caller, "its worker")

    def _receive(self, deadline: float) -> bytes:
        pipe = self._process.stdout
        assert pipe is not None  # noqa: S101  # Popen was given PIPE
        scanned = 0
        with selectors.DefaultSelector() as selector:
            selector.register(pipe, selectors.EVENT_READ)
            while (end := self._buffer.find(b"\n", scanned)) < 0:
                scanned = len(self._buffer)
                if selector.select(POLL):
                    chunk = os.read(pipe.fileno(), 1 << 20)
                    if not chunk or len(self._buffer) > MAX_ANSWER:
                        raise EOFError
                    self._buffer += chunk
                check(self._stop, deadline, self._caller, "its worker")
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        return line
