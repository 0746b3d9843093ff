"""Names, addresses and places from the model's words: where each begins and ends, and what it is not.

The model does not see capitals and reads a few hundred characters. What it lacks is decided here: a name
has capitals where the text has any, announced names need less evidence, a company is no person, an address
is one thing from its number to its country.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from guarita.pii.names import people, phones, places, weighing
from guarita.pii.names.interface import Word
from guarita.pii.names.tagger import Opinion
from guarita.pii.names.tokens import Span, stretch


def spans(text: str, words: Sequence[Word], opinions: Mapping[int, Opinion]) -> list[Span]:
    """What the words of one stretch of text make up, in order, without overlaps.

    `opinions` are the tagger's, by the words' places.
    """
    read = stretch(text, words, opinions)
    places.mark(read)
    weighing.weigh(read, weighing.shipped())
    named = people.people(read)
    placed = places.places(read, named)
    called = phones.phones(read, placed)
    free = [name for name in named if not any(p.start < name.end and name.start < p.end for p in placed)]
    return sorted((*free, *placed, *called), key=lambda span: span.start)
