"""The process that reads: orders in with open files, findings and an answer out. `python -I -m` starts it.

What a hostile document can reach is this process. Before the first document it gives up network, programs, other
processes and writing; what is left are the files that it is handed, memory and time within bounds.
"""

from __future__ import annotations

import dataclasses
import functools
import gc
import logging
import os
import warnings
from collections import Counter
from collections.abc import Sequence
from typing import BinaryIO, Final

import msgspec

from guarita.config.pii import PiiSection
from guarita.errors import GuaritaError
from guarita.pii import settings
from guarita.pii.canonical import canonical
from guarita.pii.documents import DEFAULT_LIMITS, Block, DocumentError, Limits, Source, blocks, kind_of
from guarita.pii.engine import Detector
from guarita.pii.entities import short_name
from guarita.pii.handling import HandlingPolicy, class_of
from guarita.pii.inspection import Inspector, Located
from guarita.pii.interface import Detection
from guarita.pii.reading.interface import FOUND, TOKENS, Found, Order, Read, Setup
from guarita.pii.redaction.editor import PolicyEditor
from guarita.pii.redaction.interface import Choices, Report
from guarita.pii.redaction.redact import redact
from guarita.process.confine import allow_cpu, confine
from guarita.process.serving import Channel

BATCH: Final = 500
"""Findings in one message."""
_WORDS: Final = frozenset({"PII_PERSON", "PII_ADDRESS", "PII_LOCATION"})
TENANTS: Final = 8
"""Tenants whose detectors are kept."""


def main() -> None:
    """Set up, give up what is not needed, and answer until nobody asks any more."""
    channel = Channel()
    logging.disable(logging.CRITICAL)
    warnings.simplefilter("ignore")
    request = channel.receive()
    if request is None:
        return
    setup = msgspec.json.decode(request[0], type=Setup)
    try:
        worker = _Worker(channel, setup)
        confine(memory=setup.memory)
    except GuaritaError as error:
        channel.answer({"code": error.code, "error": error.message, "hint": error.hint})
        return
    channel.answer({"ready": True})
    while (request := channel.receive()) is not None:
        line, files = request
        try:
            channel.answer(worker.obey(msgspec.json.decode(line, type=Order), files))
        finally:
            for file in files:
                os.close(file)


class _Worker:
    def __init__(self, channel: Channel, setup: Setup) -> None:
        self._channel = channel
        self._section = setup.section
        self._detector = functools.lru_cache(TENANTS)(self._build)
        # A model that is wanted and missing is found out before the first document.
        self._detector("")

    def _build(self, tenant: str) -> Detector:
        return detector_of(self._section, tenant)

    def obey(self, order: Order, files: list[int]) -> Read:
        allow_cpu(order.seconds)
        source = Source(order.name, descriptor=files[0] if files else None)
        task = _Task(self._channel, self._detector(order.tenant), order, self._section)
        try:
            task.look_at_name()
            if order.op == "name":
                return task.answer()
            if order.op == "redact":
                with os.fdopen(files[1], "wb", closefd=False) as target:
                    task.redact(source, target)
            else:
                task.inspect(source)
        except DocumentError as error:
            return task.answer(error.code, error.message, error.hint or "")
        except MemoryError:
            task.release()
            return task.answer("document.too-large", "reading it takes more memory than is allowed")
        except RecursionError:
            return task.answer("document.too-deep", "it is nested too deeply")
        except (GuaritaError, EOFError, BrokenPipeError):
            raise
        except Exception as error:  # noqa: BLE001  # a library's fault on a hostile document: named by type, its text may quote the content
            return task.answer("document.damaged", f"reading it failed ({type(error).__name__})")
        return task.answer()


