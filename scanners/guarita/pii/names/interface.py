"""What a classifier of words gives, and the span that is made of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from guarita.errors import GuaritaError


class ModelError(GuaritaError):
    """The model cannot be used: `pii.model-missing` or `pii.model-damaged`. Then no answer about names is given."""


class Word(NamedTuple):
    """A word as the model sees it: a run of letters, a run of digits, or one sign.

    The probabilities are those that it belongs to something of a kind; what they lack to 1 is *nothing*.
    """

    start: int
    end: int
    given: float
    """A first name."""
    surname: float
    street: float
    """The name of a street."""
    number: float
    """A building's number, or that of a flat or a suite with its word."""
    place: float
    """A city, state or country."""
    postcode: float
    phone: float
    identifier: float
    """A number of some document or account, an address of the net."""

    @property
    def person(self) -> float:
        return self.given + self.surname

    @property
    def address(self) -> float:
        return self.street + self.number + self.place + self.postcode


class Classifier(Protocol):
    """A model that tells of each word what it may belong to."""

    longest: int
    """Characters that it takes at most at once."""

    def classify(self, texts: Sequence[str]) -> list[list[Word]]:
        """The words of each text in order.

        Raises ModelError.
        """
        ...
