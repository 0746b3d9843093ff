"""Telephone numbers that only their sentence calls so: no plan and no form says it."""

from __future__ import annotations

import re
from typing import Final

from guarita.pii.interface import Evidence
from guarita.pii.names.tokens import Span, Stretch

PHONE: Final = "PII_PHONE"
SURE: Final = 0.5
_NUMBER: Final = re.compile(
    r"(?<![\w.\-/+])(?<!\d )(?:\+|\(\+?)?\d(?:[ .\-/()]{0,2}\d){6,14}(?![^\W_])(?![ .\-/]\d)"
)
_OTHER: Final = re.compile(
    r"(?:19|20)\d\d-\d\d-\d\d|\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)\d\d|\d{1,3}(?:\.\d{3})+|\d+\.\d+\.\d+"
)
"""Dates, amounts and versions."""


def phones(stretch: Stretch, taken: list[Span]) -> list[Span]:
    """The numbers that the model takes for telephones, where no address is."""
    found = []
    for match in _NUMBER.finditer(stretch.text):
        start, end = match.span()
        parts = [token for token in stretch.tokens if start <= token.start < end and token.digits]
        if not parts or _OTHER.match(match.group()) or any(p.start < end and start < p.end for p in taken):
            continue
        size = sum(len(token.text) for token in parts)
        probability = sum(token.phone * len(token.text) for token in parts) / size
        if probability >= SURE:
            found.append(Span(PHONE, start, end, probability, (Evidence.MODEL,)))
    return found
