"""The worker that answers for checkov: started when first asked, replaced when a file ends it."""

from __future__ import annotations

import re
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from guarita.scan.cache.facts import installation
from guarita.scan.interface import ScanJob, ScannerError
from guarita.scan.process import Worker, neutral_environment
from guarita.scan.tools import Checkov, checkov_python
from guarita.scan.warm.client import WarmWorker, connect

BOOT = Path(__file__).parent / "engine" / "boot.py"
START_TIMEOUT = 120.0
"""Seconds for a worker to come up: nearly all of it is checkov's imports."""
FILE_TIMEOUT = 60.0
"""Seconds for one file."""
MOST_DEATHS = 5
"""Workers that files may end; one more, and it is the engine that does not work here."""


def engine_version(scanner: str) -> str:
    """`checkov` with its version. Raises ScannerError (`scanner.missing`)."""
    return f"checkov {_python(scanner)[1]}"


def engine_identity(scanner: str) -> str:
    """The version, the interpreter and the lock of the environment. Raises ScannerError (`scanner.missing`)."""
    python, version = _python(scanner)
    return f"checkov {version} {python} {Checkov().label}"


class Engine:
    """One worker for one scanner. Not for several threads."""

    def __init__(self, job: ScanJob, scanner: str) -> None:
        self._job = job
        self._scanner = scanner
        self._worker: Worker | WarmWorker | None = None
        self._deaths = 0
        self.generation = 0
        """Counts the workers."""
        self.asked: set[str] = set()
        """The operations that workers were asked for."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._worker is not None:
            self._worker.close()

    def ask(self, request: dict[str, Any], timeout: float = FILE_TIMEOUT) -> dict[str, Any]:
        """The worker's answer, with `error` where it could not judge what it was asked about.

        A request that ends the worker gets such an error too, with `died`; the next one goes to a new worker.
        No answer hangs on what was asked before.
        Raises ScannerError where checkov is missing or does not start, where the run is stopped or out of
        time, and where workers keep ending.
        """
        worker = self._worker or self._start()
        self.asked.add(request["op"])
        try:
            return worker.request(request, min(timeout, self._job.remaining))
        except ScannerError as error:
            self._worker = None
            self._deaths += 1
            if error.code == "scanner.stopped" or not self._job.remaining or self._deaths > MOST_DEATHS:
                raise
            return {"error": _ended(error, timeout), "died": True}

    def _start(self) -> Worker | WarmWorker:
        # One that cannot start is the engine's fault, not a file's.
        worker = (self._warm() if self._job.warm else None) or self._cold()
        worker.request({"op": "hello"}, min(START_TIMEOUT, self._job.remaining))
        self._worker = worker
        self.generation += 1
        return worker

    def _cold(self) -> Worker:
        python, _ = _python(self._scanner)
        return Worker(
            [python, "-I", BOOT],
            cwd=self._home(),
            env=neutral_environment(self._home()),
            scanner=self._scanner,
            stop=self._job.stop,
        )

    def _warm(self) -> WarmWorker | None:
        python, _ = _python(self._scanner)
        identity = f"{engine_identity(self._scanner)} {installation()}"
        command: list[str | Path] = [python, "-I", BOOT]
        return connect(command, identity, cwd=self._home(), scanner=self._scanner, stop=self._job.stop)

    def _home(self) -> Path:
        home = self._job.scratch / "home"
        home.mkdir(exist_ok=True)
        return home


def _python(scanner: str) -> tuple[Path, str]:
    found = checkov_python()
    if found is None:
        raise ScannerError(
            "scanner.missing",
            f"{scanner}: checkov is not installed",
            hint="run `guarita tools sync`, which makes it an environment of its own",
        )
    return found


def _ended(error: ScannerError, timeout: float) -> str:
    """How the worker ended, without its last words: they may quote the file."""
    if error.code == "scanner.hung":
        return f"judging it took longer than {timeout:.0f} seconds and was ended"
    signal = re.search(r"\bsignal \d+", error.message)
    return f"judging it ended the engine ({signal.group() if signal else 'crashed'})"
