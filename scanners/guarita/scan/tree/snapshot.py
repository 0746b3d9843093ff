"""Taking a snapshot: every file read once, hashed, and kept in memory or staged under a safe name."""

from __future__ import annotations

import hashlib
import itertools
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from guarita.errors import GuaritaError
from guarita.policy.gate.coverage import FileCoverage, FileStatus
from guarita.scan.interface import Snapshot, TreeFile
from guarita.scan.tree.interface import Entry, EntryKind, Tree

HEAD = 8192
CHUNK = 1 << 20
IN_MEMORY = 64 * 1024 * 1024
"""Bytes of contents kept in memory; what comes after is staged at once. Most runs need few files on disk."""

# Files by which the scanned tree would configure, or silence, the tools underneath.
TOOL_FILES = re.compile(
    r"^(\.checkov\.ya?ml|\.bandit|\.kingfisher.*|\.kfignore|\.gitleaks.*|\.betterleaks.*|\.gitignore|\.ignore"
    r"|\.gitattributes|\.git|\.helmignore|\.netrc|\.terraformrc|\.secrets\.baseline)$",
    re.IGNORECASE,
)
SAFE_COMPONENT = re.compile(r"^[A-Za-z0-9_.@+=,~ ()\[\]{}%-]{1,200}$")

NOT_FILES = {
    EntryKind.SYMLINK: ("symlink", "a link is not followed; what it points to is scanned where it stands"),
    EntryKind.SUBMODULE: ("submodule", "another repository's content, scanned there"),
    EntryKind.REPOSITORY: ("nested-repository", "an untracked repository inside this one"),
    EntryKind.SPECIAL: ("special-file", "a device, socket or pipe has no content"),
}


@dataclass(frozen=True)
class TakenSnapshot:
    """A snapshot, and the entries that are settled already: links, unreadable and too large files."""

    snapshot: Snapshot
    settled: tuple[FileCoverage, ...]


def take_snapshot(
    tree: Tree,
    entries: Iterable[Entry],
    scratch: Path,
    *,
    max_file_size: int,
    excluded: Callable[[str], tuple[str, str] | None],
) -> TakenSnapshot:
    """Read the tree's entries once; what is staged stands in `scratch`, which the caller removes.

    `excluded` names the rule and the reason for a path that the policy leaves out, or None. Excluded
    files are hashed and not staged: the tree's digest covers them. Raises TreeError when the tree cannot
    be listed, and GuaritaError (`scan.no-space`) when it cannot be staged.
    """
    taker = _Taker(tree, scratch / "tree", max_file_size, excluded)
    try:
        taker.root.mkdir(parents=True)
        for entry in entries:
            taker.take(entry)
    except OSError as error:
        raise GuaritaError(
            "scan.no-space",
            f"the tree cannot be staged in {scratch.parent}: {error.strerror}",
            hint="free some space, or set TMPDIR to a folder with room",
        ) from error
    return taker.taken()


