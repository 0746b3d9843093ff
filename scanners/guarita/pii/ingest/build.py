"""From a guarita.yaml to what a gate is made of."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final, TypedDict

from guarita import config
from guarita.audit import Ledger, ledger_settings, open_settings
from guarita.audit.locate import project
from guarita.config.pii import PiiSection
from guarita.config.pii_handling import SubjectSection
from guarita.errors import MissingExtraError, UsageError
from guarita.pii.ingest.check import Index, Pseudonyms
from guarita.pii.keys import Keyring, read_key
from guarita.pii.subjects.index import SubjectIndex

NONE: Final = "none"
"""`--ledger none`: the caller declares that nothing is recorded."""


class Options(TypedDict):
    """The arguments of an `IngestGate` beside its section."""

    keys: Keyring
    ledger: Ledger | None
    pseudonyms: Pseudonyms | None
    index: Index | None
    closing: list[Callable[[], None]]


def settings(path: Path | None) -> tuple[PiiSection, Path]:
    """The section `pii` and the folder that its places are from: of this file, else of the project's.

    Raises UsageError.
    """
    file = path or project() / config.FILE_NAME
    section = config.load(file).pii if path is not None or file.exists() else PiiSection()
    return section, file.absolute().parent


def parts_of(path: Path | None, *, ledger: str | None = None) -> tuple[PiiSection, Options]:
    """What `IngestGate` takes. Raises UsageError, MissingExtraError, LedgerError."""
    section, folder = settings(path)
    keys = keyring(section, folder)
    options = Options(
        keys=keys,
        ledger=None,
        pseudonyms=pseudonyms_of(section),
        index=index_of(section, folder, keys),
        closing=[],
    )
    found = ledger_settings(ledger, path)
    if found.url != NONE:
        opened = open_settings(found)
        options["ledger"] = opened
        options["closing"].append(opened.close)
    return section, options


def keyring(section: PiiSection, folder: Path) -> Keyring:
    """The keys of a section. Raises as `read_key`."""
    return Keyring(read_key(section.key, folder), fingerprint_days=section.fingerprint_days)


def pseudonyms_of(section: PiiSection) -> Pseudonyms | None:
    """What makes pseudonyms, where the section names a key for them. Raises MissingExtraError."""
    if section.pseudonyms is None:
        return None
    try:
        from guarita.pii.pseudonyms.transit import TransitPseudonyms  # noqa: PLC0415  # needs an extra
    except ModuleNotFoundError as error:
        raise MissingExtraError("pii-vault", error.name or "hvac") from error
    return TransitPseudonyms.of(section.pseudonyms).seal


def index_of(section: PiiSection, folder: Path, keys: Keyring) -> Index | None:
    """Where documents are put into the subject index, where there is one."""
    return subject_index(section, folder, keys).add if section.subjects is not None else None


def subject_index(section: PiiSection, folder: Path, keys: Keyring) -> SubjectIndex:
    """The subject index of a section. Raises UsageError `pii.subjects`."""
    place = (section.subjects or SubjectSection()).index
    path = place.removeprefix("sqlite:///")
    if "://" in path or not path:
        raise UsageError("pii.subjects", "pii.subjects.index: no place for an index", hint="sqlite:///PATH")
    return SubjectIndex(folder / path, keys)
