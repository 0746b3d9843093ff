"""A folder on disk: the files that git tracks or would, or all of them where there is no git."""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import IO

from guarita.scan.tree import git
from guarita.scan.tree.interface import Entry, EntryKind, Tree


class Folder(Tree):
    """A folder on disk. Links are listed and never followed; nothing outside the folder is read."""

    def __init__(self, root: Path, *, only: Sequence[str] = (), name: str = "") -> None:
        self.root = root.resolve()
        self.name = name or str(root)
        self.only = tuple(only)
        self.records: tuple[Path, ...] = ()
        """Files and folders, absolute, that the run itself writes to."""
        self._repository = git.answer(self.root, "rev-parse", "--is-inside-work-tree") == "true"
        if not self._repository and git.available() and (self.root / ".git").exists():
            git.ask(self.root, "rev-parse", "--is-inside-work-tree")  # raises with git's own reason
        self._asked = self._ask() if self._repository else None
        self.revision = self._revision() if self._repository else ""

    def listed(self) -> Iterator[Entry]:
        listed = self._tracked() if self._repository else self._walked()
        for path, submodule in sorted(listed.items()):
            entry = self._entry(path, submodule)
            if entry is not None:
                yield entry

    def read(self, path: str) -> bytes | None:
        entry = self._entry(path, "")
        if entry is None or entry.kind is not EntryKind.FILE:
            return None
        with self.open(entry) as stream:
            return stream.read()

    @contextlib.contextmanager
    def open(self, entry: Entry) -> Iterator[IO[bytes]]:
        target = os.path.join(self.root, entry.path)  # noqa: PTH118  # os.path keeps surrogate escapes and is quick
        descriptor = os.open(target, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with open(descriptor, "rb") as stream:  # noqa: PTH123  # a descriptor, not a path
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                raise OSError(0, "no longer a regular file")
            yield stream

    def holds(self, folder: Path) -> bool:
        """Whether the tree brings along anything at or below a folder of it: whatever git tracks, or all without git."""
        if not self._repository:
            return any(folder.iterdir())
        return bool(git.ask(self.root, "ls-files", "-z", "--", str(folder)))

    def _revision(self) -> str:
        commit = git.answer(self.root, "rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        if not commit:
            return ""
        # -uno would miss new files; --ignore-submodules keeps git out of other repositories.
        status = git.ask(self.root, "status", "--porcelain", "-z", "--ignore-submodules=all", "--", ".")
        return commit + ("+dirty" if status else "")

    def _ask(self) -> tuple[git.Question, git.Question]:
        """What is tracked, and what is not and not ignored either; asked side by side."""
        return (
            git.Question(self.root, "ls-files", "-z", "--stage", "--", "."),
            git.Question(self.root, "ls-files", "-z", "--others", "--exclude-standard", "--", "."),
        )

    def _tracked(self) -> dict[str, str]:
        # The first listing is of when the tree was opened, a later one of now.
        (tracked, others), self._asked = self._asked or self._ask(), None
        listed: dict[str, str] = {}
        for record in tracked.answer().split(b"\0"):
            if record:
                mode_and_object, _, path = record.partition(b"\t")
                mode, commit, _ = mode_and_object.split(b" ")
                listed[os.fsdecode(path)] = commit.decode() if mode == b"160000" else ""
        for path in others.answer().split(b"\0"):
            if path:
                listed.setdefault(os.fsdecode(path), "")
        return listed

    def _walked(self) -> dict[str, str]:
        listed: dict[str, str] = {}

        def refuse(error: OSError) -> None:
            listed[os.path.relpath(error.filename, self.root)] = ""

        for folder, folders, files in os.walk(self.root, onerror=refuse):
            here = os.path.relpath(folder, self.root)
            folders[:] = [name for name in folders if name != ".git"]
            links = [name for name in folders if os.path.islink(os.path.join(folder, name))]  # noqa: PTH114, PTH118
            for name in (*files, *links):
                listed[name if here == "." else f"{here}/{name}"] = ""
        return listed

    def _entry(self, path: str, submodule: str) -> Entry | None:
        if submodule:
            return Entry(path, EntryKind.SUBMODULE, identity=submodule)
        target = os.path.join(self.root, path)  # noqa: PTH118
        try:
            status = os.lstat(target)
        except FileNotFoundError:
            return None  # tracked and deleted on disk: not part of this tree
        except OSError as error:
            return Entry(path.rstrip("/"), EntryKind.UNREADABLE, problem=error.strerror or "cannot be read")
        mode = status.st_mode
        if any(target == record or target.startswith(f"{record}/") for record in map(str, self.records)):
            return Entry(path, EntryKind.RECORD)
        if stat.S_ISLNK(mode):
            return Entry(path, EntryKind.SYMLINK, identity=os.readlink(target))  # noqa: PTH115
        if self._leads_outside(path):
            return Entry(path, EntryKind.UNREADABLE, problem="a folder on the way is a link out of its place")
        if stat.S_ISDIR(mode):
            unlisted = not os.access(target, os.R_OK | os.X_OK)
            kind = EntryKind.UNREADABLE if unlisted else EntryKind.REPOSITORY
            return Entry(path.rstrip("/"), kind, problem="permission denied" if unlisted else "")
        if not stat.S_ISREG(mode):
            return Entry(path, EntryKind.SPECIAL)
        if not os.access(target, os.R_OK):
            return Entry(path, EntryKind.UNREADABLE, problem="permission denied")
        return Entry(path, EntryKind.FILE, size=status.st_size)

    def _leads_outside(self, path: str) -> bool:
        parent = path.rstrip("/").rpartition("/")[0]
        if not parent:
            return False
        known = self._real_parents
        if parent not in known:
            whole = os.path.join(self.root, parent)  # noqa: PTH118
            known[parent] = os.path.realpath(whole) != whole
        return known[parent]

    @property
    def _real_parents(self) -> dict[str, bool]:
        return self.__dict__.setdefault("_parents", {})  # type: ignore[no-any-return]
