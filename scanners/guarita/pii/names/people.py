"""Names of people: from the first word to the last, and what is no person although it is called like one."""

from __future__ import annotations

import re
from typing import Final

from guarita.pii.interface import Evidence
from guarita.pii.names import vocabulary
from guarita.pii.names.tokens import Span, Stretch, line_of

PERSON: Final = "PII_PERSON"
SURE: Final = 0.45
GOES_ON: Final = 0.2
"""What a word needs to go on a name that has begun."""
_PARTNERS: Final = re.compile(
    r"(?<!, )(?<!: )\b[A-Z][\w'\-]+, [A-Z][\w'\-]+,? (?:and|e|&) [A-Z][\w'\-]+(?! [A-Z])"
)


def people(stretch: Stretch) -> list[Span]:
    """The names in a stretch, in order. A title before a name is no part of it."""
    found: list[Span] = []
    at = 0
    while at < len(stretch.tokens):
        if not _starts(stretch, at):
            at += 1
            continue
        end = _end(stretch, at)
        span = _span(stretch, at, end)
        if span is not None:
            found.append(span)
        at = end
    return found


def _starts(stretch: Stretch, at: int) -> bool:
    if not stretch.could_be_name(at):
        return False
    token = stretch.tokens[at]
    following = stretch.neighbour(at, 1)
    if len(token.text) == 1:
        # An initial leads a name only with a sure word behind it.
        return following is not None and stretch.tokens[following].name >= SURE
    if token.name >= SURE:
        return True
    return token.name >= GOES_ON and following is not None and stretch.tokens[following].name >= SURE


def _end(stretch: Stretch, start: int) -> int:
    """The index after the last word of a name that starts at `start`."""
    tokens = stretch.tokens
    end = at = start + 1
    while at < len(tokens) and stretch.together(at - 1, at):
        token = tokens[at]
        initial = len(token.text) == 1 and token.letters and token.capital
        point = token.text == "." and len(tokens[at - 1].text) == 1
        particle = token.plain in vocabulary.PARTICLES and not (token.capital and token.name >= SURE)
        if initial or point or particle:
            at += 1  # part of the name when a word of it follows
        elif (token.plain in vocabulary.SUFFIXES and end == at) or (
            stretch.could_be_name(at) and (token.name >= GOES_ON or _carries_on(stretch, at))
        ):
            end = at = at + 1
        else:
            break
    return end


def _carries_on(stretch: Stretch, at: int) -> bool:
    """Whether a word that nobody knows goes on a name: capitalised, and straight after a first name."""
    token, before = stretch.tokens[at], stretch.tokens[at - 1]
    return (
        stretch.cased
        and token.capital
        and not token.text.isupper()
        and before.given >= SURE
        and token.where < SURE
        and token.plain not in vocabulary.CORPORATE
    )


def _span(stretch: Stretch, start: int, end: int) -> Span | None:
    tokens = stretch.tokens
    named = [token for token in tokens[start:end] if len(token.text) > 1 and token.letters]
    if not named:
        return None
    announced = named[0].announced
    if announced is not Evidence.TITLE and _is_company(stretch, start, end):
        return None
    best = sorted((token.name for token in named), reverse=True)[:2]
    return Span(
        PERSON,
        tokens[start].start,
        tokens[end - 1].end,
        sum(best) / len(best),
        (Evidence.MODEL,) if announced is None else (Evidence.MODEL, announced),
    )


def _is_company(stretch: Stretch, start: int, end: int) -> bool:
    tokens = stretch.tokens
    following = tokens[end] if end < len(tokens) else None
    if (
        following is not None
        and following.plain in vocabulary.CORPORATE
        and (following.capital or following.plain in vocabulary.LEGAL_FORMS)
        and stretch.together(end - 1, end)
    ):
        return True
    if end - start > 1 and any(token.plain in vocabulary.CORPORATE for token in tokens[start:end]):
        return True
    alone = end - start == 1 and tokens[start].given < tokens[start].surname
    return alone and _in_partnership(stretch.text, tokens[start].start)


def _in_partnership(text: str, at: int) -> bool:
    """Whether a surname is one of `Hawkins, Richardson and Santana`, as law firms and their like are called."""
    low, high = line_of(text, at)
    return any(match.start() <= at < match.end() for match in _PARTNERS.finditer(text, low, high))
