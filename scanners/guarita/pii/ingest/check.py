"""One document on its way through the gate: read, judged, redacted and read again, recorded."""

from __future__ import annotations

import contextlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import msgspec

from guarita.audit import Ledger
from guarita.config.pii import PiiSection
from guarita.errors import GuaritaError
from guarita.pii.documents import DocumentError, Source
from guarita.pii.documents.interface import MiB, too_large
from guarita.pii.entities import short_name
from guarita.pii.handling import Decision, Method
from guarita.pii.ingest.interface import Outcome, Placed, Reason, Recorded, Redacted
from guarita.pii.ingest.opened import Content, digest_of
from guarita.pii.ingest.record import recorded
from guarita.pii.ingest.target import Target
from guarita.pii.keys import Keyring
from guarita.pii.reading import Found, Order, Read, Reader, Readers
from guarita.pii.reading.interface import MOST
from guarita.pii.redaction.tokens import hashed, pseudonym

ROUNDS: Final = 3
"""Times that a document is redacted at most, until nothing is found in it any more."""
_CLOCK_SLACK: Final = 1.5
"""Time on the clock for a second of computing: a worker waits for disks and for its turn."""

Pseudonyms = Callable[[str, Sequence[tuple[str, str]]], list[bytes]]
"""Takes a tenant and (entity, text) pairs; gives a token for each."""
Index = Callable[["Sighting"], None]
"""Takes what a document holds, for the subject index."""


class Sighting(msgspec.Struct, frozen=True, kw_only=True):
    """What one document holds, by tokens."""

    tenant: str
    document: str
    reference: str
    """Where the document is: personal where its name is."""
    tokens: list[tuple[bytes, str, str]]
    """(token, entity, place) of each datum."""

    def __repr__(self) -> str:
        return f"Sighting({self.document}, {len(self.tokens)})"


@dataclass(frozen=True)
class Parts:
    """What a gate is made of."""

    section: PiiSection
    policy: str
    """The digest of the section."""
    keys: Keyring = field(repr=False)
    readers: Readers = field(repr=False)
    ledger: Ledger | None = field(repr=False)
    pseudonyms: Pseudonyms | None = field(repr=False)
    index: Index | None = field(repr=False)
    clock: Callable[[], int] = field(repr=False)
    """ms since the epoch."""