class _Task:
    """One document, and what has been found in it so far."""

    def __init__(self, channel: Channel, detector: Detector, order: Order, section: PiiSection) -> None:
        self._channel = channel
        self._detector = detector
        self._order = order
        self._policy = HandlingPolicy(
            order.handling or section.handling, tenant=order.tenant, source=order.source
        )
        handling = order.handling or section.handling
        self._choices = Choices(embedded=handling.embedded, pages=handling.pages)
        self._report = Report()
        self._edits = 0
        self._limits = _limits(order)
        self._kind = ""
        self._name = ""
        self._source = ""
        self._counts: Counter[str] = Counter()
        self._decisions: Counter[str] = Counter()
        self._unread: Counter[str] = Counter()
        self._batch: list[Found] = []

    def look_at_name(self) -> None:
        """What is personal in the document's name counts as found in it."""
        self._name = self._shown(self._order.name, counts=True)
        self._source = self._shown(self._order.source)

    def inspect(self, source: Source) -> None:
        self._kind = kind_of(source)
        inspector = Inspector(self._detector)
        for block in blocks(source, self._limits):
            if block.unread:
                self._unread[block.unread] += 1
            for located in inspector.located(block):
                self._add(block, located)

    def redact(self, source: Source, target: BinaryIO) -> None:
        editor = PolicyEditor(self._detector, self._policy, self._tokens)
        self._kind, self._report = redact(source, target, editor, self._limits, self._choices)
        self._edits = editor.count

    def _tokens(self, wanted: Sequence[tuple[str, str, str]]) -> list[str]:
        reply = self._channel.ask(TOKENS, {"wanted": wanted})
        return msgspec.convert(reply["tokens"], list[str])

    def answer(self, code: str = "", error: str = "", hint: str = "") -> Read:
        self._flush()
        return Read(
            kind=self._kind,
            name=self._name,
            source=self._source,
            code=code,
            error=error,
            hint=hint,
            counts=dict(self._counts),
            decisions=dict(self._decisions),
            unread=dict(self._unread),
            edits=self._edits,
            removed=dict(self._report.removed),
        )

    def release(self) -> None:
        """Let go of what is not sent yet, and of what the document left behind."""
        self._batch.clear()
        gc.collect()

    def _shown(self, name: str, *, counts: bool = False) -> str:
        """A name or place without what is personal in it, which `counts` as found in the document, or does not."""
        text = name.translate({ord("_"): " "})
        parts: list[str] = []
        at = 0
        for detection in self._detector.detect(text):
            value = text[detection.start : detection.end]
            doubtful = detection.confidence == "low" and not detection.suspect
            # A model reads sentences; of a file's name it knows what looks like a whole name.
            if doubtful or (detection.entity in _WORDS and " " not in value):
                continue
            if counts:
                self._add_one(detection, value, label="name")
            parts += (name[at : detection.start], f"[{short_name(detection.entity)}]")
            at = detection.end
        return "".join((*parts, name[at:]))

    def _add(self, block: Block, located: Located) -> None:
        detection, place = located.detection, located.place
        self._add_one(
            detection,
            block.text[detection.start : detection.end],
            line=place.line,
            column=place.column,
            label=place.label,
            anchor=located.anchor,
        )

    def _add_one(
        self,
        detection: Detection,
        value: str,
        *,
        line: int = 0,
        column: int = 0,
        label: str = "",
        anchor: str = "",
    ) -> None:
        handling = self._policy.decide(detection, value)
        self._counts[detection.entity] += 1
        self._decisions[handling.decision.value] += 1
        self._batch.append(
            Found(
                entity=detection.entity,
                line=line,
                column=column,
                label=label,
                length=detection.end - detection.start,
                anchor=anchor,
                score=detection.score,
                confidence=detection.confidence,
                suspect=detection.suspect,
                reasons=detection.reasons,
                data_class=class_of(detection.entity, value).value,
                decision=handling.decision.value,
                method=handling.method.value,
                rule=handling.rule,
                basis=handling.basis,
                canonical=_sendable(canonical(detection.entity, value)) if self._order.values else None,
            )
        )
        if len(self._batch) >= BATCH:
            self._flush()

    def _flush(self) -> None:
        if self._batch:
            self._channel.aside(FOUND, {"found": self._batch})
            self._batch = []


def detector_of(section: PiiSection, tenant: str) -> Detector:
    """The detector that a section describes, for one tenant, with its model loaded."""
    made = settings.detector(section, tenant)
    made.load()
    return made


def _limits(order: Order) -> Limits:
    changed = {
        name: value
        for name, value in (("container_bytes", order.container_bytes), ("pages", order.pages))
        if value is not None
    }
    return dataclasses.replace(DEFAULT_LIMITS, **changed)


def _sendable(text: str) -> str:
    """A text that JSON can carry: half a surrogate pair cannot be."""
    return text.encode("utf-8", "replace").decode("utf-8")


if __name__ == "__main__":
    main()
