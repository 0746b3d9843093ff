"""Which keys may sign for the log: those that the reader knows, and those that followed on the record.

A key follows by an entry of the log that holds a note "add VKEY", signed by a key in force and by the new one; it goes by
"retire VKEY", signed by another key in force.
"""

from __future__ import annotations

from typing import Any

from . import notes

TITLE = "guarita/ledger-key"


class Keys:
    """The signing keys of one log."""

    def __init__(self, origin: str, known: list[notes.Key]) -> None:
        self.origin = origin
        self.keys = list(known)
        self.retired: dict[notes.Key, int] = {}

    def in_force(self, size: int) -> list[notes.Key]:
        """The keys that may sign a tree of this size."""
        return [key for key in self.keys if self.retired.get(key, size) >= size]

    def follow(self, index: int, event: Any) -> None:
        """Take in a change of keys, if the entry at `index` is one that is signed for. Others change nothing."""
        try:
            note = notes.parse_note(event["unmapped"]["guarita"]["note"])
            title, origin, change = note.text[:-1].split("\n")
            what, _, vkey = change.partition(" ")
            key = notes.parse_key(vkey, notes.ED25519)
            in_force = self.in_force(index)
            signed = [one for one, _ in notes.signers(note, [*in_force, key])]
        except (KeyError, TypeError, AttributeError, ValueError):
            return
        others = any(one in in_force and one != key for one in signed)
        if (title, origin) != (TITLE, self.origin) or not others:
            return
        if what == "add" and key in signed and key not in self.keys:
            self.keys.append(key)
        elif what == "retire" and key in in_force:
            self.retired[key] = index
