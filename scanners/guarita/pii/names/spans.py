"""Names, addresses and places from the model's words: where each begins and ends, and what it is not.

The model does not see capitals and reads a few hundred characters. What it lacks is decided here: a name
has capitals where the text has any, announced names need less evidence, a company is no person, an address
is one thing from its number to its country.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from guarita.pii.interface import Evidence
from guarita.pii.names import vocabulary
from guarita.pii.names.interface import Word
from guarita.pii.names.tagger import TOKEN, Opinion

PERSON, ADDRESS, LOCATION, PHONE = "PII_PERSON", "PII_ADDRESS", "PII_LOCATION", "PII_PHONE"

_SURE: Final = 0.5
_ANNOUNCED: Final = 0.06
_BESIDE: Final = 0.2
_UNCASED: Final = 0.75
_ALONE: Final = 0.75
"""What a single word needs that nothing announces: much certainty, or the looks of a name too."""
_LOOKS: Final = 0.4
_LOWER_LOOKS: Final = 0.15
_SHOUTED: Final = 0.15
"""What more a word needs that is all capitals where others are not: most such are places and acronyms."""
_GAP: Final = 4


@dataclass(frozen=True)
class Span:
    """Something in a text, with the mean of the model's probabilities for its words."""

    entity: str
    start: int
    end: int
    probability: float
    words: int
    evidence: tuple[Evidence, ...]


@dataclass
class _Token:
    """A word of the text with what the model says about it."""

    start: int
    end: int
    text: str
    plain: str
    person: float = 0.0
    given: float = 0.0
    street: float = 0.0
    number: float = 0.0
    place: float = 0.0
    postcode: float = 0.0
    phone: float = 0.0
    identifier: float = 0.0
    looks: float = 0.0
    """What the tagger says of it as a name."""
    rules: set[Evidence] = field(default_factory=set)

    @property
    def address(self) -> float:
        return self.street + self.number + self.place + self.postcode

    @property
    def letters(self) -> bool:
        return self.text[0].isalpha()

    @property
    def digits(self) -> bool:
        return self.text[0].isdigit()

    @property
    def capital(self) -> bool:
        return self.text[0].isupper()


def spans(text: str, words: Sequence[Word], opinions: Mapping[int, Opinion]) -> list[Span]:
    """What the words of one stretch of text make up, in order, without overlaps.

    `opinions` are the tagger's, by the words' places.
    """
    tokens = _tokens(text, words)
    for token in tokens:
        if token.start in opinions:
            token.looks = opinions[token.start].person
    cased = any(token.letters and token.capital for token in tokens)
    people = _people(text, tokens, cased=cased)
    _apply_rules(text, tokens)
    places = _places(text, tokens, people, cased=cased)
    phones = _phones(text, tokens, places)
    return sorted((*_without(people, places), *places, *phones), key=lambda span: span.start)


def _tokens(text: str, words: Sequence[Word]) -> list[_Token]:
    tokens = [
        _Token(match.start(), match.end(), match.group(), vocabulary.folded(match.group()))
        for match in TOKEN.finditer(text)
    ]
    at = 0
    for token in tokens:
        while at < len(words) and words[at].end <= token.start:
            at += 1
        inside = []
        look = at
        while look < len(words) and words[look].start < token.end:
            inside.append(words[look])
            look += 1
        # Apostrophes and hyphens within a word are words to the model; what counts is between them.
        inside = [word for word in inside if text[word.start].isalnum()] or inside
        if inside:
            means = [sum(column) / len(inside) for column in zip(*(word[2:] for word in inside), strict=True)]
            (token.given, surname, token.street, token.number) = means[:4]
            (token.place, token.postcode, token.phone, token.identifier) = means[4:]
            token.person = token.given + surname
    return tokens


# People


def _people(text: str, tokens: Sequence[_Token], *, cased: bool) -> list[Span]:
    found: list[Span] = []
    at = 0
    while at < len(tokens):
        if not _starts_name(text, tokens, at, cased=cased):
            at += 1
            continue
        end = _name_end(text, tokens, at, cased=cased)
        span = _person(text, tokens, at, end, cased=cased)
        if span is not None:
            found.append(span)
        at = end
    return found


