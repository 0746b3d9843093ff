"""Everything that is known of a word weighed into one probability: the model, the tagger, neighbours, letters.

The model was trained on English above all and sees no capitals; the tagger knows the look of Portuguese names
and not the sentence. A logistic regression over both and over their opinion of the neighbours is right more
often than either (docs/pii-model.md), and what it gives is a probability. `training/weighing.py` fits it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from guarita.pii.interface import Evidence
from guarita.pii.names import vocabulary
from guarita.pii.names.tokens import Stretch, Token

_LEAST: Final = 0.005
_CERTAIN: Final = 0.95
_LIKELY: Final = 0.5
_PREPOSITIONS: Final = vocabulary.words(
    "in at from to near em no na nos nas de do da para ate of through toward via entre segundo conforme por by with com"
)
_OF: Final = frozenset({"de", "da", "do", "dos", "das", "of"})
_ARTICLES: Final = vocabulary.words("o a ao pro pra pela pelo the")
_JOINING: Final = frozenset({",", "and", "e", "&", "ou", "or"})
_SPEECH: Final = vocabulary.SPEECH

PERSON_FEATURES: Final = (
    "model", "model_sure", "given", "form", "form_likely", "model_place", "tagger_place",
    "before_model", "before_form", "after_model", "after_form", "has_before", "has_after",
    "title", "label", "uncased", "uncased_model", "uncased_form", "sentence", "line", "line_alone", "shouted", "camel",
    "preposition", "speech", "short", "digits_after", "colon_after", "list", "role", "place_name", "city", "article", "bias",
)  # fmt: skip
PLACE_FEATURES: Final = (
    "model", "street", "tagger_place", "model_person", "tagger",
    "before_model", "after_model", "before_tagger", "after_tagger",
    "rule", "name_rule", "uncased", "sentence", "line", "shouted", "camel", "preposition", "digits_after", "digits_before",
    "title", "label", "short", "city", "city_preposition", "bias",
)  # fmt: skip


@dataclass(frozen=True)
class Weights:
    """What each feature counts for."""

    person: tuple[float, ...]
    place: tuple[float, ...]


def weigh(stretch: Stretch, weights: Weights) -> None:
    """Set `name` and `where` of every token that can be of a name or a place."""
    for at, token in enumerate(stretch.tokens):
        if not token.letters:
            token.where = token.address if token.digits else 0.0
            continue
        if stretch.could_be_name(at):
            token.name = _probability(person_features(stretch, at), weights.person)
        if token.capital or not stretch.cased:
            token.where = _probability(place_features(stretch, at), weights.place)
        else:
            # A word of small letters in an address: `street`, `apt`; the model alone judges it.
            token.where = token.street + token.number


def person_features(stretch: Stretch, at: int) -> list[float]:
    """The features of a word as part of a name, as `PERSON_FEATURES` calls them."""
    tokens = stretch.tokens
    token = tokens[at]
    before, after = stretch.neighbour(at, -1), stretch.neighbour(at, 1)
    uncased = not stretch.cased
    model, form = _odds(token.person), _odds(token.form)
    following = tokens[at + 1] if at + 1 < len(tokens) else None
    alone_in_line = _starts_line(tokens, at) and (following is None or following.line != token.line)
    return [
        model,
        float(token.person >= _CERTAIN),
        token.given,
        form,
        float(token.form >= _LIKELY),
        _odds(token.address),
        _odds(token.looks_place),
        _odds(tokens[before].person) if before is not None else 0.0,
        _odds(tokens[before].form) if before is not None else 0.0,
        _odds(tokens[after].person) if after is not None else 0.0,
        _odds(tokens[after].form) if after is not None else 0.0,
        float(before is not None),
        float(after is not None),
        float(token.announced is Evidence.TITLE),
        float(token.announced is Evidence.LABEL),
        float(uncased),
        model if uncased else 0.0,
        form if uncased else 0.0,
        float(_starts_sentence(tokens, at)),
        float(_starts_line(tokens, at)),
        float(alone_in_line),
        float(stretch.cased and len(token.text) > 1 and token.text.isupper()),
        float(_camel(token)),
        float(at > 0 and tokens[at - 1].plain in _PREPOSITIONS),
        float(_spoken(tokens, at)),
        float(len(token.text) <= 3),  # noqa: PLR2004
        float(following is not None and following.digits and following.line == token.line),
        float(following is not None and following.text == ":" and _starts_line(tokens, at)),
        _listed(stretch, at),
        float(_in_role(tokens, at)),
        float(Evidence.PLACE_NAME in token.rules),
        float(token.city),
        float(at > 0 and tokens[at - 1].plain in _ARTICLES and tokens[at - 1].line == token.line),
        1.0,
    ]


def place_features(stretch: Stretch, at: int) -> list[float]:
    """The features of a word as part of a place, as `PLACE_FEATURES` calls them."""
    tokens = stretch.tokens
    token = tokens[at]
    before = tokens[at - 1] if at else None
    after = tokens[at + 1] if at + 1 < len(tokens) else None
    return [
        _odds(token.address),
        token.street,
        _odds(token.looks_place),
        _odds(token.person),
        _odds(token.looks_person),
        before.address if before else 0.0,
        after.address if after else 0.0,
        before.looks_place if before else 0.0,
        after.looks_place if after else 0.0,
        float(Evidence.ADDRESS_FORM in token.rules),
        float(Evidence.PLACE_NAME in token.rules),
        float(not stretch.cased),
        float(_starts_sentence(tokens, at)),
        float(_starts_line(tokens, at)),
        float(stretch.cased and len(token.text) > 1 and token.text.isupper()),
        float(_camel(token)),
        float(before is not None and before.plain in _PREPOSITIONS),
        float(after is not None and after.digits and after.line == token.line),
        float(before is not None and before.digits and before.line == token.line),
        float(token.announced is Evidence.TITLE),
        float(token.announced is Evidence.LABEL),
        float(len(token.text) <= 3),  # noqa: PLR2004
        float(token.city),
        float(token.city and _led_by_preposition(tokens, at)),
        1.0,
    ]


def _led_by_preposition(tokens: Sequence[Token], at: int) -> bool:
    """Whether a preposition stands before a word, or before the name of a city that it goes on."""
    look = at - 1
    while look >= 0 and tokens[look].city and tokens[look].line == tokens[at].line:
        look -= 1
    return look >= 0 and tokens[look].plain in _PREPOSITIONS


def _probability(features: Sequence[float], weights: Sequence[float]) -> float:
    total = sum(map(float.__mul__, features, weights))
    return 1 / (1 + math.exp(-max(-30.0, min(30.0, total))))


def _odds(probability: float) -> float:
    bounded = min(max(probability, _LEAST), 1 - _LEAST)
    return math.log(bounded / (1 - bounded))


def _listed(stretch: Stretch, at: int) -> float:
    """How much of a name the other words of a list are: `Ana, Rui e Inês`."""
    tokens = stretch.tokens
    others = [
        tokens[look].person
        for sign, look in ((at - 1, at - 2), (at + 1, at + 2))
        if 0 <= look < len(tokens) and tokens[sign].plain in _JOINING and stretch.could_be_name(look)
    ]
    return max(others, default=0.0)


def _in_role(tokens: Sequence[Token], at: int) -> bool:
    """Whether a word says what somebody is straight before: `a paciente Ana`, `meu marido, Rui,`, `filho de Inês`."""
    look = at - 1
    if look >= 0 and (tokens[look].text == "," or tokens[look].plain in _OF):
        look -= 1
    return look >= 0 and tokens[look].plain in vocabulary.ROLES and tokens[look].line == tokens[at].line


def _starts_sentence(tokens: Sequence[Token], at: int) -> bool:
    return at > 0 and tokens[at - 1].text in ".!?"


def _starts_line(tokens: Sequence[Token], at: int) -> bool:
    return at == 0 or tokens[at - 1].line != tokens[at].line


def _camel(token: Token) -> bool:
    return (
        any(map(str.isupper, token.text[1:]))
        and not token.text.isupper()
        and "-" not in token.text
        and "'" not in token.text
    )


def _spoken(tokens: Sequence[Token], at: int) -> bool:
    return any(tokens[look].plain in _SPEECH for look in (at - 1, at + 1) if 0 <= look < len(tokens))


@cache
def shipped() -> Weights:
    """The weights that ship in the package.

    Raises ValueError when they are not those of these features.
    """
    table = json.loads((files(__package__) / "data" / "weights.json").read_bytes())
    if tuple(table["person"]) != PERSON_FEATURES or tuple(table["place"]) != PLACE_FEATURES:
        raise ValueError("the weights are of other features: run training/weighing.py")
    return Weights(tuple(map(float, table["person"].values())), tuple(map(float, table["place"].values())))
