"""Values whose standing is known: what is never reported, and what always is."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

from guarita.pii.fold import unaccented
from guarita.pii.interface import Detection, Evidence

LISTED: Final = "PII_LISTED"
"""The type of a denied value for which none is named."""
_SHORTEST: Final = 2


class Searchable(Protocol):
    """What finds a pattern in linear time: a compiled RE2."""

    def finditer(self, text: str) -> Iterator[Any]:
        """Matches in order."""
        ...

    def fullmatch(self, text: str) -> Any:
        """Whether the whole text matches."""
        ...


@dataclass(frozen=True)
class Listed:
    """A value without its case, accents, spaces and punctuation, or a pattern; for one type or for all."""

    value: str = ""
    pattern: Searchable | None = None
    entity: str | None = None


@dataclass(frozen=True)
class Lists:
    """Both lists of somebody."""

    allowed: Sequence[Listed] = ()
    denied: Sequence[Listed] = ()

    def allows(self, detection: Detection, text: str) -> bool:
        """Whether a detection is of a value that is no personal datum."""
        found = text[detection.start : detection.end]
        bare = plain_value(found)
        return any(
            (item.pattern.fullmatch(found) is not None if item.pattern else item.value == bare)
            for item in self.allowed
            if item.entity in {None, detection.entity}
        )

    def found(self, text: str) -> Iterator[Detection]:
        """Every denied value in a text."""
        folded = unaccented(text)
        for item in self.denied:
            matches: Iterable[Any]
            matches = item.pattern.finditer(text) if item.pattern else _spelled(item.value).finditer(folded)
            for match in matches:
                if match.end() > match.start():
                    yield Detection(
                        entity=item.entity or LISTED,
                        start=match.start(),
                        end=match.end(),
                        score=1.0,
                        evidence=(Evidence.LISTED,),
                        recognizer="Lists",
                    )


def plain_value(text: str) -> str:
    """A value as lists compare it."""
    return "".join(character for character in unaccented(text).casefold() if character.isalnum())


def _spelled(value: str) -> re.Pattern[str]:
    # Up to three signs between two letters or digits: `529.982.247-25` is `52998224725`.
    spelled = r"[\W_]{0,3}".join(map(re.escape, value))
    return re.compile(rf"(?<![^\W_]){spelled}(?![^\W_])", re.IGNORECASE)


def listed(value: str | None, pattern: Searchable | None, entity: str | None) -> Listed:
    """An entry of a list.

    Raises ValueError when a value has fewer than two letters or digits.
    """
    bare = plain_value(value or "")
    if pattern is None and len(bare) < _SHORTEST:
        raise ValueError("a listed value needs two letters or digits")
    return Listed(bare, pattern, entity)
