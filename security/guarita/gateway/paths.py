"""The canonical path: decoded once, the same for the gateway and for what stands behind it, or refused.

Where two readers of a path may disagree (RFC 3986 section 6, RFC 9110 section 4.2.3), an attacker chooses who is
right. So a path in which they could is refused, and none is repaired.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from typing import Final

from guarita.gateway.refusal import RefusalError

MAX_PATH: Final = 8_192
"""Bytes of a path as it was sent."""
_PLAIN: Final = re.compile(rb"(/[A-Za-z0-9_~!$&'()*+,=:@-][A-Za-z0-9._~!$&'()*+,=:@-]*)*/?")
"""Segments without an escape and without a dot at their beginning: nothing about these is ambiguous."""
_AMBIGUOUS: Final = re.compile(
    rb"//|\\|;|#|\?|[\x00-\x20\x7f-\xff]|%(?![0-9A-Fa-f]{2})|%(?:2[Ff]|5[Cc]|25|3[BbFf]|23|2[Ee]|[01][0-9A-Fa-f]|7[Ff])"
)
"""Empty segments, backslashes, path parameters, fragments, raw bytes, broken escapes, and escapes of `/ \\ % ; ? # .`
or of control characters: what proxies and frameworks read differently."""
_SEPARATORS: Final = re.compile(r"[/\\;?#%]")
_KEPT: Final = 256
"""Bytes of a path whose reading is remembered: more would let anybody fill our memory."""


class PathError(RefusalError):
    """The path can be read in more than one way."""

    status = 400
    error = "invalid_request"


def canonical(raw: bytes) -> str:
    """The path that was sent, without its query, as the text that rules are about.

    Raises PathError `request.path`.
    """
    return _remembered(raw) if len(raw) <= _KEPT else _read(raw)


def _read(raw: bytes) -> str:
    if _PLAIN.fullmatch(raw) and 0 < len(raw) <= MAX_PATH:
        return raw.decode("ascii")
    if not raw.startswith(b"/") or len(raw) > MAX_PATH:
        raise PathError("request.path", "the path is not absolute, or too long")
    if _AMBIGUOUS.search(raw):
        raise PathError("request.path", "the path can be read in more than one way")
    if any(segment in {b".", b".."} for segment in raw.split(b"/")):
        raise PathError("request.path", "the path has dot segments")
    try:
        text = re.sub(rb"%([0-9A-Fa-f]{2})", lambda found: bytes([int(found.group(1), 16)]), raw).decode()
    except UnicodeDecodeError as error:
        raise PathError("request.path", "the path is not UTF-8") from error
    if not text.isprintable():
        raise PathError("request.path", "the path holds characters that cannot be seen")
    if not text.isascii() and _folds(text):
        raise PathError("request.path", "the path holds letters that some readers take for separators")
    return text


_remembered = functools.lru_cache(maxsize=4096)(_read)


def _folds(text: str) -> bool:
    """Whether Unicode's compatibility forms (UAX 15, NFKC) make separators or dot segments of what is none here."""
    folded = unicodedata.normalize("NFKC", text)
    return len(_SEPARATORS.findall(folded)) != len(_SEPARATORS.findall(text)) or any(
        segment in {".", ".."} for segment in folded.split("/")
    )
