"""The run: one snapshot, all scanners side by side, every file brought to an end."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.policy.gate.finding import Finding, with_fingerprints
from guarita.policy.gate.verdict import Problem, ScannerRun
from guarita.scan.cache import Results, Store
from guarita.scan.cache.facts import installation
from guarita.scan.interface import Outcome, ScanJob, Scanner, ScannerError, ScanResult, TreeFile
from guarita.scan.merge import merged
from guarita.scan.tree import TakenSnapshot
from guarita.scan.veil import veiled

Progress = Callable[[str, int, int], None]
"""Called with a scanner's name, its files done, and its files in all."""

SILENT = Outcome(status=FileStatus.UNPARSEABLE, reason="the scanner said nothing about it")


@dataclass(frozen=True)
class Scanned:
    """What all scanners together found, and how every file ended."""

    findings: tuple[Finding, ...]
    files: tuple[FileCoverage, ...]
    problems: tuple[Problem, ...]
    runs: tuple[ScannerRun, ...]


@dataclass(frozen=True)
class _Part:
    scanner: Scanner
    files: Sequence[TreeFile]
    result: ScanResult | None
    problem: Problem | None
    seconds: float


def run(
    taken: TakenSnapshot,
    scanners: Sequence[Scanner],
    *,
    scratch: Path,
    jobs: int,
    timeout: float,
    cache: Path | None = None,
    store: Store | None = None,
    warm: bool = False,
    progress: Progress = lambda *_: None,
) -> Scanned:
    """Run every scanner over the files that it claims, side by side.

    `timeout` is in seconds, for each scanner. A scanner that is missing, crashes or hangs becomes a
    problem, and its files end as unparseable; the others go on. On an interrupt all are ended. `cache` is
    a folder for what engines make once, `store` holds what earlier runs found; with `warm` engines may be asked that
    go on after the run.
    """
    claimed = {scanner.name: [f for f in taken.snapshot.files if scanner.claims(f)] for scanner in scanners}
    stop = threading.Event()

    def part(scanner: Scanner) -> _Part:
        files, started = claimed[scanner.name], time.monotonic()
        done = 0

        def advance(count: int) -> None:
            nonlocal done
            done += count
            progress(scanner.name, done, len(files))

        result, problem = None, None
        if files:
            folder = scratch / scanner.name
            folder.mkdir()
            try:
                results = (
                    Results(store, installation(), scanner.name, scanner.engine()) if store else Results()
                )
                job = ScanJob(
                    taken.snapshot, files, jobs, timeout, folder, stop, cache, results, warm, advance
                )
                result = _scanned(scanner, job)
            except ScannerError as error:
                problem = Problem(
                    code=error.code, message=error.message, scanner=scanner.name, hint=error.hint or ""
                )
            except Exception as error:  # noqa: BLE001  # a scanner may be anyone's: its fault must not end the run
                message = f"{scanner.name}: an internal error ({type(error).__name__})"
                problem = Problem(code="scanner.internal", message=message, scanner=scanner.name)
        return _Part(scanner, files, result, problem, time.monotonic() - started)

    with ThreadPoolExecutor(len(scanners)) as pool:
        try:
            futures: list[Future[_Part]] = [pool.submit(part, scanner) for scanner in scanners]
            parts = [future.result() for future in futures]
        except BaseException:
            stop.set()
            raise
    return _joined(taken, parts)


def _scanned(scanner: Scanner, job: ScanJob) -> ScanResult:
    """The scanner's result: as it was where it has seen these very files, else anew."""
    looked_at = scanner.inputs(job.snapshot, job.files)
    facts = [fact for file in looked_at for fact in (file.path, file.digest)]
    key = job.results.key("whole", str(len(job.files)), *facts)
    if (known := job.results.get(key, ScanResult)) is not None:
        job.advance(len(job.files))
        return known
    result = scanner.scan(job)
    ends = (result.outcomes.get(file.path, SILENT) for file in job.files)
    if not any(outcome.status.unknown for outcome in ends):
        job.results.put(key, result)
    job.results.confirm()
    return result


def _joined(taken: TakenSnapshot, parts: Sequence[_Part]) -> Scanned:
    ends: dict[str, list[tuple[str, Outcome]]] = {file.path: [] for file in taken.snapshot.files}
    for part in parts:
        outcomes = part.result.outcomes if part.result else {}
        silent = (
            Outcome(status=FileStatus.UNPARSEABLE, reason=part.problem.message) if part.problem else SILENT
        )
        for file in part.files:
            ends[file.path].append((part.scanner.name, outcomes.get(file.path, silent)))
    files = [*taken.settled, *(_end(file, ends[file.path]) for file in taken.snapshot.files)]
    found = veiled(finding for part in parts if part.result for finding in part.result.findings)
    findings = with_fingerprints(merged(found))
    return Scanned(
        findings=tuple(findings),
        files=tuple(sorted(files, key=lambda file: file.path)),
        problems=tuple(part.problem for part in parts if part.problem),
        runs=tuple(_summary(part) for part in parts),
    )


def _end(file: TreeFile, ends: Sequence[tuple[str, Outcome]]) -> FileCoverage:
    """The worst end of a file over its scanners: one that could not read it is not outvoted."""
    readers = tuple(name for name, outcome in ends if outcome.status is FileStatus.SCANNED)
    for status in (FileStatus.UNPARSEABLE, FileStatus.NO_TOOL):
        reasons = [outcome.reason for _, outcome in ends if outcome.status is status]
        if reasons:
            return FileCoverage(path=file.path, status=status, scanners=readers, reason="; ".join(reasons))
    if readers:
        return FileCoverage(path=file.path, status=FileStatus.SCANNED, scanners=readers)
    for _, outcome in ends:
        if outcome.status is FileStatus.EXCLUDED:
            return FileCoverage(
                path=file.path, status=FileStatus.EXCLUDED, rule=outcome.rule, reason=outcome.reason
            )
    if file.binary:
        return FileCoverage(
            path=file.path,
            status=FileStatus.EXCLUDED,
            rule="binary",
            reason="no text, and of no kind that is scanned",
        )
    return FileCoverage(
        path=file.path, status=FileStatus.EXCLUDED, rule="not-asked", reason="its scanners were not chosen"
    )


def _summary(part: _Part) -> ScannerRun:
    status = part.problem.code if part.problem else "done" if part.files else "idle"
    tool = part.result.tool if part.result else ""
    if not part.files:
        try:
            tool = part.scanner.version()
        except ScannerError:
            tool = ""
    return ScannerRun(
        name=part.scanner.name,
        tool=tool,
        files=len(part.files),
        seconds=round(part.seconds, 3),
        findings=len(part.result.findings) if part.result else 0,
        status=status,
    )
