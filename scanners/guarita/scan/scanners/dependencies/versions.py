"""Whether a version lies in what an advisory calls affected: OSV's own rules, in each ecosystem's own order.

OSV schema 1.6, "Evaluation" (https://ossf.github.io/osv-schema/#evaluation); PEP 440; Semantic Versioning 2.0.0, 11.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from packaging.version import InvalidVersion, Version

from guarita.scan.scanners.dependencies.interface import Ecosystem

_SEMVER: Final = re.compile(r"v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]*)?")
_ORDER: Final = {"fixed": 0, "last_affected": 1, "introduced": 2}
"""The events that open and close a range, in the order in which those of one version count."""
Key = Callable[[str], Any]


class UnknownVersionError(Exception):
    """A version that its ecosystem does not know how to order."""


def key_of(ecosystem: Ecosystem) -> Key:
    """What orders the versions of an ecosystem. It raises UnknownVersionError."""
    return _pep440 if ecosystem is Ecosystem.PYPI else _semver


def is_affected(version: str, affected: Mapping[str, Any], ecosystem: Ecosystem) -> bool:
    """Whether one `affected` entry covers a version. Raises UnknownVersionError."""
    key = key_of(ecosystem)
    mine = key(version)
    if any(version == listed or _same(key, mine, listed) for listed in affected.get("versions") or ()):
        return True
    return any(
        _in_range(mine, entry.get("events") or (), key)
        for entry in affected.get("ranges") or ()
        if entry.get("type") in {"SEMVER", "ECOSYSTEM"}
    )


def fixed_in(version: str, affected: Mapping[str, Any], ecosystem: Ecosystem) -> str:
    """The lowest version above this one that an entry calls fixed, or nothing."""
    key = key_of(ecosystem)
    mine = key(version)
    fixed = [
        event["fixed"]
        for entry in affected.get("ranges") or ()
        if entry.get("type") in {"SEMVER", "ECOSYSTEM"}
        for event in entry.get("events") or ()
        if "fixed" in event
    ]
    later = [(key(text), text) for text in fixed if key(text) > mine]
    return min(later)[1] if later else ""


def _in_range(mine: Any, events: Sequence[Mapping[str, str]], key: Key) -> bool:
    def place(text: str) -> tuple[Any, ...]:
        return (0,) if text == "0" else (1, key(text))  # "0" comes before every version

    placed = [(kind, place(text)) for event in events for kind, text in event.items() if kind in _ORDER]
    inside, here = False, (1, mine)
    for kind, at in sorted(placed, key=lambda item: (item[1], _ORDER[item[0]])):
        if kind == "introduced" and here >= at:
            inside = True
        elif (kind == "fixed" and here >= at) or (kind == "last_affected" and here > at):
            inside = False
    limits = [text for event in events if (text := event.get("limit", "*")) != "*"]
    return inside and (not limits or any(here < place(text) for text in limits))


def _same(key: Key, mine: Any, listed: str) -> bool:
    try:
        return bool(key(listed) == mine)
    except UnknownVersionError:
        return False


def _pep440(text: str) -> Version:
    try:
        return Version(text)
    except InvalidVersion as error:
        raise UnknownVersionError(text) from error


def _semver(text: str) -> tuple[Any, ...]:
    match = _SEMVER.fullmatch(text.strip())
    if match is None:
        raise UnknownVersionError(text)
    numbers = tuple(int(part or 0) for part in match.group(1, 2, 3))
    before = match.group(4)
    if before is None:
        return (*numbers, 1, ())
    # Numbers before words, in numeric order; a shorter list before a longer one.
    parts = tuple((0, int(part), "") if part.isdigit() else (1, 0, part) for part in before.split("."))
    return (*numbers, 0, parts)
