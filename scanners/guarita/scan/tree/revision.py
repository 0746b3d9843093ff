"""A revision in git, read from its objects: no checkout, no filter, nothing written."""

from __future__ import annotations

import contextlib
import functools
import io
import os
import subprocess
import threading
import weakref
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from guarita.scan.tree import git
from guarita.scan.tree.interface import Entry, EntryKind, Tree, TreeError


class Revision(Tree):
    """The tree of one commit, limited to the folder that it was opened at.

    A folder that the commit does not have is an empty tree. Raises TreeError (`tree.revision`) when the
    revision does not exist here.
    """

    def __init__(self, folder: Path, revision: str, *, only: Sequence[str] = ()) -> None:
        self._folder = folder
        self.name = revision
        self.only = tuple(only)
        found = git.attempt(
            folder, "rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}"
        )
        if found.returncode:
            shallow = git.attempt(folder, "rev-parse", "--is-shallow-repository").stdout.strip() == b"true"
            raise TreeError(
                "tree.revision",
                f"the revision {revision!r} is not in this repository",
                hint="this clone is shallow: fetch the base (actions/checkout: fetch-depth: 0)"
                if shallow
                else None,
            )
        self.revision = found.stdout.decode().strip()
        self._objects: dict[str, str] = {}

    def listed(self) -> Iterator[Entry]:
        # Outside a work tree (a bare repository) there is no prefix, and git says so with a status.
        prefix = git.attempt(self._folder, "rev-parse", "--show-prefix").stdout.decode(
            "utf-8", "surrogateescape"
        )
        tree = f"{self.revision}:{prefix.strip()}"
        if git.attempt(self._folder, "cat-file", "-e", tree).returncode:
            return
        listing = git.ask(self._folder, "ls-tree", "-r", "-z", "--long", "--full-tree", tree)
        entries = [self._entry(record) for record in listing.split(b"\0") if record]
        yield from sorted(entries, key=lambda entry: entry.path)

    @contextlib.contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        yield io.BytesIO(self._reader.read(self._objects[entry.path]))

    def _entry(self, record: bytes) -> Entry:
        facts, _, raw = record.partition(b"\t")
        mode, kind, identity, size = facts.split()
        path = os.fsdecode(raw)
        if kind == b"commit":
            return Entry(path, EntryKind.SUBMODULE, identity=identity.decode())
        self._objects[path] = identity.decode()
        if mode == b"120000":
            target = self._reader.read(identity.decode())
            return Entry(path, EntryKind.SYMLINK, identity=os.fsdecode(target))
        return Entry(path, EntryKind.FILE, size=int(size))

    @functools.cached_property
    def _reader(self) -> _ObjectReader:
        reader = _ObjectReader(self._folder)
        weakref.finalize(self, reader.close)  # its process ends with whoever asks it
        return reader


class _ObjectReader:
    """`git cat-file --batch`, kept open."""

    def __init__(self, folder: Path) -> None:
        self._lock = threading.Lock()
        self._process = subprocess.Popen(
            git.arguments(folder, "cat-file", "--batch"),
            env=git.environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
        )

    def read(self, identity: str) -> bytes:
        stdin, stdout = self._process.stdin, self._process.stdout
        assert stdin is not None  # noqa: S101  # Popen was given PIPE
        assert stdout is not None  # noqa: S101
        with self._lock:
            stdin.write(identity.encode() + b"\n")
            stdin.flush()
            header = stdout.readline().split()
            if len(header) != 3:  # noqa: PLR2004  # "<object> <type> <size>", otherwise "<object> missing"
                raise OSError(0, "the object is missing from this repository")
            content = stdout.read(int(header[2]))
            stdout.read(1)
        return content

    def close(self) -> None:
        self._process.kill()
        self._process.communicate()