class Check:
    """One document on its way through the gate."""

    def __init__(self, parts: Parts, name: str, content: Content, *, tenant: str, source: str) -> None:
        self._parts = parts
        self._name = name
        self._content = content
        self._tenant = tenant
        self._source = source
        self._document = parts.keys.document(tenant, content.digest)
        self._time = parts.clock()
        self._period = parts.keys.period(self._time)
        self._findings: list[Placed] = []
        self._tokens: list[tuple[bytes, str, str]] = []
        self._rules: dict[tuple[str, str, str, str], int] = {}
        self._output = ""

    def outcome(self) -> Outcome:
        reading = self._parts.section.reading
        limit = reading.document_mib * MiB
        if self._content.size > limit:
            error = too_large(self._content.size, limit)
            with self._parts.readers.reader() as reader:
                read = self._read(reader, self._order("name"), [])
            read = msgspec.structs.replace(read, code=error.code, error=error.message, hint=error.hint or "")
            return self._judged(read)
        with self._parts.readers.reader() as reader:
            read = self._read(reader, self._order("inspect"), [self._content.descriptor], self._found)
            if read.code and not read.name:
                # Whatever the document did to its reader, its name has to be known without what is personal in it.
                shown = self._read(reader, self._order("name"), [])
                read = msgspec.structs.replace(read, name=shown.name, source=shown.source)
        try:
            self._content.must_be_the_same()
        except DocumentError as error:
            read = msgspec.structs.replace(read, code=error.code, error=error.message, hint=error.hint or "")
        return self._judged(read)

    def redacted(self, outcome: Outcome, target: Target) -> Outcome:
        """The outcome with the redacted document written to `target`, or a stricter one where it cannot be had clean."""
        with contextlib.ExitStack() as stack, self._parts.readers.reader() as reader:
            done = self._rounds(reader, target, stack, outcome.name)
        if isinstance(done, Reason):
            return msgspec.structs.replace(
                outcome,
                decision=outcome.decision.stricter(done.decision),
                reasons=(done, *outcome.reasons),
            )
        self._output = self._parts.keys.document(self._tenant, digest_of(target.descriptor))
        reason = Reason(
            code="pii.redacted",
            text=f"redacted in {done.edits} places, read again and found clean",
            decision=Decision.REDACT,
        )
        return msgspec.structs.replace(outcome, redacted=done, reasons=(reason, *outcome.reasons))

    def finished(self, outcome: Outcome, run: str | None, given: Source) -> Outcome:
        """The outcome with its place in the ledger; the subject index learns of the document after that."""
        place: Recorded | None = None
        if self._parts.ledger is not None:
            key = f"pii:{run if run is not None else secrets.token_hex(8)}:{self._document}:{self._parts.policy[:16]}"
            place = recorded(
                self._parts.ledger,
                outcome,
                time=self._time,
                tenant=self._tenant,
                policy=self._parts.policy,
                period=self._period,
                output=self._output,
                uid=key,
            )
        if self._parts.index is not None and not outcome.unknown:
            reference = self._source or str(given.path or given.name)
            self._parts.index(
                Sighting(
                    tenant=self._tenant, document=self._document, reference=reference, tokens=self._tokens
                )
            )
        return msgspec.structs.replace(outcome, recorded=place)

    @property
    def _seconds(self) -> float:
        reading = self._parts.section.reading
        return reading.seconds + self._content.size / (1024 * reading.kib_per_second)

    def _order(self, op: Literal["name", "inspect", "redact"]) -> Order:
        reading = self._parts.section.reading
        return Order(
            op=op,
            name=self._name,
            tenant=self._tenant,
            source=self._source,
            seconds=self._seconds,
            values=op == "inspect",
            container_bytes=reading.container_mib * MiB,
            pages=reading.pages,
        )

    def _read(
        self,
        reader: Reader,
        order: Order,
        files: Sequence[int],
        found: Callable[[Sequence[Found]], None] | None = None,
    ) -> Read:
        timeout = self._seconds * _CLOCK_SLACK
        return reader.read(order, files, timeout, found=found, tokens=self._replacements)

    def _found(self, found: Sequence[Found]) -> None:
        keys, indexed = self._parts.keys, self._parts.index is not None
        for item in found:
            value = item.canonical or ""
            key = (item.rule, item.decision, item.entity, item.basis)
            self._rules[key] = self._rules.get(key, 0) + 1
            if len(self._findings) < MOST:
                fingerprint = keys.fingerprint(self._tenant, self._period, item.entity, value)
                self._findings.append(Placed.of(item, fingerprint))
            if indexed:
                token = keys.token(self._tenant, item.entity, value)
                self._tokens.append(
                    (token, item.entity, item.label or f"line {item.line}, column {item.column}")
                )

    def _replacements(self, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
        """What stands in the place of data: keyed tokens, each made once."""
        answers = ["" for _ in wanted]
        secret: dict[tuple[str, str], list[int]] = {}
        for number, (method, entity, text) in enumerate(wanted):
            if method == Method.HASH.value:
                answers[number] = hashed(entity, self._parts.keys.hashed(self._tenant, entity, text))
            else:
                secret.setdefault((entity, text), []).append(number)
        if secret:
            if self._parts.pseudonyms is None:
                raise GuaritaError(
                    "pii.no-pseudonyms",
                    "the policy wants pseudonyms, and there is no key for them",
                    hint="name one by pii.pseudonyms.transit in guarita.yaml",
                )
            pairs = list(secret)
            for (entity, text), token in zip(pairs, self._parts.pseudonyms(self._tenant, pairs), strict=True):
                for number in secret[entity, text]:
                    answers[number] = pseudonym(entity, token)
        return answers

    def _judged(self, read: Read) -> Outcome:
        handling = self._parts.section.handling
        reasons: list[Reason] = []
        if read.code:
            reasons.append(
                Reason(
                    code=read.code, text=read.error, hint=read.hint, decision=Decision(handling.unreadable)
                )
            )
        for (rule, decision, entity, basis), count in sorted(self._rules.items()):
            text = f"{count} {short_name(entity)}: {decision}" + (f" ({basis})" if basis else "")
            reasons.append(Reason(code="pii.rule", text=text, rule=rule, decision=Decision(decision)))
        pictures, objects = read.unread.get("picture", 0), read.unread.get("object", 0)
        if pictures and handling.pictures != "allow":
            text = f"{pictures} pictures, whose content is not read"
            reasons.append(Reason(code="pii.pictures", text=text, decision=Decision(handling.pictures)))
        if objects:
            # What nobody reads may not pass; a redacted document is without it.
            what = Decision.REDACT if handling.embedded == "remove" else Decision.BLOCK
            text = f"{objects} embedded objects, whose content is not read"
            reasons.append(Reason(code="pii.embedded", text=text, decision=what))
        reasons.sort(key=lambda reason: -reason.decision.strictness)
        return Outcome(
            decision=max((reason.decision for reason in reasons), key=_strictness, default=Decision.ALLOW),
            reasons=tuple(reasons),
            name=read.name,
            source=read.source,
            document=self._document,
            kind=read.kind,
            findings=tuple(self._findings),
            counts=read.counts,
            unread=read.unread,
        )

    def _rounds(
        self, reader: Reader, target: Target, stack: contextlib.ExitStack, name: str
    ) -> Redacted | Reason:
        """Redact, read again, and redact what is found then; a few times at most."""
        given = self._content.descriptor
        edits, removed = 0, dict[str, int]()
        reading = msgspec.structs.replace(self._order("inspect"), name=name, source="", values=False)
        for number in range(1, ROUNDS + 1):
            if number > 1:
                given = stack.enter_context(target.spare())
            into = target.emptied()
            done = self._read(reader, self._order("redact"), [given, into])
            if done.code:
                return self._unredacted(done)
            edits += done.edits
            removed = {kind: removed.get(kind, 0) + count for kind, count in done.removed.items()} | {
                kind: count for kind, count in removed.items() if kind not in done.removed
            }
            again = self._read(reader, reading, [into])
            if again.code:
                return self._unredacted(again)
            left = {kind: count for kind, count in again.decisions.items() if kind != Decision.ALLOW.value}
            left |= {"object": again.unread["object"]} if again.unread.get("object") else {}
            if not left:
                return Redacted(edits=edits, removed=removed, rounds=number)
        return Reason(
            code="pii.not-clean",
            text=f"redacted {ROUNDS} times, and {sum(left.values())} data are still found",
            decision=Decision.BLOCK,
        )

    def _unredacted(self, read: Read) -> Reason:
        return Reason(
            code=read.code,
            text=f"it cannot be redacted: {read.error}",
            hint=read.hint,
            decision=Decision(self._parts.section.handling.unreadable),
        )


def _strictness(decision: Decision) -> int:
    return decision.strictness