class _Taker:
    def __init__(
        self, tree: Tree, root: Path, max_file_size: int, excluded: Callable[[str], tuple[str, str] | None]
    ) -> None:
        self.root = root
        self._tree = tree
        self._max = max_file_size
        self._excluded = excluded
        self._files: list[TreeFile] = []
        self._settled: list[FileCoverage] = []
        self._hash = hashlib.sha256(b"guarita.tree/1\n")
        self._folders: set[Path] = {root}
        self._room = IN_MEMORY

    def take(self, entry: Entry) -> None:
        if entry.kind is EntryKind.FILE:
            self._take_file(entry)
            return
        if entry.kind is EntryKind.RECORD:
            # It grows with each run: a tree must not change by being judged.
            self._settle(entry, FileStatus.EXCLUDED, rule=entry.kind.value, reason="this run's own record")
            return
        self._record(entry, entry.identity)
        if entry.kind is EntryKind.UNREADABLE:
            self._settle(entry, FileStatus.UNPARSEABLE, reason=f"cannot be read: {entry.problem}")
            return
        rule, reason = NOT_FILES[entry.kind]
        self._settle(entry, FileStatus.EXCLUDED, rule=rule, reason=reason)

    def taken(self) -> TakenSnapshot:
        snapshot = Snapshot(
            root=self.root,
            files=tuple(self._files),
            digest=self._hash.hexdigest(),
            by_place={file.place: file for file in self._files},
        )
        return TakenSnapshot(snapshot, tuple(self._settled))

    def _take_file(self, entry: Entry) -> None:
        exclusion = self._excluded(entry.path)
        place = "" if exclusion else "/".join(map(_safe_component, entry.path.split("/")))
        try:
            read = self._read(entry, place)
        except _ReadError as error:
            self._record(entry, "")
            self._settle(entry, FileStatus.UNPARSEABLE, reason=f"cannot be read: {error}")
            return
        self._record(entry, read.digest)
        if exclusion:
            rule, reason = exclusion
            self._settle(entry, FileStatus.EXCLUDED, rule=rule, reason=reason)
            return
        file = TreeFile(
            path=entry.path,
            size=read.size,
            digest=read.digest,
            staged=self.root / place,
            place=place,
            head=read.head,
            content=read.content,
        )
        if read.size <= self._max:
            self._files.append(file)
        elif file.binary:
            self._settle(
                entry, FileStatus.EXCLUDED, rule="large-binary", reason=f"{read.size} bytes of binary data"
            )
        else:
            self._settle(
                entry,
                FileStatus.UNPARSEABLE,
                reason=f"{read.size} bytes, more than scan.max_file_size ({self._max}): raise it, or exclude the file by a rule",
            )

    def _read(self, entry: Entry, place: str) -> _Read:
        """Read a file to its end; keep its content in memory while there is room, else staged at `place`."""
        chunks = self._chunks(entry)
        first = next(chunks, b"")
        second = next(chunks, b"")
        if not second:
            kept = first if place and len(first) <= min(self._room, self._max) else None
            if kept is not None:
                self._room -= len(kept)
            elif place and len(first) <= self._max:
                self._staged(place).write_bytes(first)
            return _Read(len(first), hashlib.sha256(first).hexdigest(), first[:HEAD], kept)
        staged = self._staged(place) if place else None
        size, digest = self._copy(itertools.chain((first, second), chunks), staged)
        if staged and size > self._max:
            staged.unlink()
        return _Read(size, digest, first[:HEAD], None)

    def _copy(self, chunks: Iterable[bytes], staged: Path | None) -> tuple[int, str]:
        hasher, size = hashlib.sha256(), 0
        sink = staged.open("wb") if staged else None
        try:
            for chunk in chunks:
                hasher.update(chunk)
                size += len(chunk)
                if sink and size <= self._max:
                    sink.write(chunk)
        finally:
            if sink:
                sink.close()
        return size, hasher.hexdigest()

    def _chunks(self, entry: Entry) -> Iterator[bytes]:
        try:
            with self._tree.open(entry) as stream:
                while chunk := stream.read(CHUNK):
                    yield chunk
        except OSError as error:
            raise _ReadError(error.strerror or str(error)) from error

    def _staged(self, place: str) -> Path:
        staged = self.root / place
        if staged.parent not in self._folders:
            staged.parent.mkdir(parents=True, exist_ok=True)
            self._folders.add(staged.parent)
        return staged

    def _record(self, entry: Entry, identity: str) -> None:
        raw = f"{entry.kind.value}\0{entry.path}\0{identity}".encode("utf-8", "surrogateescape")
        self._hash.update(hashlib.sha256(raw).digest())

    def _settle(self, entry: Entry, status: FileStatus, *, rule: str = "", reason: str = "") -> None:
        self._settled.append(FileCoverage(path=entry.path, status=status, rule=rule, reason=reason))


@dataclass(frozen=True)
class _Read:
    """What reading a file gave."""

    size: int
    digest: str
    head: bytes
    content: bytes | None


class _ReadError(Exception):
    """Reading failed, as opposed to writing the staged copy."""


def _safe_component(name: str) -> str:
    if SAFE_COMPONENT.match(name) and name not in {".", ".."} and not TOOL_FILES.match(name):
        return name
    raw = name.encode("utf-8", "surrogateescape")
    suffix = re.search(r"\.[A-Za-z0-9]{1,10}$", name[1:])
    return f"renamed-{hashlib.sha256(raw).hexdigest()[:16]}{suffix.group() if suffix else ''}"
