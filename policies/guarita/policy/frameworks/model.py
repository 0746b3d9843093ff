"""The table from check to control, as its files hold it."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Iterator
from typing import Annotated

import msgspec
from msgspec import Meta

NonEmpty = Annotated[str, Meta(min_length=1)]
Rows = dict[NonEmpty, NonEmpty]


class Part(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A mapping in a file of the table."""


class Source(Part, frozen=True, kw_only=True):
    """A public text that was read."""

    title: NonEmpty
    version: NonEmpty
    """The state of it that was read: an edition, a release, a commit, an article."""
    url: NonEmpty


class Control(Part, frozen=True, kw_only=True):
    """One control, in the framework's own numbering and words."""

    id: NonEmpty
    title: NonEmpty
    source: NonEmpty
    """Where its text was read: a key of the framework's sources."""
    published: Rows = {}
    """Checks that somebody else mapped to it, each with who says so."""
    judged: Rows = {}
    """Checks that we mapped to it by its text, each with why."""

    @property
    def checks(self) -> Rows:
        """Every mapped check, a rule or a pattern of rules, with what the row rests on."""
        return {**self.published, **self.judged}


class Framework(Part, frozen=True, kw_only=True):
    """The controls of a framework that are known here; those without a check are never checked."""

    name: NonEmpty
    """As given to `--framework`."""
    title: NonEmpty
    edition: NonEmpty
    publisher: NonEmpty
    whole: bool
    """Whether all its controls stand here."""
    left_out: str = ""
    """What does not, in words."""
    sources: dict[str, Source]
    controls: tuple[Control, ...]


class Thing(Part, frozen=True, kw_only=True):
    """A kind of thing that checks look at, told by the file that holds it."""

    scanner: NonEmpty
    """The scanner that must have read the file to its end."""
    words: NonEmpty
    """What to call the files: `workloads`."""
    path: str = ""
    """A regular expression to be found in the path; empty means any."""
    content: str = ""
    """One to be found in the content; empty means any."""

    def holds(self, path: str, text: str) -> bool:
        """Whether a file holds one."""
        return bool(
            re.search(self.path, path) and (not self.content or re.search(self.content, text, re.MULTILINE))
        )


class Reached(Part, frozen=True, kw_only=True):
    """Which things a check applies to."""

    rule: NonEmpty
    """A rule or a pattern of rules."""
    things: tuple[NonEmpty, ...]


class Reach(Part, frozen=True, kw_only=True):
    """What each check applies to: a check that met nothing of the kind has not run."""

    things: dict[str, Thing]
    checks: tuple[Reached, ...]
    """The first that matches holds."""

    def of(self, rule: str) -> tuple[str, ...]:
        """The things that a rule, or a pattern of rules, applies to; empty where nobody said."""
        return next((row.things for row in self.checks if fnmatch.fnmatchcase(rule, row.rule)), ())

    def found(self, path: str, scanners: tuple[str, ...], text: str) -> Iterator[str]:
        """The names of the things in a file that these scanners read to its end."""
        for name, thing in self.things.items():
            if thing.scanner in scanners and thing.holds(path, text):
                yield name
