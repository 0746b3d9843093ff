"""Refusals over time, with the codes and rules that explain them (OCSF 6003 of the gateway, 3002, 3003)."""

from __future__ import annotations

from typing import Final

import msgspec

from guarita.report.facts.interface import Collector, Window
from guarita.report.interface import Denials
from guarita.report.seen import Seen, whole
from guarita.report.tally import Days, Tally

GATEWAY: Final = "guarita gateway"
_API: Final = 6003
_FAILURE: Final = 2
_REFUSED, _GRANTED = "refused", "granted"
NOBODY: Final = "nobody"


class _Ours(msgspec.Struct):
    count: int = 1
    code: str = ""
    rule: str = ""


_ours = msgspec.json.Decoder(_Ours)


class DenialCollector(Collector):
    """Collects decisions of the gateway, failed logins, and privileges that a session was refused."""

    classes = (6003, 3002, 3003)

    def __init__(self) -> None:
        self._days = Days()
        self._untold = Days()
        self._codes, self._rules, self._principals = Tally(), Tally(), Tally()

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index
        if not window.holds(event.time):
            return
        day = window.day(event.time)
        if event.class_uid != _API:
            if event.status_id == _FAILURE:
                self._refused(day, event, _Ours(code=event.status_code or ""))
            return
        if event.service() != GATEWAY or event.api is None:
            return
        ours = event.ours(_ours)
        ours.count = whole(ours.count)
        match event.api.operation:
            case "gateway.granted":
                self._days.add(day, _GRANTED, ours.count)
            case "gateway.untold":
                self._untold.add(day, "untold", ours.count)
            case "gateway.refused-again":
                self._refused(day, event, ours)
            case _ if event.status_id == _FAILURE:
                ours.count, ours.code = 1, event.status_code or ours.code
                self._refused(day, event, ours)
            case _:
                self._days.add(day, _GRANTED)

    def _refused(self, day: int, event: Seen, ours: _Ours) -> None:
        self._days.add(day, _REFUSED, ours.count)
        self._codes.add(ours.code, ours.count)
        self._rules.add(ours.rule, ours.count)
        self._principals.add(event.who() or NOBODY, ours.count)

    def denials(self, window: Window) -> Denials:
        """Over the window."""
        totals = self._days.totals(window.first, window.last)
        return Denials(
            days=self._days.listed(window.first, window.last),
            total=totals.get(_REFUSED, 0),
            granted=totals.get(_GRANTED, 0),
            untold=self._untold.totals(window.first, window.last).get("untold", 0),
            codes=self._codes.ranking(),
            rules=self._rules.ranking(),
            principals=self._principals.ranking(),
        )
