"""The worker's side of a `Worker`: requests with open files in, answers out; what libraries print goes nowhere."""

from __future__ import annotations

import os
import socket
from typing import Any, Final

import msgspec

from guarita.process.worker import ASIDE

_PIECE: Final = 1 << 16
_FILES: Final = 8


class Channel:
    """Takes over this process's stdin, stdout and stderr. Whatever a library prints may be a piece of the input."""

    def __init__(self) -> None:
        self._socket = socket.socket(fileno=os.dup(0))
        self._answers = os.fdopen(os.dup(1), "wb")
        nowhere = os.open(os.devnull, os.O_RDWR)
        for descriptor in (0, 1, 2):
            os.dup2(nowhere, descriptor)
        os.close(nowhere)
        self._buffer = bytearray()
        self._files: list[int] = []

    def receive(self) -> tuple[bytes, list[int]] | None:
        """The next request and the files that came with it, which are the caller's to close; None at the end."""
        while (end := self._buffer.find(b"\n")) < 0:
            data, files, _, _ = socket.recv_fds(self._socket, _PIECE, _FILES)
            self._files += files
            if not data:
                return None
            self._buffer += data
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 1]
        files, self._files = self._files, []
        return line, files

    def answer(self, message: Any) -> None:
        """Send the answer."""
        self._answers.write(msgspec.json.encode(message) + b"\n")
        self._answers.flush()

    def aside(self, kind: str, message: dict[str, Any]) -> None:
        """Send a message in between that nobody answers."""
        self.answer({ASIDE: kind, **message})

    def ask(self, kind: str, message: dict[str, Any]) -> dict[str, Any]:
        """Send a message in between and wait for what comes back. Raises EOFError when the caller has gone."""
        self.aside(kind, message)
        reply = self.receive()
        if reply is None:
            raise EOFError
        return msgspec.json.decode(reply[0], type=dict[str, Any])
