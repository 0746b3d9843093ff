"""What an API key looks like, so that a leaked one is found and a mistyped one is known without asking anybody.

`grt_ENVIRONMENT_ID_SECRET` with 43 characters of secret and 6 of checksum (CRC-32 of all before it), in base 62. The
checksum is no protection: it tells keys from what only looks like one (as GitHub's does,
https://github.blog/engineering/platform-security/behind-githubs-new-authentication-token-formats/).
"""

from __future__ import annotations

import re
import secrets
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

PATTERN: Final = r"grt_[a-z][a-z0-9]{1,11}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}"
"""For secret scanners; put word boundaries around it."""
MAX_LENGTH: Final = 79
_ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_KEY: Final = re.compile(r"grt_([a-z][a-z0-9]{1,11})_([0-9A-Za-z]{12})_([0-9A-Za-z]{43})([0-9A-Za-z]{6})")
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 43
"""Characters: 256 bits."""
_CHECK_LENGTH: Final = 6


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as its holder has it. Only `text` is secret, and is not shown."""

    environment: str
    key_id: str
    text: str = field(repr=False)


class MalformedKeyError(ValueError):
    """The text is no key; `checksum` tells whether it looks like one and is mistyped."""

    def __init__(self, *, checksum: bool) -> None:
        super().__init__("not an API key")
        self.checksum = checksum


def generate(environment: str, choose: Callable[[str], str] = secrets.choice) -> ApiKey:
    """A new key. `choose` picks a character, and must be a source fit for secrets."""
    key_id = "".join(choose(_ALPHABET) for _ in range(_ID_LENGTH))
    body = f"grt_{environment}_{key_id}_" + "".join(choose(_ALPHABET) for _ in range(_SECRET_LENGTH))
    return parse(body + checksum(body))


def parse(text: str) -> ApiKey:
    """The parts of a key. Raises MalformedKeyError."""
    found = _KEY.fullmatch(text) if len(text) <= MAX_LENGTH else None
    if found is None:
        raise MalformedKeyError(checksum=False)
    if checksum(text[:-_CHECK_LENGTH]) != found.group(4):
        raise MalformedKeyError(checksum=True)
    return ApiKey(found.group(1), found.group(2), text)


def checksum(body: str) -> str:
    """CRC-32 (ISO-HDLC, as in zlib) in base 62, six digits, the most significant first."""
    number, digits = zlib.crc32(body.encode("ascii")), []
    for _ in range(_CHECK_LENGTH):
        number, digit = divmod(number, len(_ALPHABET))
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))