def _could_be_name(token: _Token, *, cased: bool) -> bool:
    return (
        token.letters
        and (token.capital or not cased)
        and token.plain not in vocabulary.NOT_NAMES
        and token.plain not in vocabulary.TITLES
    )


def _starts_name(text: str, tokens: Sequence[_Token], at: int, *, cased: bool) -> bool:
    token = tokens[at]
    if not _could_be_name(token, cased=cased):
        return False
    if _announcement(text, tokens, at) is not None:
        return token.person >= _ANNOUNCED
    sure = _SURE if cased else _UNCASED
    if len(token.text) == 1:
        # An initial leads a name only with a sure one behind it.
        behind = at + 2 if _is(tokens, at + 1, ".") else at + 1
        return (
            behind < len(tokens)
            and len(tokens[behind].text) > 1
            and _could_be_name(tokens[behind], cased=cased)
            and tokens[behind].person >= sure
            and _same_line(text, tokens[at], tokens[behind])
        )
    if token.person >= sure:
        return True
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    return (
        token.person >= _BESIDE
        and following is not None
        and _could_be_name(following, cased=cased)
        and following.person >= sure
        and _same_line(text, token, following)
    )


def _name_end(text: str, tokens: Sequence[_Token], start: int, *, cased: bool) -> int:
    """The index after the last word of a name that starts at `start`."""
    end = start + 1
    at = start + 1
    low = _BESIDE if cased else _SURE
    while at < len(tokens):
        token = tokens[at]
        if not _same_line(text, tokens[at - 1], token):
            break
        if token.text == "." and at - 1 >= start and len(tokens[at - 1].text) == 1:
            at += 1
            continue
        if token.plain in vocabulary.PARTICLES and not token.capital and token.person < _SURE:
            at += 1
            continue
        if token.plain in vocabulary.SUFFIXES and end == at:
            end = at = at + 1
            continue
        if not _could_be_name(token, cased=cased):
            if not (cased and token.plain in vocabulary.PARTICLES):
                break
            at += 1
            continue
        if len(token.text) == 1:
            # A middle initial counts when a name follows it.
            at += 1
            continue
        if token.person < low and not _carries_on(tokens, at, cased=cased):
            break
        end = at = at + 1
    return end


def _carries_on(tokens: Sequence[_Token], at: int, *, cased: bool) -> bool:
    """Whether a word that the model does not know goes on a name: capitalised, and straight after a first name."""
    token, before = tokens[at], tokens[at - 1]
    return (
        cased
        and token.capital
        and not token.text.isupper()
        and before.given >= _SURE
        and token.address < _BESIDE
        and token.plain not in vocabulary.CORPORATE
    )


def _person(text: str, tokens: Sequence[_Token], start: int, end: int, *, cased: bool) -> Span | None:
    named = [token for token in tokens[start:end] if len(token.text) > 1 and token.letters]
    if not named:
        return None
    announced = _announcement(text, tokens, start)
    if announced is None and _is_company(text, tokens, start, end):
        return None
    if announced is None and not _convincing(named, cased=cased):
        return None
    best = sorted((token.person for token in named), reverse=True)[:2]
    evidence: tuple[Evidence, ...] = (Evidence.MODEL,)
    if announced is not None:
        evidence += (announced,)
    first, last = tokens[start], tokens[end - 1]
    return Span(PERSON, first.start, last.end, sum(best) / len(best), len(named), evidence)


def _convincing(named: Sequence[_Token], *, cased: bool) -> bool:
    """Whether words that nothing announces are a name: one alone must look like one, and so must small letters."""
    looks = max(token.looks for token in named)
    if len(named) > 1:
        return cased or looks >= _LOWER_LOOKS
    alone = named[0]
    if not cased and looks < _LOWER_LOOKS:
        return False
    shouted = cased and alone.text.isupper()
    return alone.person + _LOOKS * alone.looks >= _ALONE + (_SHOUTED if shouted else 0)


