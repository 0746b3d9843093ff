"""The seam between the gate and its scanners: what a scanner takes, gives and may raise."""

from __future__ import annotations

import abc
import datetime as dt
import os
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
from guarita.scan.cache.results import Results


class ScannerError(GuaritaError):
    """A scanner crashed, hung past its limit, or is not installed: the run's answer is unknown."""


class TreeFile(msgspec.Struct, frozen=True, kw_only=True):
    """A regular file of the tree, as it was read once: hashed, and kept for the scanners."""

    path: str
    """Relative to the scanned root, with `/`; bytes that are not UTF-8 stand as surrogate escapes."""
    size: int
    """Bytes."""
    digest: str
    """SHA-256 of the content, hex."""
    staged: Path
    """Where its copy is for whoever asks by `on_disk`. The name is safe: no newline, no control character."""
    place: str = ""
    """The same, from the root of all copies."""
    head: bytes = b""
    """The first 8 KiB."""
    content: bytes | None = None
    """All of it, where it is kept in memory and staged only when asked for."""

    def read(self) -> bytes:
        """The content that was hashed."""
        return self.staged.read_bytes() if self.content is None else self.content

    def on_disk(self) -> Path:
        """The staged copy, written now where nobody asked before. Safe from several threads.

        Raises ScannerError (`scanner.no-space`).
        """
        if self.content is not None:
            with _staging:
                if not self.staged.exists():
                    self._write(self.staged, self.content)
        return self.staged

    def copy_to(self, target: Path) -> None:
        """A copy or a link at `target`, whose folder is there. Raises ScannerError (`scanner.no-space`)."""
        if self.content is not None:
            self._write(target, self.content)
            return
        try:
            os.link(self.staged, target)
        except OSError:
            self._write(target, self.read())

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

    @staticmethod
    def _write(target: Path, content: bytes) -> None:
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(content)
        except OSError as error:
            raise ScannerError(
                "scanner.no-space",
                f"a file cannot be staged: {error.strerror}",
                hint="free some space, or set TMPDIR to a folder with room",
            ) from error


_staging = threading.Lock()


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
    by_place: Mapping[str, TreeFile] = field(repr=False, default_factory=dict)

    def at(self, staged: str | Path) -> TreeFile | None:
        """The file whose staged copy has this path, or None."""
        return self.by_place.get(os.path.relpath(staged, self.root))

    def stage(self, folder: str = "") -> None:
        """Put every file below a folder of the tree on disk, for a tool that reads it by itself."""
        prefix = f"{folder}/" if folder else ""
        for file in self.files:
            if file.path.startswith(prefix):
                file.on_disk()


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
    results: Results = field(default_factory=Results)
    """What earlier runs found in the same content; remembers nothing with `--no-cache`."""
    warm: bool = False
    """Whether engines may be asked that go on after the run."""
    advance: Callable[[int], None] = lambda _: None
    """Called with how many further files are done."""
    started: float = field(default_factory=time.monotonic)

    @property
    def remaining(self) -> float:
        """Seconds left before the limit, never below zero."""
        return max(0.0, self.started + self.timeout - time.monotonic())


@dataclass(frozen=True)
class Options:
    """What the caller says to scanners beside the tree."""

    advisories: tuple[Path, ...] = ()
    """Files with known vulnerabilities, in OSV's format."""
    advisories_max_age: int = 7
    """Days since the newest of them was changed."""
    packs: tuple[str, ...] = ()
    """The packs that the policy asks for."""
    cache: Path | None = None
    """The folder that outlives the run; None with `--no-cache`."""
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)


class Scanner(abc.ABC):
    """One scanner. A scanner has no state between runs; what it runs, runs in processes of its own."""

    def __init__(self, options: Options | None = None) -> None:
        self.options = options or Options()

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

    def engine(self) -> str:
        """What its results hang on beside the content and the code here: the engine, as exactly as is known.

        Raises ScannerError when the engine is not installed.
        """
        return self.version()

    def inputs(self, snapshot: Snapshot, claimed: Sequence[TreeFile]) -> Sequence[TreeFile]:
        """The files that the results hang on: those claimed, unless it looks at others too."""
        del snapshot
        return claimed

    @abc.abstractmethod
    def scan(self, job: ScanJob) -> ScanResult:
        """Scan the claimed files.

        Raises ScannerError when the engine is missing, crashes, or does not answer within `job.timeout`.
        """
