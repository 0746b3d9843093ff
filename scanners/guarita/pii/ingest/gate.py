"""The join: a document is read, judged by the policy, redacted where that is asked for, and recorded."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from guarita.audit import Ledger
from guarita.config.pii import PiiSection
from guarita.errors import GuaritaError
from guarita.pii.documents import Source
from guarita.pii.documents.interface import MiB
from guarita.pii.handling import Decision
from guarita.pii.ingest.check import Check, Index, Parts, Pseudonyms
from guarita.pii.ingest.interface import Outcome
from guarita.pii.ingest.opened import Content, opened
from guarita.pii.ingest.target import Target
from guarita.pii.keys import Keyring
from guarita.pii.reading import Readers, Setup


class IngestGate:
    """Checks documents, from any number of threads. Close it, or use it as a context manager.

    `from_file` makes one. Its workers start with the first document; it does not survive `fork`.
    """

    def __init__(
        self,
        section: PiiSection,
        keys: Keyring,
        *,
        ledger: Ledger | None = None,
        pseudonyms: Pseudonyms | None = None,
        index: Index | None = None,
        closing: Sequence[Callable[[], None]] = (),
        clock: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        """Without a ledger nothing is recorded, which the caller so declares. `clock` gives ms since the epoch.

        What is `closing` is called when the gate is closed: for what was opened for it.
        """
        reading = section.reading
        self._pid = os.getpid()
        self._closing = tuple(closing)
        self._parts = Parts(
            section=section,
            policy=policy_digest(section),
            keys=keys,
            readers=Readers(
                Setup(section=section, memory=reading.memory_mib * MiB),
                workers=reading.workers,
                documents=reading.documents,
            ),
            ledger=ledger,
            pseudonyms=pseudonyms,
            index=index,
            clock=clock,
        )

    @property
    def section(self) -> PiiSection:
        """The settings that it works by."""
        return self._parts.section

    def stop(self) -> None:
        """End what is being read; its callers get ProcessError `process.stopped`."""
        self._parts.readers.stop()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the workers, and let go of what was opened for them."""
        with contextlib.ExitStack() as stack:
            for close in self._closing:
                stack.callback(close)
            self._parts.readers.close()

    @classmethod
    def from_file(cls, path: Path | str, *, ledger: str | None = None) -> Self:
        """The gate that a guarita.yaml describes, with the ledger that it names; `none` for no record.

        Raises UsageError, with the place of what is wrong, and LedgerError.
        """
        from guarita.pii.ingest.build import parts_of  # noqa: PLC0415  # it opens what a gate of one's own may not need

        section, options = parts_of(Path(path), ledger=ledger)
        return cls(section, **options)

    def check(
        self,
        document: Source | Path,
        *,
        tenant: str = "",
        source: str = "",
        redact: bool = False,
        redact_to: Path | None = None,
        run: str | None = None,
    ) -> Outcome:
        """Judge a document; with `redact` or `redact_to` give it redacted where the policy says so.

        `tenant` and `source` (where it comes from) are what rules name. With `redact_to` the redacted document
        is written there, all or nothing; nothing is written for another decision. `run` makes a repetition
        harmless: the same document, tenant and policy under the same run are recorded once.

        A document that cannot be read to its end is answered, with its reason and what the policy says of such.
        Raises UsageError where there is no such document, ProcessError where no worker can start (the model is
        missing, say), and LedgerError when the ledger does not take the event: then there is no decision.
        """
        if os.getpid() != self._pid:
            raise GuaritaError(
                "pii.forked-process", "this gate was made before a fork", hint="make it in the child"
            )
        given = Source(document.name, document) if isinstance(document, Path) else document
        with opened(given) as descriptor:
            check = Check(self._parts, given.name, Content(descriptor), tenant=tenant, source=source)
            outcome = check.outcome()
            if not (redact or redact_to) or outcome.decision is not Decision.REDACT:
                return check.finished(outcome, run, given)
            with Target(redact_to) as target:
                outcome = check.finished(check.redacted(outcome, target), run, given)
                if outcome.redacted is None:
                    return outcome
                # It is given out when that is on record, and not before.
                redacted = msgspec.structs.replace(outcome.redacted, **target.finished())
                return msgspec.structs.replace(outcome, redacted=redacted)


def policy_digest(section: PiiSection) -> str:
    """SHA-256 (hex) of all settings that decide what is found and what is done about it."""
    return hashlib.sha256(msgspec.json.encode(section, order="sorted")).hexdigest()
