"""Scanners that judge each file by itself: what is known of a content is taken, what is new is kept."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Sequence

import msgspec

from guarita.policy.gate.finding import Finding
from guarita.scan.canary import Canary
from guarita.scan.interface import Outcome, ScanJob, ScanResult, TreeFile


class FileResult(msgspec.Struct, frozen=True, kw_only=True):
    """What one scanner makes of one content, wherever it stands."""

    findings: tuple[Finding, ...]
    outcome: Outcome
    by: str = ""
    """What judged it, where that may differ from file to file."""


class PerFile:
    """The ends of all files of a job. Safe from several threads.

    `facts` gives what the result hangs on beside the content: of the path only what the engine is told. Where
    anything has to be judged, the `canary` is judged with it, and `result` raises where that was not seen.
    """

    def __init__(
        self,
        job: ScanJob,
        facts: Callable[[TreeFile], Sequence[str]],
        canary: Canary | None = None,
        scanner: str = "",
    ) -> None:
        self._job = job
        self._canary = canary
        self._scanner = scanner
        self._planted: TreeFile | None = None
        self._told: set[str] = set()
        self._facts = facts
        self._lock = threading.Lock()
        self._findings: list[Finding] = []
        self._outcomes: dict[str, Outcome] = {}
        self.by: set[str] = set()
        """Whatever judged any of the files."""

    def unknown(self) -> list[TreeFile]:
        """The files that have to be judged now, a canary among them; the others are settled by this call."""
        left = []
        for file in self._job.files:
            known = self._job.results.get(self._key(file), FileResult)
            if known is None:
                left.append(file)
            else:
                self._take(file, known)
        if left and self._canary is not None:
            self._planted = self._canary.placed(self._job)
            left.append(self._planted)
        return left

    def settle(self, file: TreeFile, findings: Iterable[Finding], outcome: Outcome, by: str = "") -> None:
        """Give a file its end, and remember it unless it is unknown."""
        if self._planted is not None and file.path == self._planted.path:
            self._told = {finding.rule for finding in findings}
            return
        result = FileResult(
            findings=tuple(_moved(finding, "") for finding in findings),
            outcome=outcome,
            by=by,
        )
        if not outcome.status.unknown:
            self._job.results.put(self._key(file), result)
        self._take(file, result)

    def result(self, tool: str) -> ScanResult:
        """All of it. Raises ScannerError (`scanner.canary`)."""
        if self._planted is not None and self._canary is not None:
            self._canary.check(self._scanner, self._told)
        return ScanResult(findings=tuple(self._findings), outcomes=self._outcomes, tool=tool)

    def _take(self, file: TreeFile, result: FileResult) -> None:
        with self._lock:
            self._findings += (_moved(finding, file.path) for finding in result.findings)
            self._outcomes[file.path] = result.outcome
            self.by |= {result.by} - {""}
        self._job.advance(1)

    def _key(self, file: TreeFile) -> bytes:
        return self._job.results.key("file", file.digest, *self._facts(file))


def _moved(finding: Finding, path: str) -> Finding:
    return msgspec.structs.replace(finding, location=msgspec.structs.replace(finding.location, path=path))
