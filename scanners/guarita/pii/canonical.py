"""One spelling for every spelling of a datum, so that a person is found however the number was typed."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

import phonenumbers

from guarita.pii.fold import plain

_INVISIBLE: Final = re.compile(r"[\u00ad\u200b-\u200f\u2060-\u2064\ufeff]")
_NO_LETTER_OR_DIGIT: Final = re.compile(r"[\W_]+")
_SPACES: Final = re.compile(r"\s+")
_LENGTHS: Final = {"CPF": 11, "CNPJ": 14, "PIS": 11, "CNH": 11, "RENAVAM": 11, "TITULO_ELEITOR": 12}
"""Digits of numbers that programs write without their leading zeros."""
_WORDS: Final = frozenset({"PERSON", "ADDRESS", "LOCATION"})
_REGION: Final = "BR"


def canonical(entity: str, value: str) -> str:
    """The one spelling that is compared: of `529.982.247-25` it is `52998224725`, of a telephone its E.164 form.

    Names and addresses: without case and accents, one space between words. It is personal data as the value is.
    """
    name = entity.removeprefix("PII_")
    text = clean(value)
    if name == "EMAIL":
        return text.casefold().replace(" ", "").removeprefix("mailto:")
    if name == "PHONE":
        return _telephone(text)
    if name in _WORDS:
        return _SPACES.sub(" ", _NO_LETTER_OR_DIGIT.sub(" ", _unaccented(text).casefold())).strip()
    if any(character.isdigit() for character in text):
        joined = _NO_LETTER_OR_DIGIT.sub("", text).upper()
        return joined.zfill(_LENGTHS.get(name, 0))
    return _SPACES.sub(" ", _unaccented(text).casefold()).strip()


def spelled(entity: str, value: str) -> str:
    """What a pseudonym gives back: the canonical form of a number or address, other text as it is written."""
    name = entity.removeprefix("PII_")
    text = clean(value)
    if name in {"EMAIL", "PHONE"} or (name not in _WORDS and any(character.isdigit() for character in text)):
        return canonical(entity, value)
    return text


def clean(value: str) -> str:
    """Without characters that nobody sees, in ASCII's forms of digits, one space for many."""
    text = plain(unicodedata.normalize("NFC", _INVISIBLE.sub("", value)))
    return _SPACES.sub(" ", text).strip()


def _unaccented(text: str) -> str:
    return "".join(
        character for character in unicodedata.normalize("NFKD", text) if not unicodedata.combining(character)
    )


def _telephone(text: str) -> str:
    try:
        number = phonenumbers.parse(text, _REGION)
    except phonenumbers.NumberParseException:
        return _NO_LETTER_OR_DIGIT.sub("", text)
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
