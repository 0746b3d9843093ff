"""Elements of HTML and SVG from Python. Every text is escaped; what would act on a terminal or turn a line is shown."""

from __future__ import annotations

import html
import unicodedata

LONGEST = 200
"""Characters of one text that are shown."""
_VOID = frozenset({"meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as text. Control and format characters (bidi overrides among them) are shown as escapes."""
    raw = str(value)
    if len(raw) > LONGEST:
        raw = raw[:LONGEST] + "…"
    shown = "".join(c if unicodedata.category(c)[0] != "C" else f"\\u{{{ord(c):x}}}" for c in raw)
    return Html(html.escape(shown))


def el(tag: str, *children: object, **attributes: str | None) -> Html:
    """An element. `class_` is `class`, an underscore within a name is a hyphen; None leaves an attribute out."""
    told = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    if tag in _VOID:
        return Html(f"<{tag}{told}>")
    return Html(f"<{tag}{told}>{joined(*children)}</{tag}>")


def joined(*children: object) -> Html:
    """Children one after another; what is no HTML yet is escaped."""
    return Html("".join(one if isinstance(one, Html) else text(one) for one in children))
