"""Proof of scan: how every file of the tree ended, and what the whole amounts to."""

from __future__ import annotations

import enum
from collections import Counter

import msgspec


class FileStatus(enum.Enum):
    """How a file ended. The last two mean that its content is unknown, and unknown never passes."""

    SCANNED = "scanned"
    EXCLUDED = "excluded"
    UNPARSEABLE = "unparseable"
    NO_TOOL = "no-tool"

    @property
    def unknown(self) -> bool:
        """Whether a file that ended so leaves the answer open."""
        return self in {FileStatus.UNPARSEABLE, FileStatus.NO_TOOL}


class FileCoverage(msgspec.Struct, frozen=True, kw_only=True):
    """How one file ended, by which scanners, and why where it was not scanned."""

    path: str
    status: FileStatus
    scanners: tuple[str, ...] = ()
    """The scanners that read it to the end."""
    rule: str = ""
    """For an excluded file the named rule: `symlink`, `binary`, or a name from the policy."""
    reason: str = ""


class Coverage(msgspec.Struct, frozen=True, kw_only=True):
    """Every file of the tree with its end."""

    files: tuple[FileCoverage, ...] = ()

    def counts(self) -> dict[str, int]:
        """Files by status, each status present."""
        counted = Counter(file.status for file in self.files)
        return {status.value: counted[status] for status in FileStatus}

    @property
    def unknown(self) -> tuple[FileCoverage, ...]:
        """The files whose content nobody vouches for."""
        return tuple(file for file in self.files if file.status.unknown)
