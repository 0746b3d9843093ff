"""The planted fault: whenever an engine runs, it is also given a file whose faults are known, and must report them.

An engine that has come to see nothing (a broken rule file, a swapped binary, a plugin that no longer loads) would
otherwise pass every tree. The content differs from run to run, so that no answer can be an old one.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Final

from guarita.scan.interface import ScanJob, ScannerError, TreeFile

FOLDER: Final = ".guarita-canary"
NONCE: Final = "@NONCE@"


@dataclass(frozen=True)
class Canary:
    """A file with planted faults."""

    name: str
    content: str
    """With NONCE where it differs from run to run."""
    rules: frozenset[str]
    """The rules that must be reported."""

    def placed(self, job: ScanJob) -> TreeFile:
        """The file, as it would stand in the tree."""
        content = self.content.replace(NONCE, secrets.token_hex(8)).encode()
        place = f"{FOLDER}/{self.name}"
        return TreeFile(
            path=place,
            size=len(content),
            digest=hashlib.sha256(content).hexdigest(),
            staged=job.scratch / place,
            place=place,
            head=content,
            content=content,
        )

    def check(self, scanner: str, found: Iterable[str]) -> None:
        """Raise ScannerError (`scanner.canary`) where a planted fault was not among the rules that were found."""
        if missed := sorted(self.rules - set(found)):
            raise missing(scanner, missed)


def missing(scanner: str, rules: Collection[str]) -> ScannerError:
    """The error of an engine that passed over planted faults."""
    return ScannerError(
        "scanner.canary",
        f"{scanner}: the engine did not report a planted fault ({', '.join(rules)}), so its silence proves nothing",
        hint="see `guarita tools list`, install the engine anew, then run the scan again",
    )
