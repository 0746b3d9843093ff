"""A policy in a file that may change: looked at when a timer says so, replaced only by one that is right."""

from __future__ import annotations

import dataclasses
import hashlib
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from guarita import config
from guarita.errors import UsageError
from guarita.policy.access.load import parse
from guarita.policy.access.policy import AccessPolicy


class Outcome(StrEnum):
    """What a look at the file came to."""

    UNCHANGED = "unchanged"
    REPLACED = "replaced"
    """The new policy decides from now on."""
    SETTLING = "settling"
    """The file was written a moment ago, and may be half a file: looked at again next time."""
    KEPT = "kept"
    """The file is wrong or gone, and the old policy goes on deciding."""


@dataclass(frozen=True)
class Reload:
    """What `reload_if_changed` did."""

    outcome: Outcome
    policy: AccessPolicy
    """The policy that decides now."""
    error: UsageError | None = None
    """What is wrong with the file, as long as it is wrong."""


class PolicyFile:
    """The policy of one file. `policy` is always one that compiled."""

    def __init__(self, path: Path, *, settle: float = 1.0, now: Callable[[], float] = time.time) -> None:
        """Load it. `settle` is how many seconds a file must have been left alone before it replaces a policy.

        Raises UsageError: at the start there is no old policy to keep.
        """
        self._path, self._settle, self._now = path, settle, now
        self._lock = threading.Lock()
        self._error: UsageError | None = None
        seen = _signature(path)
        # What was written a moment ago may be written again within the same tick of the file system's clock.
        self._seen = None if seen and self._young(seen) else seen
        text = config.read(path)
        self._text = hashlib.sha256(text).digest()
        self.policy = parse(text, str(path))

    def reload_if_changed(self) -> Reload:
        """Look at the file. Cheap where nothing changed: one `stat`. Raises nothing that a file can cause."""
        with self._lock:
            outcome = self._look()
            return Reload(outcome, self.policy, self._error)

    def _look(self) -> Outcome:
        before = _signature(self._path)
        if before is not None and before == self._seen:
            return Outcome.UNCHANGED if self._error is None else Outcome.KEPT
        if before is not None and self._young(before):
            return Outcome.SETTLING
        try:
            text = config.read(self._path)
            if before != _signature(self._path):
                return Outcome.SETTLING
            return self._take(text, before)
        except UsageError as error:
            self._seen, self._error = before, error
            return Outcome.KEPT

    def _young(self, signature: _Signature) -> bool:
        return 0 <= self._now() - signature.written < self._settle

    def _take(self, text: bytes, signature: _Signature | None) -> Outcome:
        digest = hashlib.sha256(text).digest()
        if digest != self._text:
            new = parse(text, str(self._path), version=self.policy.version + 1)
            changed = new.digest != self.policy.digest
            # Where it says the same as before, only the places that answers name are new.
            self.policy = new if changed else dataclasses.replace(new, version=self.policy.version)
        else:
            changed = False
        self._seen, self._error, self._text = signature, None, digest
        return Outcome.REPLACED if changed else Outcome.UNCHANGED


@dataclass(frozen=True)
class _Signature:
    device: int
    inode: int
    size: int
    modified: int
    changed: int

    @property
    def written(self) -> float:
        """Seconds since the epoch."""
        return self.modified / 1e9


def _signature(path: Path) -> _Signature | None:
    try:
        found = path.stat()
    except OSError:
        return None
    return _Signature(found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
