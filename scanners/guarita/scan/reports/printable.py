"""Text from a hostile tree made safe to show: no control characters, no terminal escapes, valid UTF-8."""

from __future__ import annotations

import unicodedata

UNSAFE = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
"""Unicode categories that are shown as escapes: controls, direction overrides, lone surrogates."""


def printable(text: str) -> str:
    r"""The text with every character that is not plainly visible as `\xNN` or `\uNNNN`.

    A byte that is not UTF-8 (a surrogate escape) is shown as that byte.
    """
    if text.isascii() and text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    code = ord(character)
    if unicodedata.category(character) not in UNSAFE:
        return character
    if 0xDC80 <= code <= 0xDCFF:  # noqa: PLR2004  # PEP 383: an undecodable byte
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"  # noqa: PLR2004
