"""Engines that are loaded already, for scanners: what goes wrong with one is the scanner's error."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from guarita.process import ForkedWorker, Servers
from guarita.scan.process import scanner_errors
from guarita.scan.warm.folder import runtime_folder

if TYPE_CHECKING:
    from guarita.scan.interface import ScanJob


def warm_servers() -> Servers | None:
    """Servers that go on after the run; None where there is no folder for them."""
    folder = runtime_folder()
    return Servers(folder) if folder is not None else None


class WarmWorker(ForkedWorker):
    """As `guarita.process.ForkedWorker`; raises ScannerError."""

    def request(self, message: dict[str, Any], timeout: float, **options: Any) -> dict[str, Any]:
        with scanner_errors():
            return super().request(message, timeout, **options)


def connect(
    job: ScanJob,
    command: Sequence[str | Path],
    identity: str,
    *,
    cwd: Path,
    scanner: str,
    words: Sequence[str] = (),
) -> WarmWorker | None:
    """As `Servers.connect` of the job's servers; None where it has none. Raises ScannerError."""
    if job.servers is None:
        return None
    return job.servers.connect(
        command, identity, cwd=cwd, caller=scanner, stop=job.stop, words=words, kind=WarmWorker
    )
