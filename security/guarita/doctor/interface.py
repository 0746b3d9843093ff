"""What a part registers under the entry-point group `guarita.doctor`: a function from a subject to its checks."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import msgspec

from guarita.config import Config


class Standing(StrEnum):
    """How it stands with what was checked."""

    WELL = "well"
    WRONG = "wrong"
    UNKNOWN = "unknown"
    """It could not be found out."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """What a check found. Never holds a secret."""

    check: str
    standing: Standing
    message: str
    hint: str | None = None
    code: str | None = None


@dataclass(frozen=True)
class Subject:
    """What is examined: the configuration, its file, and the ledger that the call names."""

    config: Config
    file: Path
    ledger: str | None = None


@dataclass(frozen=True)
class Check:
    """One thing to look at. `run` gives a sentence where all is well.

    Otherwise it raises GuaritaError: one of exit status 1 or 2 says what is wrong, one of 3 that it could not be found out.
    """

    name: str
    run: Callable[[], str]


Registered = Callable[[Subject], Iterable[Check]]