def _announcement(text: str, tokens: Sequence[_Token], at: int) -> Evidence | None:
    """What before a word says that a name comes: a title, a label, an introduction."""
    before = tokens[at - 1] if at else None
    if before is not None and before.text == "." and at > 1:
        before = tokens[at - 2]
    if (
        before is not None
        and before.plain in vocabulary.TITLES
        and before.capital
        and tokens[at].capital
        and _same_line(text, before, tokens[at])
    ):
        return Evidence.TITLE
    start = tokens[at].start
    if vocabulary.INTRODUCTIONS.search(text, max(0, start - 60), start):
        return Evidence.LABEL
    return None


def _is_company(text: str, tokens: Sequence[_Token], start: int, end: int) -> bool:
    following = tokens[end] if end < len(tokens) else None
    if (
        following is not None
        and following.plain in vocabulary.CORPORATE
        and (following.capital or following.plain in {"inc", "ltd", "llc", "ltda", "gmbh"})
        and _same_line(text, tokens[end - 1], following)
    ):
        return True
    if any(token.plain in vocabulary.CORPORATE for token in tokens[start + 1 : end]):
        return True
    return _in_partnership(text, tokens, start, end)


def _in_partnership(text: str, tokens: Sequence[_Token], start: int, end: int) -> bool:
    """Whether a surname is one of `Hawkins, Richardson and Santana`, as law firms and their like are called."""
    if end - start != 1:
        return False
    first = text.rfind("\n", 0, tokens[start].start) + 1
    line = text[first : _line_end(text, tokens[start].end)]
    at = tokens[start].start - first
    return any(
        match.start() <= at < match.end()
        for match in re.finditer(
            r"\b[A-Z][\w'\-]+, [A-Z][\w'\-]+,? (?:and|e|&) [A-Z][\w'\-]+(?! [A-Z])", line
        )
    )


# Addresses and places

