"""The seam between the gate and its scanners: what a scanner takes, gives and may raise."""

from __future__ import annotations

import abc
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar

import msgspec

from guarita.errors import GuaritaError
from guarita.policy.gate.coverage import FileStatus
from guarita.policy.gate.finding import Finding


class ScannerError(GuaritaError):
    """A scanner crashed, hung past its limit, or is not installed: the run's answer is unknown."""


class TreeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file of the tree, as it was read once: hashed, and staged for the scanners."""

    path: str
    """Relative to the scanned root, with `/`; bytes that are not UTF-8 stand as surrogate escapes."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256 of the content, hex."""
    staged: Path
    """The copy that scanners read. Its name is safe: no newline, no control character, valid UTF-8."""
    head: bytes = b""
    """The first 8 KiB."""

    def read(self) -> bytes:
        """The content that was hashed."""
        return self.staged.read_bytes()

    @property
    def name(self) -> str:
        """The last component of `path`."""
        return self.path.rpartition("/")[2]

    @property
    def suffix(self) -> str:
        """The ending of the name in lower case with its dot, empty where there is none."""
        stem, dot, ending = self.name.rpartition(".")
        return f".{ending.lower()}" if dot and stem else ""

    @property
    def binary(self) -> bool:
        """Whether the head holds a NUL byte and no UTF-16 byte order mark."""
        return b"\0" in self.head and not self.head.startswith((b"\xff\xfe", b"\xfe\xff"))


@dataclass(frozen=True)
class Snapshot:
    """The tree at one moment: what was hashed is what is scanned.

    `root` holds the staged copies in the tree's own folders, so that relative references between files
    (Terraform modules, charts, kustomizations) still work. Configuration files of the tools underneath
    are staged under other names: the scanned tree does not configure its judge.
    """

    root: Path
    files: Sequence[TreeFile]
    digest: str
    """SHA-256 over the sorted (path, digest) pairs, hex."""
    by_staged: Mapping[Path, TreeFile] = field(repr=False, default_factory=dict)

    def at(self, staged: str | Path) -> TreeFile | None:
        """The file whose staged copy has this path, or None."""
        return self.by_staged.get(Path(staged))


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """How one file ended at one scanner."""

    status: FileStatus
    rule: str = ""
    """The named rule by which a scanner leaves a file out that it claimed: `not-a-manifest`."""
    reason: str = ""
    """Why, where it was not scanned: the tool's own words, without any content of the file."""


SCANNED = Outcome(status=FileStatus.SCANNED)


class ScanResult(msgspec.Struct, frozen=True, kw_only=True):
    """What a scanner gives: its findings, and the end of every file that it claimed."""

    findings: tuple[Finding, ...]
    outcomes: dict[str, Outcome]
    """By path. A claimed file that is missing here counts as unparseable: silence is no proof."""
    tool: str
    """Name and version of the engine underneath, for example `bandit 1.9.4`."""


@dataclass(frozen=True)
class ScanJob:
    """What one scanner is asked to do."""

    snapshot: Snapshot
    files: Sequence[TreeFile]
    """The files that this scanner claimed, in order of path."""
    jobs: int
    """How many processes it may run at once."""
    timeout: float
    """Seconds after which it counts as hung."""
    scratch: Path
    """An empty folder of its own, removed after the run."""
    stop: threading.Event
    """Set when the run is being abandoned."""
    cache: Path | None = None
    """A folder that outlives the run, for what an engine makes once; None with `--no-cache`."""
    advance: Callable[[int], None] = lambda _: None
    """Called with how many further files are done."""
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining(self) -> float:
        """Seconds left before the limit, never below zero."""
        return max(0.0, self.started + self.timeout - time.monotonic())


class Scanner(abc.ABC):
    """One scanner. A scanner has no state between runs; what it runs, runs in processes of its own."""

    name: ClassVar[str]
    """As given to `--scanner`: `code`, `manifests`, …"""
    summary: ClassVar[str]
    """What it looks at, in a line."""

    @abc.abstractmethod
    def claims(self, file: TreeFile) -> bool:
        """Whether this file is this scanner's to answer for. Looks at name and head only."""

    @abc.abstractmethod
    def version(self) -> str:
        """Name and version of the engine, without running it on anything.

        Raises ScannerError when the engine is not installed.
        """

    @abc.abstractmethod
    def scan(self, job: ScanJob) -> ScanResult:
        """Scan the claimed files.

        Raises ScannerError when the engine is missing, crashes, or does not answer within `job.timeout`.
        """
