"""Path templates: `/docs/{id}`, `/static/{rest...}`, and how two of them relate.

A path is cut at its slashes; `/docs/` has an empty last segment and is another path than `/docs`. A parameter is one
segment that is not empty. `{rest...}` is one or more segments, of which the last may be empty: `/static/{rest...}`
takes `/static/` and `/static/a/b`, and not `/static`. Names of parameters do not tell templates apart.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}")
_PARAMETER: Final = re.compile(r"\{([^{}]*?)(\.\.\.)?\}")
_LITERAL: Final = re.compile(r"[^{}%?#;\\\s]+")

MAX_SEGMENTS: Final = 64

Shape = tuple[tuple[str | None, ...], bool]
"""What tells templates apart: literals (None for a parameter), and whether the rest is taken."""


@dataclass(frozen=True, slots=True)
class Template:
    """One path template."""

    text: str
    segments: tuple[str | None, ...]
    """Literals, and None for a parameter. Without what `{rest...}` takes."""
    rest: bool
    """Whether one or more further segments follow."""
    parameters: tuple[tuple[str, int], ...]
    """Name and position of each parameter of one segment."""

    @property
    def shape(self) -> Shape:
        """The same for templates that match the same paths."""
        return self.segments, self.rest

    def covers(self, other: Template) -> bool:
        """Whether every path that `other` matches is matched by this one."""
        mine, theirs = self.segments, other.segments
        if len(mine) > len(theirs):
            return False
        if any(one is not None and one != two for one, two in zip(mine, theirs, strict=False)):
            return False
        if any(one is None and two == "" for one, two in zip(mine, theirs, strict=False)):
            return False
        if len(mine) < len(theirs):
            return self.rest
        return self.rest == other.rest

    def common(self, other: Template) -> Shape | None:
        """The shape of the paths that both match, or None where there are none."""
        short, long = sorted((self, other), key=lambda template: len(template.segments))
        if len(short.segments) == len(long.segments):
            if short.rest != long.rest:
                return None
        elif not short.rest:
            return None
        merged: list[str | None] = []
        for one, two in zip(short.segments, long.segments, strict=False):
            if one != two and (one is not None and two is not None):
                return None
            if "" in {one, two} and one != two:
                return None
            merged.append(two if one is None else one)
        return (*merged, *long.segments[len(short.segments) :]), long.rest


def parse(text: str) -> Template:
    """A template from its text.

    Raises ValueError, which says what is wrong.
    """
    if not text.startswith("/"):
        raise ValueError("a path begins with /")
    segments: list[str | None] = []
    parameters: list[tuple[str, int]] = []
    rest = False
    raw = text[1:].split("/")
    if len(raw) > MAX_SEGMENTS:
        raise ValueError(f"more than {MAX_SEGMENTS} segments")
    for position, segment in enumerate(raw):
        last = position == len(raw) - 1
        if (found := _PARAMETER.fullmatch(segment)) is not None:
            name, many = found.groups()
            if not _NAME.fullmatch(name):
                raise ValueError(f"{segment}: a parameter is named by letters, digits and _")
            if many:
                if not last:
                    raise ValueError(f"{segment}: what takes the rest stands at the end")
                rest = True
                continue
            parameters.append((name, position))
            segments.append(None)
        else:
            segments.append(_literal(segment, last=last))
    names = [name for name, _ in parameters]
    if len(set(names)) != len(names):
        raise ValueError("two parameters have one name")
    return Template(text, tuple(segments), rest, tuple(parameters))


def _literal(segment: str, *, last: bool) -> str:
    if segment == "" and last:
        return ""
    if "{" in segment or "}" in segment:
        raise ValueError(f"{segment!r}: a parameter is a whole segment: {{id}}, or {{rest...}} at the end")
    if segment in {"", ".", ".."}:
        raise ValueError("empty segments and dot segments match no request")
    if not _LITERAL.fullmatch(segment) or not segment.isprintable():
        raise ValueError(f"{segment!r}: a path is written decoded, without any of % ? # ; \\ and spaces")
    return segment


def split(path: str) -> list[str] | None:
    """The segments of a canonical path; None for one that is not, which no rule matches."""
    if not path.startswith("/"):
        return None
    segments = path[1:].split("/")
    if "" in segments[:-1] or "." in segments or ".." in segments:
        return None
    return segments
