"""One-to-one folding of characters, so that positions in the folded text are positions in the original."""

from __future__ import annotations

import re
import unicodedata

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


_KEPT = 4_096
"""Characters that each table remembers: more than those of all scripts that a document mixes."""
_FOREIGN = re.compile("[^\x00-\x7f]+")


class _Plain(dict[int, str]):
    """The table of `plain`, filled as characters are met: there are a million that nobody writes."""

    def __missing__(self, point: int) -> str:
        if 0xFF01 <= point <= 0xFF5E:  # noqa: PLR2004  # full-width forms of ASCII
            found = chr(point - 0xFEE0)
        else:
            digit = unicodedata.decimal(chr(point), None)
            found = chr(point) if digit is None else str(int(digit))
        if len(self) < _KEPT:
            self[point] = found
        return found


class _Letters(dict[int, str]):
    """The table of `unaccented`, filled in the same way."""

    def __missing__(self, point: int) -> str:
        found = chr(point)
        if 0xC0 <= point < 0x250:  # noqa: PLR2004  # Latin-1 Supplement, Latin Extended-A and -B
            base = unicodedata.normalize("NFD", found)[0]
            found = base if base.isascii() else found
        if len(self) < _KEPT:
            self[point] = found
        return found


_PLAIN = _Plain(
    dict.fromkeys(map(ord, _DASHES), "-")
    | dict.fromkeys(map(ord, _SPACES), " ")
    | {ord(quote): straight for quote, straight in _QUOTES.items()}
)
_LETTERS = _Letters()


def plain(text: str) -> str:
    """Digits of any script, full-width forms, dashes, quotes and spaces as their ASCII equals; same length."""
    return text if text.isascii() else _FOREIGN.sub(lambda match: match.group().translate(_PLAIN), text)


def unaccented(text: str) -> str:
    """Latin letters without their accents; same length."""
    return text if text.isascii() else _FOREIGN.sub(lambda match: match.group().translate(_LETTERS), text)
