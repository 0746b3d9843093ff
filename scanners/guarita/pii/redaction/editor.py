"""The editor: what detection finds and the policy does not allow, replaced by the policy's method."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final

from guarita.pii.canonical import canonical, spelled
from guarita.pii.documents import Block, Place, Span
from guarita.pii.engine import Detector
from guarita.pii.handling import Decision, Handling, HandlingPolicy, Method
from guarita.pii.inspection import Inspector
from guarita.pii.interface import Detection
from guarita.pii.redaction.interface import Edit
from guarita.pii.redaction.tokens import masked, replaced

Tokens = Callable[[Sequence[tuple[str, str, str]]], list[str]]
"""Gives what stands in the place of each (method, entity, text)."""
_KEYED: Final = {Method.HASH, Method.PSEUDONYM}


class PolicyEditor:
    """Edits one document's blocks."""

    def __init__(self, detector: Detector, policy: HandlingPolicy, tokens: Tokens) -> None:
        self._inspector = Inspector(detector)
        self._policy = policy
        self._tokens = tokens
        self.count = 0
        """Data that were replaced."""

    def edits(self, block: Block) -> list[Edit]:
        """What is to be changed in a block."""
        wanted = [
            (detection, handling)
            for detection in self._inspector.detections(block)
            if (handling := self._handling(block, detection)) is not None
        ]
        answer: list[Edit] = []
        for (detection, _), text in zip(wanted, self._replacements(block, wanted), strict=True):
            parts = list(_within(block, detection))
            if not parts:
                continue
            self.count += 1
            # What goes over from one cell or paragraph into the next leaves its mark in the first.
            for number, (start, end) in enumerate(parts):
                answer.append(Edit(start, end, text if number == 0 else ""))
        return answer

    def word(self, text: str, label: str = "") -> str:
        """A text that stands alone, without what is personal in it."""
        if not text.strip():
            return text
        lead = f"{label}: " if label else ""
        span = Span(len(lead), len(lead) + len(text), Place())
        at = 0
        parts: list[str] = []
        for start, end, new in self.edits(Block(lead + text, (span,))):
            parts += (text[at : start - len(lead)], new)
            at = end - len(lead)
        return "".join((*parts, text[at:]))

    def _handling(self, block: Block, detection: Detection) -> Handling | None:
        handling = self._policy.decide(detection, block.text[detection.start : detection.end])
        return None if handling.decision is Decision.ALLOW else handling

    def _replacements(self, block: Block, wanted: Sequence[tuple[Detection, Handling]]) -> Iterator[str]:
        """What stands in the place of each, keyed tokens asked for all at once."""
        keyed = []
        for detection, handling in wanted:
            if handling.method in _KEYED:
                value = block.text[detection.start : detection.end]
                text = canonical if handling.method is Method.HASH else spelled
                keyed.append(
                    (handling.method.value, detection.entity, _sendable(text(detection.entity, value)))
                )
        tokens = iter(self._tokens(keyed) if keyed else ())
        for detection, handling in wanted:
            if handling.method in _KEYED:
                yield next(tokens)
            elif handling.method is Method.MASK:
                yield masked(block.text[detection.start : detection.end])
            else:
                yield replaced(detection.entity)


def _within(block: Block, detection: Detection) -> Iterator[tuple[int, int]]:
    """The parts of a detection that are the document's own text."""
    for span in block.spans:
        if span.start >= detection.end:
            return
        if span.end > detection.start:
            yield max(span.start, detection.start), min(span.end, detection.end)


def _sendable(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8")
