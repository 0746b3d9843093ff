"""The `code` scanner: Python, by bandit, in worker processes that a hostile file cannot leave."""

from __future__ import annotations

import contextlib
import queue
import re
import sys
from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, ClassVar

from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding, Location, Suppression
from guarita.policy.severity import load_table
from guarita.scan.cache.facts import installation
from guarita.scan.canary import Canary
from guarita.scan.installed import version
from guarita.scan.interface import SCANNED, Outcome, ScanJob, Scanner, ScannerError, ScanResult, TreeFile
from guarita.scan.process import Worker, neutral_environment
from guarita.scan.scanners.code.interpreters import command, newer
from guarita.scan.scanners.perfile import PerFile
from guarita.scan.warm.client import WarmWorker, connect

WORKER = "guarita.scan.scanners.code.worker"
OURS = f"{sys.version_info[0]}.{sys.version_info[1]}"
"""The Python that every file is tried with first."""
_OURS: list[str | Path] = [Path(sys.executable), "-I", "-m", WORKER]
START_TIMEOUT = 30.0
"""Seconds for another interpreter to import bandit."""
FILE_TIMEOUT = 60.0
"""Seconds for one file."""
NOTEBOOK = ".ipynb"
CANARY = Canary(
    "canary.py", "import subprocess\nsubprocess.run(input(), shell=True)  # @NONCE@\n", frozenset({"B602"})
)
PASSWORDS = {"B105", "B106", "B107"}
"""Checks whose own message and code hold the password that they found."""


class CodeScanner(Scanner):
    """Python source, notebooks too. bandit's severities are used as bandit gives them."""

    name: ClassVar[str] = "code"
    summary: ClassVar[str] = "Python source and notebooks, by bandit"

    def claims(self, file: TreeFile) -> bool:
        return file.suffix in {".py", ".pyw", ".pyi", ".ipynb"} or (
            not file.suffix and _python_script(file.head)
        )

    def version(self) -> str:
        return _tool({OURS})

    def engine(self) -> str:
        return f"{self.version()} {' '.join(map(str, newer()))}"

    def scan(self, job: ScanJob) -> ScanResult:
        ends = PerFile(job, lambda file: (_kind(file),), CANARY, self.name)
        left = _judged(job, ends.unknown(), ends, _OURS)
        for interpreter in newer() if left else ():
            with contextlib.suppress(_NoInterpreterError):
                left = _judged(job, [file for file, _ in left], ends, command(interpreter, WORKER))
            if not left:
                break
        if left and not newer():
            left = [(file, f"{reason}; no newer python3.N is on PATH") for file, reason in left]
        for file, reason in left:
            ends.settle(file, (), Outcome(status=FileStatus.UNPARSEABLE, reason=reason))
        return ends.result(_tool(ends.by))


class _NoInterpreterError(Exception):
    """An interpreter that was found does not run our worker."""


def _tool(pythons: Collection[str]) -> str:
    known = sorted({OURS, *pythons}, key=lambda text: [int(part) for part in text.split(".")])
    return f"bandit {version('bandit')} on Python {' and '.join(known)}"


def _judged(
    job: ScanJob, files: Sequence[TreeFile], ends: PerFile, words: list[str | Path]
) -> list[tuple[TreeFile, str]]:
    """Judge files by one interpreter. Gives those that it cannot parse, and what it says of them.

    Raises _NoInterpreterError where it is not ours and does not start.
    """
    # The large ones first, so that none of them is alone at the end.
    waiting: queue.SimpleQueue[TreeFile] = queue.SimpleQueue()
    for file in sorted(files, key=lambda file: -file.size):
        waiting.put(file)
    workers = min(job.jobs, len(files))
    if not workers:
        return []
    with ThreadPoolExecutor(workers) as pool:
        parts = [pool.submit(_judge, job, waiting, ends, words) for _ in range(workers)]
        return [unparsed for part in parts for unparsed in part.result()]


def _judge(
    job: ScanJob, files: queue.SimpleQueue[TreeFile], ends: PerFile, words: list[str | Path]
) -> list[tuple[TreeFile, str]]:
    """Take files from the queue until it is empty, with one worker at a time."""
    worker: Worker | WarmWorker | None = None
    unparsed: list[tuple[TreeFile, str]] = []
    try:
        while True:
            try:
                file = files.get_nowait()
            except queue.Empty:
                return unparsed
            worker = worker or _worker(job, words)
            try:
                request = {"path": str(file.on_disk()), "notebook": _kind(file) == NOTEBOOK}
                answer = worker.request(request, min(FILE_TIMEOUT, job.remaining))
            except ScannerError as error:
                if error.code == "scanner.stopped" or not job.remaining:
                    raise
                # This file ended the worker: it alone is unknown, the others go on in a new one.
                worker = None
                answer = {"error": error.message}
            reason = answer.get("error")
            if answer.get("syntax"):
                unparsed.append((file, str(reason)))
                continue
            outcome = Outcome(status=FileStatus.UNPARSEABLE, reason=reason) if reason else SCANNED
            by = answer.get("python", "")
            ends.settle(file, (_finding(file, issue) for issue in answer.get("findings", ())), outcome, by)
    finally:
        if worker is not None:
            worker.close()


def _kind(file: TreeFile) -> str:
    return NOTEBOOK if file.suffix == NOTEBOOK else ".py"


def _worker(job: ScanJob, words: list[str | Path]) -> Worker | WarmWorker:
    ours = words is _OURS
    if job.warm and ours:
        warm = connect(words, installation(), cwd=job.scratch, scanner=CodeScanner.name, stop=job.stop)
        if warm is not None:
            return warm
    worker = Worker(
        words,
        cwd=job.scratch,
        env=neutral_environment(job.scratch),
        scanner=CodeScanner.name,
        stop=job.stop,
    )
    if not ours:
        try:
            worker.request({}, min(START_TIMEOUT, job.remaining))
        except ScannerError as error:
            if error.code == "scanner.stopped" or not job.remaining:
                raise
            raise _NoInterpreterError from error
    return worker


def _finding(file: TreeFile, issue: dict[str, Any]) -> Finding:
    rule, holds_secret = issue["rule"], issue["rule"] in PASSWORDS
    nosec = issue["nosec"]
    rating = load_table().lookup(
        rule, tool_severity=issue["severity"].lower(), confidence=issue["confidence"].lower()
    )
    node = re.sub(r"'[^']*'|\"[^\"]*\"", "'…'", issue["node"]) if holds_secret else issue["node"]
    text = "A password stands in the code." if holds_secret else issue["text"]
    return Finding(
        scanner=CodeScanner.name,
        rule=rule,
        title=rating.title,
        message=text,
        severity=rating.severity,
        severity_basis=rating.basis,
        fix=rating.fix,
        confidence=issue["confidence"].lower(),
        location=Location(
            path=file.path,
            line=issue["line"],
            end_line=issue["end_line"],
            column=max(1, issue["column"]) if "label" not in issue else 0,
            label=issue.get("label", ""),
        ),
        anchor=f"{issue['scope']}|{node}",
        resource=issue["scope"],
        snippet=() if holds_secret else tuple((number, text) for number, text in issue["snippet"]),
        suppression=Suppression(kind="nosec", reason=nosec) if nosec is not None else None,
        cwe=(f"CWE-{issue['cwe']}",) if issue["cwe"] else (),
        help_url=f"https://bandit.readthedocs.io/en/latest/plugins/index.html#{rule.lower()}",
    )


def _python_script(head: bytes) -> bool:
    return re.match(rb"#!\s*/\S*(?:env\s+(?:-S\s+)?)?\S*python", head) is not None
