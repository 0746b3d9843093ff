"""Tools and workers of the scanners, by `guarita.process`: what goes wrong is the scanner's error."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from guarita import process
from guarita.process import Completed, ProcessError, neutral_environment
from guarita.scan.interface import ScannerError

__all__ = ["Completed", "Worker", "neutral_environment", "run_tool", "scanner_errors"]

_HINTS: Final = {
    "process.missing": "run `guarita tools sync`, or install what is missing",
    "process.crashed": "see `guarita tools list`, then run the scan again",
    "process.hung": "raise scan.timeout in guarita.yaml, or look at what it hangs on",
}


@contextlib.contextmanager
def scanner_errors() -> Iterator[None]:
    """A ProcessError as the ScannerError of the same kind: `scanner.missing`, `.crashed`, `.hung`, `.stopped`."""
    try:
        yield
    except ProcessError as error:
        code = error.code.replace("process.", "scanner.")
        raise ScannerError(code, error.message, hint=error.hint or _HINTS.get(error.code)) from error


def run_tool(
    argv: Sequence[str | Path],
    *,
    cwd: Path,
    env: Mapping[str, str],
    timeout: float,
    stop: threading.Event,
    scanner: str,
    stdin: bytes = b"",
    ok: Container[int] = (0,),
) -> Completed:
    """As `guarita.process.run_tool`; raises ScannerError."""
    with scanner_errors():
        return process.run_tool(
            argv, cwd=cwd, env=env, timeout=timeout, stop=stop, caller=scanner, stdin=stdin, ok=ok
        )


class Worker(process.Worker):
    """As `guarita.process.Worker`; raises ScannerError."""

    def __init__(
        self,
        argv: Sequence[str | Path],
        *,
        cwd: Path,
        env: Mapping[str, str],
        scanner: str,
        stop: threading.Event,
    ) -> None:
        with scanner_errors():
            super().__init__(argv, cwd=cwd, env=env, caller=scanner, stop=stop)

    def request(self, message: dict[str, Any], timeout: float, **options: Any) -> dict[str, Any]:
        with scanner_errors():
            return super().request(message, timeout, **options)