_STREET_BEFORE: Final = re.compile(
    rf"(?<![^\W_]){vocabulary.STREETS_BEFORE}(?=[ \t]+(?-i:[A-ZÀ-Ý\d]))[ \t]+[^\n,;:()]{{2,50}}?"
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


def _apply_rules(text: str, tokens: Sequence[_Token]) -> None:
    """What the form of an address says, added to what the model says."""
    for pattern, kind in (
        (_STREET_BEFORE, "street"),
        (_STREET_AFTER, "street"),
        (_BOX, "number"),
        (vocabulary.STATE_AND_CODE, "postcode"),
        (vocabulary.CITY_AND_STATE, "place"),
        (vocabulary.places(), "place"),
    ):
        for match in pattern.finditer(text):
            _mark(tokens, match.start(), match.end(), kind, weak=kind == "place")
    for match in _UNIT.finditer(text):
        _mark(tokens, match.start(), match.end(), "number", weak=True)


def _mark(tokens: Sequence[_Token], start: int, end: int, kind: str, *, weak: bool) -> None:
    for token in tokens:
        if token.start >= end:
            break
        if token.start >= start and (token.letters or token.digits):
            token.rules.add(Evidence.PLACE_NAME if weak else Evidence.ADDRESS_FORM)
            if not weak:
                setattr(token, kind, max(getattr(token, kind), 0.85))


def _places(text: str, tokens: Sequence[_Token], people: Sequence[Span], *, cased: bool) -> list[Span]:
    taken = [
        any(span.start <= token.start < span.end and span.probability > token.address for span in people)
        and Evidence.ADDRESS_FORM not in token.rules
        for token in tokens
    ]
    core = [not busy and _is_part(token, cased=cased) for token, busy in zip(tokens, taken, strict=True)]
    found: list[Span] = []
    at = 0
    while at < len(tokens):
        if not core[at]:
            at += 1
            continue
        end = at + 1
        look = end
        while look < len(tokens):
            if core[look]:
                end = look = look + 1
            elif taken[look] or not _bridges(text, tokens, end - 1, look):
                break
            else:
                look += 1
        start = at
        while start and not taken[start - 1] and _joins_left(text, tokens, start - 1, start):
            start -= 1
        span = _place(text, tokens[start:end])
        if span is not None:
            found.append(span)
        at = end
    return found


def _is_part(token: _Token, *, cased: bool) -> bool:
    if token.digits:
        return token.address >= _SURE
    if not token.letters:
        return False
    if token.address >= _SURE:
        return not cased or token.capital or token.street + token.number >= _SURE
    return Evidence.PLACE_NAME in token.rules


def _bridges(text: str, tokens: Sequence[_Token], last: int, look: int) -> bool:
    """Whether an address may go on over a word: signs, words of addresses, numbers that the model half sees."""
    token = tokens[look]
    if look - last > _GAP or text.count("\n", tokens[last].end, token.start) > 1:
        return False
    if not (token.letters or token.digits):
        return token.text in ",.-/()#ºª°|&?"
    if token.plain in vocabulary.UNITS or token.plain in vocabulary.PARTICLES:
        return True
    if token.digits:
        return token.address + token.identifier >= _BESIDE or len(token.text) <= 6  # noqa: PLR2004
    return (token.capital and len(token.text) <= 2) or token.address >= _BESIDE  # noqa: PLR2004


def _joins_left(text: str, tokens: Sequence[_Token], at: int, start: int) -> bool:
    """Whether a number straight before an address is its first part."""
    token, first = tokens[at], tokens[start]
    return (
        token.digits
        and token.text.isdigit()
        and len(token.text) <= 6  # noqa: PLR2004  # house numbers and postal codes
        and first.letters
        and first.street + first.number >= _BESIDE
        and text[token.end : first.start].strip(" ") == ""
    )


def _place(text: str, parts: Sequence[_Token]) -> Span | None:
    lettered = [token for token in parts if token.letters and len(token.text) > 1]
    if not lettered:
        return None  # digits alone are no place
    strong = [token for token in parts if token.address >= _SURE]
    evidence: set[Evidence] = set()
    for token in parts:
        evidence |= token.rules
    streets = [token for token in parts if token.street + token.number >= _SURE]
    numbered = any(token.digits for token in parts)
    if not strong:
        # A country or a state by its name alone: it says something about somebody, or nothing.
        if not vocabulary.ABOUT_PEOPLE.search(text):
            return None
        return Span(LOCATION, parts[0].start, parts[-1].end, 0.5, len(lettered), (Evidence.PLACE_NAME,))
    evidence.add(Evidence.MODEL)
    best = sorted((token.address for token in strong), reverse=True)[:3]
    entity = ADDRESS if streets and (numbered or len(streets) > 1) else LOCATION
    return Span(
        entity,
        parts[0].start,
        parts[-1].end,
        sum(best) / len(best),
        len(lettered),
        tuple(sorted(evidence, key=lambda it: it.name)),
    )


# Telephones

_PHONE: Final = re.compile(r"(?<![\w.\-/+])(?:\+|\(\+?)?\d(?:[ .\-/()]{0,2}\d){6,14}(?![^\W_])(?![.\-/]\d)")
_CALENDAR: Final = re.compile(
    r"(?:19|20)\d\d-\d\d-\d\d|\d{1,2}[./\-]\d{1,2}[./\-](?:19|20)\d\d|\d{1,3}(?:\.\d{3})+|\d+\.\d+\.\d+"
)


def _phones(text: str, tokens: Sequence[_Token], places: Sequence[Span]) -> list[Span]:
    """Numbers that the sentence calls: no form or plan says so, only what stands around them."""
    found = []
    for match in _PHONE.finditer(text):
        start, end = match.span()
        parts = [token for token in tokens if start <= token.start < end and token.digits]
        if (
            not parts
            or _CALENDAR.match(match.group())
            or any(p.start < end and start < p.end for p in places)
        ):
            continue
        probability = sum(token.phone * len(token.text) for token in parts) / sum(
            len(token.text) for token in parts
        )
        if probability >= _SURE:
            found.append(Span(PHONE, start, end, probability, len(parts), (Evidence.MODEL,)))
    return found


# Text


def _is(tokens: Sequence[_Token], at: int, text: str) -> bool:
    return at < len(tokens) and tokens[at].text == text


def _same_line(text: str, left: _Token, right: _Token) -> bool:
    return "\n" not in text[left.end : right.start] and right.start - left.end <= 2  # noqa: PLR2004


def _line_end(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _without(people: Sequence[Span], places: Sequence[Span]) -> list[Span]:
    return [
        person for person in people if not any(p.start < person.end and person.start < p.end for p in places)
    ]
