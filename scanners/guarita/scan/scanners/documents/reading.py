"""Documents read by `guarita.pii`'s workers, and what they find as findings. Imported when there is one to read."""

from __future__ import annotations

import queue
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from guarita.pii.entities import title
from guarita.pii.reading import Found, Order, Read, Reader, Setup
from guarita.pii.reading.interface import MOST, OnFound
from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location
from guarita.policy.severity import load_table
from guarita.scan.interface import SCANNED, Outcome, ScanJob, ScannerError, TreeFile
from guarita.scan.process import scanner_errors
from guarita.scan.scanners.perfile import PerFile

FILE_TIMEOUT = 60.0
"""Seconds for one document, and one more for each `FILE_SPEED` bytes of it."""
FILE_SPEED = 50_000
"""Bytes a second: a third of what pages take."""
START_TIMEOUT = 60.0
"""Seconds for a worker to come up."""


def read_all(job: ScanJob, files: Sequence[TreeFile], ends: PerFile) -> None:
    """Read documents side by side, the large ones first, so that none of them is alone at the end."""
    waiting: queue.SimpleQueue[TreeFile] = queue.SimpleQueue()
    for file in sorted(files, key=lambda file: -file.size):
        waiting.put(file)
    readers = min(job.jobs, len(files))
    with ThreadPoolExecutor(readers) as pool:
        for done in [pool.submit(_read, job, waiting, ends) for _ in range(readers)]:
            done.result()


def name_of(file: TreeFile) -> str:
    """What the reader is told of the name: its ending alone, so that no result hangs on the rest."""
    return f"document{file.suffix}".encode("utf-8", "replace").decode("utf-8")


def _read(job: ScanJob, files: queue.SimpleQueue[TreeFile], ends: PerFile) -> None:
    """Take documents from the queue until it is empty, with one worker at a time."""
    with scanner_errors(), _reader(job) as reader:
        while True:
            try:
                file = files.get_nowait()
            except queue.Empty:
                return
            found, read = _one(job, reader, file)
            reason = read.error
            if not reason and sum(read.counts.values()) > MOST:
                reason = f"it holds more than {MOST} data, of which the first are reported"
            outcome = Outcome(status=FileStatus.UNPARSEABLE, reason=reason) if reason else SCANNED
            ends.settle(file, (_finding(file, one) for one in found), outcome)


def _one(job: ScanJob, reader: Reader, file: TreeFile) -> tuple[list[Found], Read]:
    # One that cannot start is the scanner's fault, not a document's.
    reader.start(min(START_TIMEOUT, job.remaining))
    found: list[Found] = []
    timeout = min(_timeout(file), job.remaining)
    with file.on_disk().open("rb") as document:
        order = Order(name=name_of(file), seconds=_timeout(file))
        read = reader.read(order, [document.fileno()], timeout, found=_first(found))
    if not job.remaining:
        raise ScannerError("scanner.hung", "documents: there was no time left", hint="raise scan.timeout")
    # The document's name is the tree's, which reports name anyway.
    return [one for one in found if one.label != "name"], read


def _timeout(file: TreeFile) -> float:
    return FILE_TIMEOUT + file.size / FILE_SPEED


def _first(kept: list[Found]) -> OnFound:
    """Keep the first of a flood."""
    return lambda found: kept.extend(found[: MOST - len(kept)])


def _reader(job: ScanJob) -> Reader:
    return Reader(Setup(), scratch=job.scratch, stop=job.stop)


def _finding(file: TreeFile, found: Found) -> Finding:
    what = title(found.entity)
    rating = load_table().lookup(found.entity, confidence=found.confidence)
    opening = f"What is labelled as a {what}" if found.suspect else f"A {what}"
    where = found.label or (f"line {found.line}" if found.line else "the document")
    return Finding(
        scanner="documents",
        rule=found.entity,
        title=rating.title or f"{what[:1].upper()}{what[1:]} in a document",
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        cwe=rating.cwe,
        confidence=found.confidence,
        location=Location(
            path=file.path,
            line=found.line,
            end_line=found.line,
            column=found.column,
            end_column=found.column + found.length if found.column else 0,
            label=found.label,
        ),
        anchor=f"{found.entity}|{found.anchor}",
        message=f"{opening} stands in {where} ({found.reasons}). The value is not shown.",
    )
