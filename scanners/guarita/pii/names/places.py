"""Addresses and places: one thing from the number to the country, however many lines it takes."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from guarita.pii.interface import Evidence
from guarita.pii.names import gazetteer, vocabulary
from guarita.pii.names.tokens import Span, Stretch, Token

ADDRESS: Final = "PII_ADDRESS"
LOCATION: Final = "PII_LOCATION"
SURE: Final = 0.5
HALF_SEEN: Final = 0.2
_GAP: Final = 4
"""Tokens that an address may go on over."""
_HOUSE: Final = 6
"""Digits of a house number or a postal code at most."""

_STREET_BEFORE: Final = re.compile(
    rf"(?<![^\W_]){vocabulary.STREETS_BEFORE}(?=[ \t]+(?-i:[A-ZÀ-Ý\d]|d[aeo]s? (?-i:[A-ZÀ-Ý])))[ \t]+[^\n,;:()]{{2,50}}?"
    r"[,\s]{1,3}(?:n[º°o.]{1,2}\s?)?\d{1,5}(?![\d.]\d)",
    re.IGNORECASE,
)
_STREET_AFTER: Final = re.compile(
    rf"(?<![\w.])\d{{1,6}}[A-Za-z]?,?[ \t]+(?:[NSEW]\.?[ \t]+)?(?-i:[A-ZÀ-Ý\d])[\w'.\-]*(?:[ \t]+[\w'.\-]+){{0,4}}?"
    rf"[ \t]+{vocabulary.STREETS_AFTER}(?![^\W_])",
    re.IGNORECASE,
)
_BOX: Final = re.compile(
    r"\b(?:p\.?\s?o\.?\s?box|caixa postal)\s+\d+|\b(?:psc|unit|cmr)\s+\d{1,4},?\s+box\s+\d{1,4}"
    r"|\b[afd]po,?\s+a[aep]\s+\d{5}|\b(?-i:US(?:NS|S|NV|CGC))\s+(?-i:[A-ZÀ-Ý])\w+(?=\s+[afd]po\b)",
    re.IGNORECASE,
)
_UNIT: Final = re.compile(
    r"\b(?:apt|apartment|suite|ste|unit|flat|apto|apartamento|bloco|sala|conjunto|andar)\b\.?\s{0,2}(?:n[º°]\s?)?\d+\w?",
    re.IGNORECASE,
)


def mark(stretch: Stretch) -> None:
    """Mark the tokens that the form of an address, or the name of a country or state, speaks for."""
    text, tokens = stretch.text, stretch.tokens
    for pattern in (_STREET_BEFORE, _STREET_AFTER, _BOX, vocabulary.STATE_AND_CODE):
        for match in pattern.finditer(text):
            _mark(tokens, match.start(), match.end(), Evidence.ADDRESS_FORM)
    for first, end in gazetteer.countries().find(tokens):
        for token in tokens[first:end]:
            token.rules.add(Evidence.PLACE_NAME)
    for first, end in gazetteer.cities().find(tokens):
        for token in tokens[first:end]:
            token.city = True
    for pattern in (vocabulary.CITY_AND_STATE, _UNIT):
        for match in pattern.finditer(text):
            _mark(tokens, match.start(), match.end(), Evidence.PLACE_NAME)
    for match in vocabulary.INTRODUCED_PLACE.finditer(text):
        _mark(tokens, match.start(1), match.end(1), Evidence.PLACE_NAME)


def _mark(tokens: Sequence[Token], start: int, end: int, rule: Evidence) -> None:
    for token in tokens:
        if token.start >= end:
            break
        if token.start >= start and (token.letters or token.digits):
            token.rules.add(rule)


def places(stretch: Stretch, people: Sequence[Span]) -> list[Span]:
    """The addresses and places in a stretch, in order; `people` are the names in it, which are surer or not."""
    text, tokens = stretch.text, stretch.tokens
    taken = [
        Evidence.ADDRESS_FORM not in token.rules
        and any(
            span.start <= token.start < span.end
            and (span.probability > token.where or " " in text[span.start : span.end])
            for span in people
        )
        for token in tokens
    ]
    core = [not busy and _is_part(token) for token, busy in zip(tokens, taken, strict=True)]
    found: list[Span] = []
    at = 0
    while at < len(tokens):
        if not core[at]:
            at += 1
            continue
        end = look = at + 1
        while look < len(tokens):
            if core[look]:
                end = look = look + 1
            elif taken[look] or not _bridges(stretch, end - 1, look):
                break
            else:
                look += 1
        start = at
        while start and not taken[start - 1] and _joins_left(stretch, start - 1):
            start -= 1
        span = _span(stretch, start, end)
        if span is not None:
            found.append(span)
        at = end
    return found


def _is_part(token: Token) -> bool:
    if Evidence.ADDRESS_FORM in token.rules:
        return True
    if token.digits:
        return token.address >= SURE
    if not token.letters:
        return False
    if token.where >= SURE:
        return True
    return Evidence.PLACE_NAME in token.rules and token.plain not in vocabulary.PARTICLES


def _bridges(stretch: Stretch, last: int, look: int) -> bool:
    """Whether an address may go on over a word: signs, words of addresses, numbers that the model half sees."""
    token = stretch.tokens[look]
    if look - last > _GAP or token.line - stretch.tokens[last].line > 1:
        return False
    if not (token.letters or token.digits):
        return token.text in ",.-/()#ºª°|&?"
    if token.plain in vocabulary.UNITS or token.plain in vocabulary.PARTICLES:
        return True
    if token.digits:
        return token.address + token.identifier >= HALF_SEEN or len(token.text) <= _HOUSE
    return (token.capital and len(token.text) <= 2) or token.where >= HALF_SEEN  # noqa: PLR2004


def _joins_left(stretch: Stretch, at: int) -> bool:
    """Whether a number straight before an address is its first part."""
    token, first = stretch.tokens[at], stretch.tokens[at + 1]
    return (
        token.digits
        and token.text.isdigit()
        and len(token.text) <= _HOUSE
        and first.letters
        and (first.street + first.number >= HALF_SEEN or Evidence.ADDRESS_FORM in first.rules)
        and stretch.text[token.end : first.start].strip(" ") == ""
    )


def _span(stretch: Stretch, start: int, end: int) -> Span | None:
    parts = stretch.tokens[start:end]
    if not any(token.letters and len(token.text) > 1 for token in parts):
        return None  # digits alone are no place
    evidence: set[Evidence] = set().union(*(token.rules for token in parts))
    strong = sorted((token.where for token in parts if token.letters and token.where >= SURE), reverse=True)[
        :3
    ]
    formed = Evidence.ADDRESS_FORM in evidence
    if not strong and not formed:
        # A country or a state by its name alone: it says something about somebody, or nothing.
        if not any(token.rules for token in parts if token.letters) or not vocabulary.ABOUT_PEOPLE.search(
            stretch.text
        ):
            return None
        return Span(LOCATION, parts[0].start, parts[-1].end, 0.5, (Evidence.PLACE_NAME,))
    if strong:
        evidence.add(Evidence.MODEL)
    probability = sum(strong) / len(strong) if strong else 0.0
    streets = sum(token.street + token.number >= SURE for token in parts)
    numbered = any(token.digits for token in parts)
    return Span(
        ADDRESS if formed or (streets and numbered) or streets > 1 else LOCATION,
        parts[0].start,
        parts[-1].end,
        max(probability, 0.85) if formed else probability,
        tuple(sorted(evidence, key=lambda it: it.name)),
    )
