"""What a worker does with one reference: fetch, check, put the redacted document in its place."""

from __future__ import annotations

import secrets
import time
from pathlib import Path
from typing import Final

from guarita.audit import Ledger, events
from guarita.config.pii import PiiSection
from guarita.errors import UsageError
from guarita.pii.documents import Source
from guarita.pii.handling import Decision
from guarita.pii.ingest import IngestGate, Outcome
from guarita.pii.ingest.opened import opened
from guarita.pii.keys import Keyring
from guarita.pii.places.files import FileItem
from guarita.pii.places.interface import Item

RUN: Final = "queue"
"""One run for all: the same document, tenant and policy are recorded once, however often they come."""
PURPOSE: Final = "queue-reference"
_S3: Final = "s3://"


class Desk:
    """Checks documents by reference. One for each process."""

    def __init__(
        self, section: PiiSection, folder: Path, gate: IngestGate, keys: Keyring, ledger: Ledger
    ) -> None:
        self._section = section
        self._folder = folder
        self._gate = gate
        self._keys = keys
        self._ledger = ledger

    def job(self, tenant: str, reference: str) -> str:
        """A name for the work on a reference, which says nothing of it."""
        return self._keys.document(tenant, f"job {reference}")

    def check(self, tenant: str, reference: str, *, redact: bool) -> Outcome:
        """Check a document; harmless when it is repeated. Raises what fetching and the gate raise."""
        item = self._item(reference)
        with item.opened(self._section.reading.document_mib << 20) as source:
            place = self._section.queue.output
            if not redact or place is None:
                return self._gate.check(source, tenant=tenant, source=reference, run=RUN)
            if place.startswith(_S3):
                outcome = self._gate.check(source, tenant=tenant, source=reference, redact=True, run=RUN)
                self._put(place, outcome)
                return outcome
            folder = self._folder / place
            folder.mkdir(parents=True, exist_ok=True)
            draft = folder / f".{secrets.token_hex(8)}.redacted"
            outcome = self._gate.check(source, tenant=tenant, source=reference, redact_to=draft, run=RUN)
            if outcome.redacted is not None and outcome.redacted.path is not None:
                outcome.redacted.path.replace(folder / name_of(outcome))
            return outcome

    def quarantine(self, tenant: str, reference: str, attempts: int) -> None:
        """Record that a document is not tried any more. Raises LedgerError."""
        job = self.job(tenant, reference)
        self._ledger.append(
            events.data_security_finding(
                time=_now(),
                finding_uid=f"pii:quarantine:{job}",
                document=job,
                counts={},
                decision=Decision.BLOCK.value,
                severity="high",
                details={"tenant": tenant, "reasons": ["pii.quarantined"], "attempts": attempts},
                uid=f"pii:quarantine:{job}",
            )
        )

    def _item(self, reference: str) -> Item:
        roots = self._section.queue.roots
        if reference.startswith(_S3):
            if not any(root.startswith(_S3) and _below(reference, root) for root in roots):
                raise outside()
            from guarita.pii.places.s3 import Bucket, ObjectItem  # noqa: PLC0415  # needs an extra

            bucket = Bucket.of(reference, self._section.s3)
            return ObjectItem(bucket, bucket.prefix)
        path = Path(reference).resolve()
        folders = [(self._folder / root).resolve() for root in roots if not root.startswith(_S3)]
        if not any(path.is_relative_to(folder) for folder in folders):
            raise outside()
        return FileItem(path)

    def _put(self, place: str, outcome: Outcome) -> None:
        if outcome.redacted is None:
            return
        from guarita.pii.places.s3 import Bucket  # noqa: PLC0415  # needs an extra

        bucket = Bucket.of(place, self._section.s3)
        key = "/".join(part for part in (bucket.prefix.rstrip("/"), name_of(outcome)) if part)
        with opened(Source("", data=outcome.redacted.data or b"")) as descriptor:
            bucket.write(key, descriptor)


def name_of(outcome: Outcome) -> str:
    """What a redacted document is called: its keyed digest, so that a repetition writes the same, and its ending."""
    return outcome.document + Path(outcome.name).suffix


def outside() -> UsageError:
    """The refusal of a reference that the configuration does not name."""
    return UsageError(
        "pii.reference",
        "the reference is not below any of pii.queue.roots",
        hint="add its folder or prefix there",
    )


def _below(reference: str, root: str) -> bool:
    return reference == root or reference.startswith(root if root.endswith("/") else f"{root}/")


def _now() -> int:
    return time.time_ns() // 1_000_000
