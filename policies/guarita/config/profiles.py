"""Profiles: one configuration, and what of it is otherwise where it runs (development, staging, production)."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from guarita.config import strictyaml
from guarita.config.section import Section
from guarita.errors import UsageError

VARIABLE: Final = "GUARITA_PROFILE"
"""The environment variable that names the profile in force."""
KEY: Final = "profiles"

ProfileName = Annotated[str, Meta(pattern=r"^[a-z0-9][a-z0-9-]*$")]
Differs = Annotated[
    dict[str, Any], Meta(description="As in the section of that name: what stands here holds.")
]


class ProfileSection(Section, frozen=True, kw_only=True):
    """What is otherwise by one profile. There is no `scan`: where a gate runs does not choose its policy."""

    ledger: Differs = msgspec.field(default_factory=dict)
    gateway: Differs = msgspec.field(default_factory=dict)
    pii: Differs = msgspec.field(default_factory=dict)
    rotation: Differs = msgspec.field(default_factory=dict)
    detection: Differs = msgspec.field(default_factory=dict)


@dataclass(frozen=True)
class Overlaid(strictyaml.Document):
    """A document with a profile laid over it, which says of each value where it was written."""

    profile: str = ""
    own: frozenset[strictyaml.Path] = frozenset()
    """The paths that the profile gives."""

    def error(self, code: str, path: strictyaml.Path, message: str, hint: str | None = None) -> UsageError:
        """An error that names file, line and the path as it was written."""
        plain = strictyaml.Document(self.data, self.source, {**self.lines, **self._written()})
        near = path
        while near and near not in self.own:
            near = near[:-1]
        return plain.error(code, (KEY, self.profile, *path) if near else path, message, hint)

    def _written(self) -> Mapping[strictyaml.Path, int]:
        return {(KEY, self.profile, *path): self.lines[path] for path in self.own}


def overlaid(document: strictyaml.Document, profile: str) -> Overlaid:
    """The document as it holds by one of its profiles: mappings key by key, all else as a whole.

    Raises UsageError `config.profile` where it has none of that name.
    """
    data = document.data if isinstance(document.data, dict) else {}
    profiles = data.get(KEY) or {}
    if profile not in profiles:
        near = difflib.get_close_matches(profile, profiles, n=1, cutoff=0.5)
        known = ", ".join(sorted(profiles)) or "none"
        raise UsageError(
            "config.profile",
            f"{document.source}: there is no profile {profile!r}, which ${VARIABLE} names",
            hint=f"did you mean {near[0]!r}?" if near else f"its profiles: {known}",
        )
    prefix = (KEY, profile)
    own = {path[2:]: line for path, line in document.lines.items() if path[:2] == prefix and path[2:]}
    replaced = set(_replaced(data, profiles[profile], ()))
    kept = {
        path: line
        for path, line in document.lines.items()
        if not any(path[:depth] in replaced for depth in range(1, len(path) + 1))
    }
    return Overlaid(
        _merged(data, profiles[profile]), document.source, {**kept, **own}, profile, frozenset(own)
    )


def _merged(base: Any, over: Any) -> Any:
    if not (isinstance(base, dict) and isinstance(over, dict)):
        return over
    return {**base, **{key: _merged(base.get(key), value) for key, value in over.items()}}


def _replaced(base: Any, over: Any, path: strictyaml.Path) -> Iterator[strictyaml.Path]:
    if isinstance(base, dict) and isinstance(over, dict):
        for key in base.keys() & over.keys():
            yield from _replaced(base[key], over[key], (*path, key))
    else:
        yield path
