"""One-to-one folding of characters, so that positions in the folded text are positions in the original."""

from __future__ import annotations

import sys
import unicodedata
from functools import cache

_DASHES = "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63\uff0d"
_QUOTES = {
    "\u2018": "'",
    "\u2019": "'",
    "\u02bc": "'",
    "\u201c": '"',
    "\u201d": '"',
    "\u00ab": '"',
    "\u00bb": '"',
}
_SPACES = "\u00a0\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u202f\u205f\u3000"


@cache
def _plain_table() -> dict[int, str]:
    table = dict.fromkeys(map(ord, _DASHES), "-") | dict.fromkeys(map(ord, _SPACES), " ")
    table |= {ord(quote): straight for quote, straight in _QUOTES.items()}
    for point in range(0xFF01, 0xFF5F):  # full-width forms of ASCII
        table.setdefault(point, chr(point - 0xFEE0))
    for point in range(0x80, sys.maxunicode + 1):
        digit = unicodedata.decimal(chr(point), None)
        if digit is not None:
            table.setdefault(point, str(int(digit)))
    return table


@cache
def _letter_table() -> dict[int, str]:
    table = {}
    for point in range(0xC0, 0x250):
        base = unicodedata.normalize("NFD", chr(point))[0]
        if base.isascii():
            table[point] = base
    return table


def plain(text: str) -> str:
    """Digits of any script, full-width forms, dashes, quotes and spaces as their ASCII equals; same length."""
    return text if text.isascii() else text.translate(_plain_table())


def unaccented(text: str) -> str:
    """Latin letters without their accents; same length."""
    return text if text.isascii() else text.translate(_letter_table())
