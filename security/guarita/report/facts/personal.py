"""Personal data by class and where (OCSF 2006): types and counts, as the ledger has them."""

from __future__ import annotations

import msgspec

from guarita.report.facts.interface import Collector, Window
from guarita.report.interface import PersonalData
from guarita.report.seen import Seen, pseudonym, whole
from guarita.report.tally import Days, Tally


class _Ours(msgspec.Struct):
    tenant: str = ""
    source: str = ""
    classes: dict[str, int] = {}
    suspects: int = 0
    unread: int = 0


_ours = msgspec.json.Decoder(_Ours)


class PersonalCollector(Collector):
    """Collects checks of documents."""

    classes = (2006,)

    def __init__(self) -> None:
        self._days = Days()
        self._more = Days()
        self._classes, self._types, self._sources, self._tenants = Tally(), Tally(), Tally(), Tally()

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index
        ours = event.ours(_ours)
        if not window.holds(event.time):
            return
        day = window.day(event.time)
        types = event.finding_info.types if event.finding_info else []
        self._days.add(day, types[0][:32] if types else "unknown")
        self._more.add(day, "suspects", whole(ours.suspects))
        self._more.add(day, "unread", whole(ours.unread))
        for found in event.data_security.discovery_details if event.data_security else ():
            self._types.add(found.type, whole(found.count))
        total = 0
        for name, count in ours.classes.items():
            self._classes.add(name, whole(count))
            total += whole(count)
        if total:
            self._sources.add(pseudonym(ours.source), total)
            self._tenants.add(pseudonym(ours.tenant), total)

    def personal(self, window: Window) -> PersonalData:
        """Over the window."""
        decisions = self._days.totals(window.first, window.last)
        more = self._more.totals(window.first, window.last)
        return PersonalData(
            days=self._days.listed(window.first, window.last),
            checks=sum(decisions.values()),
            decisions=dict(sorted(decisions.items())),
            classes=self._classes.ranking(),
            types=self._types.ranking(),
            sources=self._sources.ranking(),
            tenants=self._tenants.ranking(),
            suspects=more.get("suspects", 0),
            unread=more.get("unread", 0),
        )
