"""Reading the table: one YAML file for each framework, and one for what checks apply to."""

from __future__ import annotations

import functools
import re
from importlib import resources
from typing import Final, get_args

from guarita.config.model import FrameworkName
from guarita.config.strictyaml import Document, parse
from guarita.config.typed import decoded
from guarita.errors import UsageError
from guarita.policy.frameworks.model import Framework, Reach

NAMES: Final[tuple[str, ...]] = get_args(FrameworkName)
"""As given to `--framework`."""
REACH = "reach.yaml"


@functools.cache
def load_framework(name: str) -> Framework:
    """The framework with this name. Raises UsageError (`framework.unknown`)."""
    if name not in NAMES:
        raise UsageError(
            "framework.unknown", f"no framework is called {name!r}", hint=f"one of: {', '.join(NAMES)}"
        )
    return parse_framework(_read(f"{name}.yaml"), f"{name}.yaml")


@functools.cache
def load_reach() -> Reach:
    """What each check applies to."""
    return parse_reach(_read(REACH), REACH)


def parse_framework(text: bytes, source: str) -> Framework:
    """A framework from its file.

    Raises UsageError, which names file and line: `framework.control` for one that stands twice, names no known
    source or maps a check twice, and what `strictyaml.parse` and `typed.decoded` raise.
    """
    document = parse(text, source)
    framework = decoded(document, Framework)
    seen: set[str] = set()
    for index, control in enumerate(framework.controls):
        if control.id in seen:
            raise _wrong(document, index, f"{control.id} stands twice")
        seen.add(control.id)
        if control.source not in framework.sources:
            raise _wrong(document, index, f"{control.id}: {control.source} is not among the sources")
        if both := sorted(control.published.keys() & control.judged.keys()):
            raise _wrong(document, index, f"{control.id}: {both[0]} is mapped twice")
    return framework


def parse_reach(text: bytes, source: str) -> Reach:
    """What each check applies to, from its file. Raises UsageError (`framework.reach`) and as `parse_framework`."""
    document = parse(text, source)
    reach = decoded(document, Reach)
    for index, row in enumerate(reach.checks):
        if unknown := [thing for thing in row.things if thing not in reach.things]:
            raise document.error("framework.reach", ("checks", index), f"no thing is called {unknown[0]}")
    for name, thing in reach.things.items():
        for pattern in (thing.path, thing.content):
            try:
                re.compile(pattern)
            except re.error as error:
                raise document.error("framework.reach", ("things", name), f"{pattern}: {error}") from error
    return reach


def _wrong(document: Document, index: int, message: str) -> UsageError:
    return document.error("framework.control", ("controls", index), message)


def _read(name: str) -> bytes:
    return resources.files("guarita.policy.frameworks").joinpath(name).read_bytes()
