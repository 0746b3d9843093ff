"""The seam of redaction: what takes data out of one kind of document, and who tells it what to put there."""

from __future__ import annotations

import abc
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO, ClassVar, Literal, NamedTuple, Protocol

from guarita.pii.documents import Block, DocumentError, Limits, Source


class Edit(NamedTuple):
    """A stretch of a text, and what stands there afterwards."""

    start: int
    end: int
    text: str


class Editor(Protocol):
    """Says what is to be changed in the blocks of one document, which it is shown in their order."""

    def edits(self, block: Block) -> Sequence[Edit]:
        """Edits of the block's text, in order, without overlaps, each within one span or after the last one's start."""

    def word(self, text: str, label: str = "") -> str:
        """A short text that stands alone (a title, a name of a part) without what is personal in it."""


@dataclass(frozen=True)
class Choices:
    """What the policy says where there is more than one way."""

    embedded: Literal["remove", "refuse"] = "remove"
    pages: Literal["rasterise", "refuse"] = "rasterise"


@dataclass
class Report:
    """What was done to one document."""

    removed: Counter[str] = field(default_factory=Counter)
    """What was taken out as a whole, by kind."""


class Redactor(abc.ABC):
    """Takes data out of one kind of document. It has no state between documents."""

    kind: ClassVar[str]

    @abc.abstractmethod
    def redact(
        self, source: Source, target: BinaryIO, editor: Editor, limits: Limits, choices: Choices
    ) -> Report:
        """Write the document without what the editor wants changed; everything else stays as it is.

        Raises DocumentError where it cannot be read to its end, or not be changed for certain.
        """


Apply = Callable[[Block], Sequence[Edit]]


def not_redactable(why: str, hint: str | None = None) -> DocumentError:
    """The refusal of a document that data cannot be taken out of."""
    return DocumentError(
        "document.not-redactable", why, hint=hint or "remove what is in it in its own program, or keep it out"
    )
