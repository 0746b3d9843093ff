"""A stretch of text as tokens that carry what the model and the tagger say about each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

from guarita.pii.interface import Evidence
from guarita.pii.names import vocabulary
from guarita.pii.names.interface import Word
from guarita.pii.names.tagger import Opinion


@dataclass(frozen=True)
class Span:
    """Something in a text, and how probable it is."""

    entity: str
    start: int
    end: int
    probability: float
    evidence: tuple[Evidence, ...]


@dataclass
class Token:
    """A word, a number or a sign of the text."""

    start: int
    end: int
    text: str
    plain: str
    """As it stands in the vocabulary's sets."""
    line: int
    given: float = 0.0
    surname: float = 0.0
    street: float = 0.0
    number: float = 0.0
    place: float = 0.0
    postcode: float = 0.0
    phone: float = 0.0
    identifier: float = 0.0
    looks_person: float = 0.0
    """What the tagger says of it as part of a name; 0 where it was not asked."""
    looks_place: float = 0.0
    form: float = 0.0
    """What the tagger says of its letters alone."""
    name: float = 0.0
    """Everything weighed: how probable it is that it belongs to a name."""
    where: float = 0.0
    """Everything weighed: how probable it is that it belongs to an address or a place."""
    announced: Evidence | None = None
    """What before it says that a name comes."""
    city: bool = False
    """Whether it is of the name of a city, as many surnames are too."""
    rules: set[Evidence] = field(default_factory=set)
    """What the form of an address says of it."""

    @property
    def person(self) -> float:
        """The model's probability that it belongs to a name."""
        return self.given + self.surname

    @property
    def address(self) -> float:
        """The model's probability that it belongs to an address."""
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


@dataclass(frozen=True)
class Stretch:
    """A text that the model has read at once."""

    text: str
    tokens: Sequence[Token]
    cased: bool
    """Whether it has capitals at all, so that the lack of one says something."""

    def could_be_name(self, at: int) -> bool:
        """Whether a token can be part of a name by its letters."""
        token = self.tokens[at]
        return (
            token.letters
            and (token.capital or not self.cased or token.announced is not None)
            and token.plain not in vocabulary.NOT_NAMES
            and token.plain not in vocabulary.TITLES
        )

    def together(self, left: int, right: int) -> bool:
        """Whether two tokens stand in one line with no more than a space and a sign between them."""
        first, second = self.tokens[left], self.tokens[right]
        return first.line == second.line and second.start - first.end <= 2  # noqa: PLR2004

    def neighbour(self, at: int, step: int) -> int | None:
        """The next word that can be part of the same name: particles, initials and their points are passed over."""
        look = at + step
        while 0 <= look < len(self.tokens) and self.tokens[look].line == self.tokens[at].line:
            token = self.tokens[look]
            if self.could_be_name(look) and len(token.text) > 1:
                return look
            if not (
                token.plain in vocabulary.PARTICLES
                or token.text == "."
                or (len(token.text) == 1 and token.letters)
            ):
                return None
            if abs(look - at) > 3:  # noqa: PLR2004
                return None
            look += step
        return None


def stretch(text: str, words: Sequence[Word], opinions: Mapping[int, Opinion]) -> Stretch:
    """A text's tokens with what the model says of its words, and the tagger, by the words' places."""
    tokens: list[Token] = []
    line = end = 0
    for match in vocabulary.TOKEN.finditer(text):
        start, word = match.start(), match.group()
        line += text.count("\n", end, start)
        end = match.end()
        tokens.append(Token(start, end, word, vocabulary.folded(word), line))
        if start in opinions:
            tokens[-1].looks_person, tokens[-1].looks_place, tokens[-1].form = opinions[start]
    _attach(text, tokens, words)
    found = Stretch(text, tokens, any(token.letters and token.capital for token in tokens))
    announced = {match.end() for match in vocabulary.INTRODUCTIONS.finditer(text)}
    for at, token in enumerate(tokens):
        if token.letters:
            token.announced = _announcement(tokens, at, announced)
    return found


def _attach(text: str, tokens: Sequence[Token], words: Sequence[Word]) -> None:
    at = 0
    for token in tokens:
        while at < len(words) and words[at].end <= token.start:
            at += 1
        look = at
        inside: list[Word] = []
        while look < len(words) and words[look].start < token.end:
            inside.append(words[look])
            look += 1
        # Apostrophes and hyphens within a word are words to the model; what counts is between them.
        inside = [word for word in inside if text[word.start].isalnum()] or inside
        if inside:
            means = [sum(column) / len(inside) for column in zip(*(word[2:] for word in inside), strict=True)]
            token.given, token.surname, token.street, token.number = means[:4]
            token.place, token.postcode, token.phone, token.identifier = means[4:]


def _announcement(tokens: Sequence[Token], at: int, announced: AbstractSet[int]) -> Evidence | None:
    """What before a word says that a name comes: a title, or a label or an introduction that ends there."""
    token = tokens[at]
    before = at - 1
    if before > 0 and tokens[before].text == ".":
        before -= 1
    if before >= 0:
        title = tokens[before]
        if title.plain in vocabulary.TITLES and token.capital and title.line == token.line:
            return Evidence.TITLE
    return Evidence.LABEL if token.start in announced else None


def line_of(text: str, at: int) -> tuple[int, int]:
    """Where the line around a place begins and ends."""
    end = text.find("\n", at)
    return text.rfind("\n", 0, at) + 1, len(text) if end < 0 else end
