"""Every secret's age against its limit: rotations in the ledger (OCSF 3004), limits in guarita.yaml."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from guarita.config.rotation_secrets import SecretSection
from guarita.report.facts.interface import AHEAD, Collector, Window
from guarita.report.interface import SecretAge
from guarita.report.seen import Seen
from guarita.report.tally import DAY_MS, LONGEST

MOST: Final = 5_000
"""Secrets that are told apart."""
_DONE: Final = "done"
_BACK: Final = "rolled-back"
_MADE: Final = "created"


class _Reason(msgspec.Struct):
    code: str = ""


class _Ours(msgspec.Struct):
    secret: str | None = None
    rotation: str = ""
    phase: str = ""
    reason: _Reason | None = None


_ours = msgspec.json.Decoder(_Ours)


class _Secret:
    def __init__(self) -> None:
        self.kind = ""
        self.rotation = ""
        """The newest that the ledger tells of."""
        self.begun = 0
        """The time of its first event, and of the value's making once that is told."""
        self.phase = ""
        self.made: int | None = None
        self.failed: str | None = None


class SecretCollector(Collector):
    """Collects rotations."""

    classes = (3004,)

    def __init__(self) -> None:
        self._secrets: OrderedDict[str, _Secret] = OrderedDict()

    def take(self, index: int, event: Seen, window: Window) -> None:
        del index, window
        ours = event.ours(_ours)
        if ours.secret is None or not ours.phase:
            return  # some other entity
        name = ours.secret[:LONGEST]
        secret = self._secrets.get(name)
        if secret is None:
            secret = self._secrets[name] = _Secret()
            if len(self._secrets) > MOST:
                self._secrets.popitem(last=False)
        self._secrets.move_to_end(name)
        secret.kind = (event.entity.type if event.entity else None) or secret.kind
        if ours.rotation != secret.rotation:
            secret.rotation, secret.begun = ours.rotation, event.time
        if ours.phase == _MADE:
            secret.begun = event.time
        secret.phase = ours.phase
        if ours.phase == _DONE:
            # Where the making itself is not told, its rotation's first event is: the value is no older.
            secret.made, secret.failed = secret.begun, None
        elif ours.phase == _BACK:
            secret.failed = (ours.reason.code if ours.reason else "") or event.status_code or _BACK

    def ages(self, sections: Mapping[str, SecretSection], window: Window) -> list[SecretAge]:
        """Each secret of guarita.yaml and of the ledger: the worst first."""
        names = {**dict.fromkeys(sections), **dict.fromkeys(self._secrets)}
        ages = [
            _age(name, self._secrets.get(name) or _Secret(), sections.get(name), window.now) for name in names
        ]
        order = ("overdue", "unknown", "due", "fresh")
        return sorted(ages, key=lambda one: (order.index(one.state), one.made or 0, one.name))


def _age(name: str, secret: _Secret, section: SecretSection | None, now: int) -> SecretAge:
    # A time ahead of the clock would make a secret new for as long as somebody likes.
    made = secret.made if secret.made is not None and 0 < secret.made <= now + AHEAD else None
    limit = section.max_age_days if section else None
    due = section.max_age_days - section.renew_before_days if section else None
    return SecretAge(
        name=name,
        kind=secret.kind or (str(section.__struct_config__.tag) if section else ""),
        limit_days=limit,
        due_days=due,
        made=made,
        state=_state(made, due, limit, now),
        under_way=secret.phase if secret.phase not in {"", _DONE, _BACK} else None,
        failed=secret.failed,
        contact=section.contact if section else None,
    )


def _state(
    made: int | None, due: float | None, limit: float | None, now: int
) -> Literal["fresh", "due", "overdue", "unknown"]:
    if made is None or limit is None or due is None:
        return "unknown"
    days = (now - made) / DAY_MS
    return "overdue" if days >= limit else "due" if days >= due else "fresh"
