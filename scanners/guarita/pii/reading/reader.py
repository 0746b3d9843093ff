"""The caller's side: one worker process that is replaced when a document ends it, and a pool of those for threads."""

from __future__ import annotations

import contextlib
import queue
import sys
import tempfile
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from guarita.pii.reading.interface import FOUND, TOKENS, Ask, Found, OnFound, Order, Read, Setup, Tokens
from guarita.process import ProcessError, Worker, neutral_environment

WORKER: Final = "guarita.pii.reading.worker"
START_SECONDS: Final = 120.0
"""For a worker to come up, its model loaded."""
_CPU_SIGNAL: Final = 24
"""SIGXCPU."""


class Reader:
    """One worker. Not for several threads."""

    def __init__(
        self, setup: Setup, *, scratch: Path, stop: threading.Event | None = None, documents: int = 1000
    ) -> None:
        """`scratch` is a folder where the worker may stand; after so many `documents` another takes its place."""
        self._setup = setup
        self._scratch = scratch
        self._stop = stop or threading.Event()
        self._documents = documents
        self._worker: Worker | None = None
        self._read = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int | None:
        """The worker's process id, while there is one."""
        return self._worker.pid if self._worker else None

    def start(self, timeout: float = START_SECONDS) -> None:
        """Have a worker that has answered once. Raises ProcessError, or GuaritaError with what it says is missing."""
        if self._worker is not None and self._read >= self._documents:
            self.close()
        if self._worker is not None:
            return
        worker = Worker(
            [Path(sys.executable), "-I", "-m", WORKER],
            cwd=self._scratch,
            env=neutral_environment(self._scratch),
            caller="documents",
            stop=self._stop,
            passes_files=True,
        )
        answer = worker.request(msgspec.to_builtins(self._setup), timeout)
        if "code" in answer:
            worker.close()
            raise _unable(answer)
        self._worker, self._read = worker, 0

    def read(
        self,
        order: Order,
        files: Sequence[int],
        timeout: float,
        *,
        found: OnFound | None = None,
        tokens: Tokens | None = None,
    ) -> Read:
        """Have a document read: `files` are the open document, and for `redact` what is written to.

        `timeout` is in seconds. A document that ends the worker is answered with its `code`, and the next one
        goes to a new worker. Raises as `start`; ProcessError `process.stopped`.
        """
        self.start()
        assert self._worker is not None  # noqa: S101  # start() has made it
        self._read += 1

        def aside(message: dict[str, Any]) -> dict[str, Any] | None:
            if message["aside"] == FOUND and found is not None:
                found(msgspec.convert(message["found"], list[Found]))
            elif message["aside"] == TOKENS and tokens is not None:
                return {"tokens": tokens(msgspec.convert(message, Ask).wanted)}
            return None

        try:
            answer = self._worker.request(msgspec.to_builtins(order), timeout, files=files, aside=aside)
            return msgspec.convert(answer, Read)
        except ProcessError as error:
            self._worker = None
            if error.code == "process.stopped":
                raise
            return _ended(error, timeout)
        except BaseException:
            # A caller's own failure leaves the worker in the middle of a document.
            self.close()
            raise

    def close(self) -> None:
        """End the worker."""
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class Readers:
    """A pool of workers, for any number of threads of this process; each call has one for itself."""

    def __init__(self, setup: Setup, *, workers: int, documents: int = 1000) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="guarita-")
        self._stop = threading.Event()
        self._free: queue.LifoQueue[Reader] = queue.LifoQueue()
        self._all = [
            Reader(setup, scratch=Path(self._scratch.name), stop=self._stop, documents=documents)
            for _ in range(workers)
        ]
        for reader in self._all:
            self._free.put(reader)

    @contextlib.contextmanager
    def reader(self) -> Iterator[Reader]:
        """A worker for one thread; waits for one."""
        reader = self._free.get()
        try:
            yield reader
        finally:
            self._free.put(reader)

    def stop(self) -> None:
        """End what is being read; who waits for it gets `process.stopped`. Nothing is read after that."""
        self._stop.set()

    def close(self) -> None:
        """End all workers, and whatever they read."""
        self.stop()
        for _ in self._all:
            self._free.get().close()
        self._scratch.cleanup()


def _unable(answer: dict[str, Any]) -> ProcessError:
    return ProcessError(str(answer["code"]), str(answer["error"]), hint=str(answer.get("hint") or "") or None)


def _ended(error: ProcessError, timeout: float) -> Read:
    """How a worker ended, without its last words: they may be a piece of the document."""
    if error.code == "process.hung":
        took = f"longer than {timeout:.0f} seconds"
    elif error.signal == _CPU_SIGNAL:
        took = "more computing time than is allowed"
    else:
        how = f"signal {error.signal}" if error.signal else "crashed"
        return Read(code="document.crashed", error=f"reading it ended the reader ({how})")
    return Read(
        code="document.too-slow",
        error=f"reading it took {took} and was ended",
        hint="split it, or raise pii.reading.seconds",
    )
