"""The `documents` scanner: personal data, found in worker processes that a hostile document cannot leave."""

from __future__ import annotations

import queue
import re
import sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, ClassVar

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location
from guarita.policy.severity import load_table
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScannerError, ScanResult, TreeFile
from guarita.scan.process import Worker, neutral_environment
from guarita.scan.scanners.documents.claims import is_document

WORKER = "guarita.scan.scanners.documents.worker"
FILE_TIMEOUT = 60.0
"""Seconds for one document, and one more for each `FILE_SPEED` bytes of it."""
FILE_SPEED = 50_000
"""Bytes a second: a third of what pages take."""
START_TIMEOUT = 60.0
"""Seconds for a worker to come up."""


class DocumentsScanner(Scanner):
    """Documents of every format that `guarita.pii.documents` reads. No finding holds what was found."""

    name: ClassVar[str] = "documents"
    summary: ClassVar[str] = "personal data in documents, Brazilian and European"

    def claims(self, file: TreeFile) -> bool:
        return is_document(file)

    def version(self) -> str:
        try:
            return f"guarita.pii {version('guarita')} on presidio-analyzer {version('presidio-analyzer')}"
        except PackageNotFoundError as error:
            raise ScannerError(
                "scanner.missing",
                f"documents: {error.name} is not installed",
                hint="pip install 'guarita[scan]'",
            ) from error

    def scan(self, job: ScanJob) -> ScanResult:
        tool = self.version()
        # The large ones first, so that none of them is alone at the end.
        files: queue.SimpleQueue[TreeFile] = queue.SimpleQueue()
        for file in sorted(job.files, key=lambda file: -file.size):
            files.put(file)
        readers = max(1, min(job.jobs, len(job.files)))
        with ThreadPoolExecutor(readers) as pool:
            parts = [part.result() for part in [pool.submit(_read, job, files) for _ in range(readers)]]
        return ScanResult(
            findings=tuple(finding for found, _ in parts for finding in found),
            outcomes={path: outcome for _, ended in parts for path, outcome in ended.items()},
            tool=tool,
        )


def _read(job: ScanJob, files: queue.SimpleQueue[TreeFile]) -> tuple[list[Finding], dict[str, Outcome]]:
    """Take documents from the queue until it is empty, with one worker at a time."""
    findings: list[Finding] = []
    outcomes: dict[str, Outcome] = {}
    worker: Worker | None = None
    try:
        while True:
            try:
                file = files.get_nowait()
            except queue.Empty:
                return findings, outcomes
            worker = worker or _worker(job)
            try:
                request = {"path": str(file.staged), "name": _safe(file.name)}
                answer = worker.request(request, min(_timeout(file), job.remaining))
            except ScannerError as error:
                if error.code == "scanner.stopped" or not job.remaining:
                    raise
                # This document ended its worker: it alone is unknown, the others go on in a new one.
                worker = None
                answer = {"error": _ended(error, _timeout(file))}
            reason = answer.get("error")
            outcomes[file.path] = Outcome(status=FileStatus.UNPARSEABLE, reason=reason) if reason else SCANNED
            findings += (_finding(file, found) for found in answer.get("findings", ()))
            job.advance(1)
    finally:
        if worker is not None:
            worker.close()


def _worker(job: ScanJob) -> Worker:
    """A worker that has answered once: one that cannot start is the scanner's fault, not a document's."""
    worker = Worker(
        [Path(sys.executable), "-I", "-m", WORKER],
        cwd=job.scratch,
        env=neutral_environment(job.scratch),
        scanner=DocumentsScanner.name,
        stop=job.stop,
    )
    worker.request({}, min(START_TIMEOUT, job.remaining))
    return worker


def _timeout(file: TreeFile) -> float:
    return FILE_TIMEOUT + file.size / FILE_SPEED


def _ended(error: ScannerError, timeout: float) -> str:
    """How a worker ended, without its last words: they may be a piece of the document."""
    if error.code == "scanner.hung":
        return f"reading it took longer than {timeout:.0f} seconds and was ended"
    signal = re.search(r"\bsignal \d+", error.message)
    return f"reading it ended the reader ({signal.group() if signal else 'crashed'})"


def _safe(name: str) -> str:
    """A name that JSON can carry; only its ending counts."""
    return name.encode("utf-8", "replace").decode("utf-8")


def _finding(file: TreeFile, found: dict[str, Any]) -> Finding:
    rule, line, column, suspect = found["rule"], found["line"], found["column"], found["suspect"]
    rating = load_table().lookup(rule, confidence=found["confidence"])
    what = found["what"]
    opening = f"What is labelled as a {what}" if suspect else f"A {what}"
    where = found["label"] or (f"line {line}" if line else "the document")
    return Finding(
        scanner=DocumentsScanner.name,
        rule=rule,
        title=rating.title or f"{what[:1].upper()}{what[1:]} in a document",
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        confidence=found["confidence"],
        location=Location(
            path=file.path,
            line=line,
            end_line=line,
            column=column,
            end_column=column + found["length"] if column else 0,
            label=found["label"],
        ),
        anchor=f"{rule}|{found['anchor']}",
        message=f"{opening} stands in {where} ({found['reasons']}). The value is not shown.",
    )
