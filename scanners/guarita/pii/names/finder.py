"""Names and addresses in a text of any length: only where something may be, and each paragraph once."""

from __future__ import annotations

import hashlib
import secrets
import threading
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Final

from guarita.pii.names.echoes import echoes
from guarita.pii.names.interface import Classifier
from guarita.pii.names.spans import spans
from guarita.pii.names.tagger import Opinion, Tagger
from guarita.pii.names.tokens import Span
from guarita.pii.names.windows import prose, windows

_KEPT: Final = 8_192
"""Paragraphs whose spans are remembered: positions and probabilities, no text."""
_BRIEF: Final = 1_000
"""Characters of a text that the model always reads: in a message there is little to save."""
_PROPOSED: Final = 0.2
"""What some word of a paragraph must reach for the model to read it, in a longer text."""
_PROPOSED_SMALL: Final = 0.3
"""The same where a paragraph has no capitals, so that every word is asked about: rows of tables above all."""


class NameFinder:
    """Finds people, addresses and places. Safe to use from several threads."""

    def __init__(self, classifier: Classifier, tagger: Tagger) -> None:
        self._classifier = classifier
        self._tagger = tagger
        # Keyed, so that what a process remembers tells nothing about the paragraphs that it read.
        self._key = secrets.token_bytes(32)
        self._known: OrderedDict[bytes, tuple[Span, ...]] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, text: str) -> list[Span]:
        """The spans of a text in order.

        Raises ModelError.
        """
        shown = prose(text)
        found: list[Span] = []
        for start, end in windows(shown, self._classifier.longest):
            found += (
                _moved(span, start) for span in self._spans(shown[start:end], brief=len(text) <= _BRIEF)
            )
        found += echoes(text, found, self._tagger)
        return sorted(found, key=lambda span: span.start)

    def _spans(self, piece: str, *, brief: bool) -> Sequence[Span]:
        name = hashlib.blake2b(
            piece.encode("utf-8", "surrogatepass"), key=self._key, digest_size=16, salt=bytes([brief])
        ).digest()
        with self._lock:
            known = self._known.get(name)
            if known is not None:
                self._known.move_to_end(name)
                return known
        opinions = {start: opinion for start, _, opinion in self._tagger.opinions(piece)}
        found: tuple[Span, ...] = ()
        if brief or _promising(piece, opinions):
            found = tuple(spans(piece, self._classifier.classify([piece])[0], opinions))
        with self._lock:
            self._known[name] = found
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return found


def _promising(piece: str, opinions: Mapping[int, Opinion]) -> bool:
    least = _PROPOSED if any(piece[start].isupper() for start in opinions) else _PROPOSED_SMALL
    return any(opinion.person >= least or opinion.place >= least for opinion in opinions.values())


def _moved(span: Span, by: int) -> Span:
    return Span(span.entity, span.start + by, span.end + by, span.probability, span.evidence)
