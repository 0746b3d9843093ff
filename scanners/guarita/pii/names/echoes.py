"""Names that the document itself gives away: said again later, or spelled in an e-mail address beside them."""

from __future__ import annotations

import bisect
import re
from collections.abc import Iterable, Sequence
from typing import Final

from guarita.pii.fold import unaccented
from guarita.pii.interface import Evidence
from guarita.pii.names import vocabulary
from guarita.pii.names.people import PERSON
from guarita.pii.names.tagger import Tagger
from guarita.pii.names.tokens import Span

_SURE: Final = 0.8
"""What a name must be for its words to be looked for elsewhere."""
_LOOKS: Final = 0.3
"""What a word alone must look like: *Rosa* and *Lima* are names, and *Agora* is not."""
_SHORTEST: Final = 4
_AGAIN: Final = 0.65
_SPELLED: Final = 0.85
_NEAR: Final = 300
"""Characters around an e-mail address in which its owner's name is looked for."""
_MOST: Final = 200
"""Names of one document whose words are looked for."""
_WORD: Final = re.compile(r"[^\W\d_]+(?:['\-](?!s\b)[^\W\d_]+)*")
_EMAIL: Final = re.compile(r"(?<![\w.%+\-])([\w.%+\-]{3,64})@[\w\-]{1,63}\.[\w.\-]{2,}")
_NAME: Final = re.compile(r"(?<![^\W_])[^\W\d_]+\.?(?:[ ][^\W\d_]+\.?){0,3}(?![^\W_])")


def echoes(text: str, spans: Sequence[Span], tagger: Tagger) -> list[Span]:
    """Names that follow from others and from e-mail addresses, where none is found yet."""
    taken = sorted((span.start, span.end) for span in spans)
    found: list[Span] = []
    for candidate in (*_spelled(text), *_again(text, spans, tagger)):
        place = (candidate.start, candidate.end)
        at = bisect.bisect(taken, place)
        before = at == 0 or taken[at - 1][1] <= candidate.start
        if before and (at == len(taken) or candidate.end <= taken[at][0]):
            found.append(candidate)
            taken.insert(at, place)
    return found


def _again(text: str, spans: Sequence[Span], tagger: Tagger) -> Iterable[Span]:
    words: set[str] = set()
    for span in spans:
        parts = _WORD.findall(text[span.start : span.end])
        if span.entity == PERSON and span.probability >= _SURE and len(parts) > 1 and len(words) < _MOST:
            words.update(part for part in parts if _distinctive(part, tagger))
    if not words:
        return
    for match in _WORD.finditer(text):
        if match.group() in words:
            yield Span(PERSON, match.start(), match.end(), _AGAIN, (Evidence.NAMED_ELSEWHERE,))


def _distinctive(word: str, tagger: Tagger) -> bool:
    plain = vocabulary.folded(word)
    if (
        len(word) < _SHORTEST
        or not word[0].isupper()
        or plain in vocabulary.NOT_NAMES
        or plain in vocabulary.CORPORATE
    ):
        return False
    return any(opinion.form >= _LOOKS for _, _, opinion in tagger.opinions(word))


def _spelled(text: str) -> Iterable[Span]:
    for address in _EMAIL.finditer(text):
        local = _letters(address.group(1))
        if len(local) < _SHORTEST:
            continue
        low, high = max(0, address.start() - _NEAR), min(len(text), address.end() + _NEAR)
        for match in _NAME.finditer(text, low, high):
            span = _owner(text, match, local)
            if span is not None and not (address.start() <= span.start < address.end()):
                yield span


def _owner(text: str, match: re.Match[str], local: str) -> Span | None:
    """The words within a run of words that an address spells: `Ana Souza` in `anasouza`, `ana.souza`, `asouza`."""
    words = list(_WORD.finditer(text, match.start(), match.end()))
    for first in range(len(words)):
        for last in range(len(words), first + 1, -1):
            group = [word.group() for word in words[first:last]]
            if not (group[0][0].isupper() and group[-1][0].isupper()):
                continue
            plain = [_letters(word) for word in group if vocabulary.folded(word) not in vocabulary.PARTICLES]
            if len(plain) > 1 and local in {
                "".join(plain),
                "".join(plain[::-1]),
                plain[0] + plain[-1],
                plain[0][:1] + plain[-1],
            }:
                return Span(
                    PERSON,
                    words[first].start(),
                    words[last - 1].end(),
                    _SPELLED,
                    (Evidence.SPELLED_IN_EMAIL,),
                )
    return None


def _letters(word: str) -> str:
    return re.sub("[^a-z]", "", unaccented(word).lower())
