"""A bounded number of groups: what is let go is what has least in it, so that a flood of new groups costs no old one."""

from __future__ import annotations

from bisect import insort
from collections import OrderedDict
from typing import Final, NamedTuple

from guarita.detection.rule import Group

_TIERS: Final = 16


class Entry(NamedTuple):
    """A match in a window."""

    time: int
    at: int
    """The entry's index in the ledger."""
    weight: int
    tag: str


class Window:
    """The matches of one group, by time."""

    __slots__ = ("entries", "fires", "tier")

    def __init__(self, fires: list[tuple[int, int]]) -> None:
        self.entries: list[Entry] = []
        self.fires = fires
        """Time and entry of what was detected."""
        self.tier = 0

    def insert(self, entry: Entry, cap: int) -> int:
        """Put it in its place, which is given. Beyond `cap` the newest of each tag stay, then the newest of all."""
        insort(self.entries, entry)
        if len(self.entries) > cap:
            newest = {one.tag: one for one in self.entries} if entry.tag else {}
            kept = sorted(newest.values()) if newest and len(newest) <= cap // 2 else self.entries
            self.entries = kept[-(cap // 2) :]
        return self.entries.index(entry) if self.entries[-1] != entry else len(self.entries) - 1

    def prune(self, before: int) -> None:
        """Forget what is older."""
        if self.entries and self.entries[0].time < before:
            self.entries = [one for one in self.entries if one.time >= before]


class Groups:
    """Windows by group. A flood of groups with few matches evicts others with as few, and never one with many."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._windows: dict[Group, Window] = {}
        self._tiers: list[OrderedDict[Group, None]] = [OrderedDict() for _ in range(_TIERS)]
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._windows)

    def get(self, group: Group) -> Window | None:
        """The window of a group that is known."""
        return self._windows.get(group)

    def items(self) -> list[tuple[Group, Window]]:
        """All there are."""
        return list(self._windows.items())

    def add(self, group: Group, window: Window, expired: int) -> None:
        """A new group. `expired`: windows whose last match is older hold nothing that counts any more."""
        if len(self._windows) >= self._most:
            for name, one in self.items():
                if not one.entries or one.entries[-1].time < expired:
                    self.drop(name)
            if len(self._windows) >= self._most:
                self.drop(next(iter(next(tier for tier in self._tiers if tier))))
                self.evicted += 1
        self._windows[group] = window
        self._tiers[0][group] = None

    def touched(self, group: Group, window: Window) -> None:
        """It has another match: it may stand in another tier."""
        tier = min(len(window.entries).bit_length(), _TIERS - 1)
        del self._tiers[window.tier][group]
        self._tiers[tier][group] = None
        window.tier = tier

    def drop(self, group: Group) -> None:
        """Forget a group, if it is known."""
        window = self._windows.pop(group, None)
        if window is not None:
            del self._tiers[window.tier][group]
