"""Text that somebody else chose, made plainly visible: it can neither steer a terminal nor turn a line around."""

from __future__ import annotations

import unicodedata


def visible(text: str, limit: int | None = None) -> str:
    """One line, with U+FFFD for control, format (bidirectional, zero-width), unassigned and line-breaking characters.

    With a `limit` it is at most so many characters long, and ends with a mark where it was longer.
    """
    kept = text if limit is None else text[: limit + 1]
    shown = "".join("\N{REPLACEMENT CHARACTER}" if _unseen(one) else one for one in kept)
    return shown if limit is None or len(shown) <= limit else shown[: limit - 1] + "…"


def _unseen(character: str) -> bool:
    category = unicodedata.category(character)
    return category[0] == "C" or category in {"Zl", "Zp"}
