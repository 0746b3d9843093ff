"""Heartbeats: a writer says at a steady pace that it is there, so that silence is not taken for peace.

Each beat is an entry with a counter that has no gaps. A beat that cannot be written is written later, under the same
number: a number that is missing was taken away, and a time without beats is one in which the recorder was down.
"""

from __future__ import annotations

import os
import platform
import sys
import threading
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

from guarita.audit.errors import LedgerError
from guarita.audit.events.classes import Event
from guarita.audit.events.lifecycle import Beat, heartbeat
from guarita.audit.stores.interface import Appended

Append = Callable[[Event], Appended]
Clock = Callable[[], float]
"""Seconds since the epoch."""


def default_writer() -> str:
    """Program and host: `guarita@web-7f`."""
    return f"{Path(sys.argv[0] or 'python').name}@{platform.node() or 'unknown'}"


class Heartbeat:
    """One writer's heartbeats, from `start` to `stop`, by a thread of its own. A context manager does both."""

    def __init__(
        self, append: Append, *, period: float, writer: str | None = None, clock: Clock = time.time
    ) -> None:
        """`period` in seconds. Raises ValueError unless it is positive."""
        if not period > 0:
            raise ValueError("a heartbeat's period is a positive number of seconds")
        self._append = append
        self._period = period
        self._clock = clock
        self.writer = writer or default_writer()
        self.boot = uuid.uuid4().hex
        self._counter = 0
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._pid = os.getpid()

    def start(self) -> None:
        """Write the first beat and go on by itself. Raises as `Ledger.append`: then nothing was begun."""
        self._write("start")
        self._thread = threading.Thread(target=self._run, name="guarita-heartbeat", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread and write the orderly stop. Raises as `Ledger.append`. May be called twice."""
        thread, self._thread = self._thread, None
        if thread is None or os.getpid() != self._pid:
            return
        self._ended.set()
        thread.join()
        self._write("stop")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.stop()
        except LedgerError:
            # The body's own error says more.
            if error is None:
                raise

    def _run(self) -> None:
        while not self._ended.wait(self._period):
            try:
                self._write("beat")
            except LedgerError:
                # The silence is on the record as soon as the next beat is: under this number, at its time.
                continue

    def _write(self, beat: Beat) -> None:
        self._append(
            heartbeat(
                time=int(self._clock() * 1000),
                writer=self.writer,
                boot=self.boot,
                counter=self._counter,
                period=max(1, round(self._period * 1000)),
                beat=beat,
            )
        )
        self._counter += 1
