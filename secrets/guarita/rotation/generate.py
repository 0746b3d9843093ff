"""New values, uniformly from the characters that are asked for."""

from __future__ import annotations

import base64
import string
from typing import Final

from guarita.config.rotation_base import GeneratorSection
from guarita.rotation.interface import Randomness

_ALPHABETS: Final = {
    "alphanumeric": string.ascii_letters + string.digits,
    "ascii": "".join(c for c in map(chr, range(0x21, 0x7F)) if c not in "'\"\\"),
}


def generate(section: GeneratorSection, randomness: Randomness) -> str:
    """A value of the section's form and length, after its prefix."""
    match section.form:
        case "hex":
            text = randomness(section.length).hex()
        case "base64":
            text = base64.b64encode(randomness(section.length)).decode()
        case "base64url":
            text = base64.urlsafe_b64encode(randomness(section.length)).rstrip(b"=").decode()
        case form:
            text = _drawn(_ALPHABETS[form], section.length, randomness)
    return section.prefix + text


def _drawn(alphabet: str, length: int, randomness: Randomness) -> str:
    # Bytes beyond the last whole multiple would make the first characters likelier: they are drawn again.
    limit = 256 - 256 % len(alphabet)
    text = ""
    while len(text) < length:
        text += "".join(alphabet[byte % len(alphabet)] for byte in randomness(length) if byte < limit)
    return text[:length]
