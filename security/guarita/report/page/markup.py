"""Elements of HTML and SVG from Python. Every text is escaped and plainly visible."""

from __future__ import annotations

import html

from guarita.cli.visible import visible

LONGEST = 200
"""Characters of one text that are shown."""
_VOID = frozenset({"meta"})


class Html(str):
    """Text that is HTML already."""

    __slots__ = ()


def text(value: object) -> Html:
    """A value as text."""
    return Html(html.escape(visible(str(value), LONGEST)))


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
