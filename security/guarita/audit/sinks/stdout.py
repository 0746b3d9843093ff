"""JSON lines on stdout, for whatever collects a container's output."""

from __future__ import annotations

import os
import select
import sys
from typing import Final

from guarita.audit.export.lines import json_line
from guarita.audit.sinks.interface import Batch, Sink, SinkUnavailableError

TIMEOUT: Final = 30.0
"""Seconds that a reader may take none of it."""
_PIECE: Final = select.PIPE_BUF


class StdoutSink(Sink):
    """Writes lines as `guarita audit export --output jsonl` does.

    It writes to the descriptor: a thread that hung in Python's own buffer would keep the process from ending.
    """

    def __init__(self, descriptor: int | None = None, *, timeout: float = TIMEOUT) -> None:
        self._descriptor = sys.stdout.fileno() if descriptor is None else descriptor
        self._timeout = timeout
        self._begun = (0, 0)
        self._written = 0

    def send(self, batch: Batch) -> int:
        text = memoryview(b"".join(json_line(leaf) for leaf in batch.leaves))
        if self._begun != (batch.start, batch.stop):
            self._begun, self._written = (batch.start, batch.stop), 0
        # After a reader that hung, the same batch goes on in the middle of the line where it stopped.
        while self._written < len(text):
            self._written += self._write(text[self._written : self._written + _PIECE])
        self._begun = (0, 0)
        return 0

    def _write(self, piece: memoryview) -> int:
        poll = select.poll()
        poll.register(self._descriptor, select.POLLOUT)
        try:
            # Once a pipe is writable it takes PIPE_BUF bytes without waiting (POSIX, poll).
            if not poll.poll(self._timeout * 1000):
                raise SinkUnavailableError("audit.sink-stdout", "nobody reads stdout")
            return os.write(self._descriptor, piece)
        except OSError as error:
            raise SinkUnavailableError("audit.sink-stdout", f"stdout: {error.strerror}") from error
