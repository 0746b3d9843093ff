"""What stands in the place of a datum: `[CPF]`, a mask, a keyed token, a pseudonym. None is found again as data.

Tokens are spelled in sixteen consonants: without digits no number is read in them, without vowels and capitals no
name.
"""

from __future__ import annotations

import re
from typing import Final

from guarita.pii.entities import short_name

_HEX: Final = "0123456789abcdef"
_LETTERS: Final = "bcdfghjkmnpqrstv"
_SPELL: Final = str.maketrans(_HEX, _LETTERS)
_READ: Final = str.maketrans(_LETTERS, _HEX)
PSEUDONYM: Final = re.compile(r"\[([A-Z][A-Z0-9_]*)~p:([bcdfghjkmnpqrstv]+)\]")
_SEEN: Final = re.compile(r"[^\W_]")


def replaced(entity: str) -> str:
    """`[CPF]`."""
    return f"[{short_name(entity)}]"


def masked(text: str) -> str:
    """Letters and digits as `*`; of the same length."""
    return _SEEN.sub("*", text)


def hashed(entity: str, digest: bytes) -> str:
    """`[CPF~h:…]`: the same for the same datum of a tenant."""
    return f"[{short_name(entity)}~h:{digest.hex().translate(_SPELL)}]"


def pseudonym(entity: str, sealed: bytes) -> str:
    """`[CPF~p:…]`: what can be turned back by whoever may."""
    return f"[{short_name(entity)}~p:{sealed.hex().translate(_SPELL)}]"


def sealed(token: str) -> tuple[str, bytes] | None:
    """The entity type and the bytes of a pseudonym; None for what is none."""
    match = PSEUDONYM.fullmatch(token.strip())
    if match is None or len(match[2]) % 2:
        return None
    return f"PII_{match[1]}", bytes.fromhex(match[2].translate(_READ))
