"""Decisions in the audit ledger, as they can be made again."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import msgspec

from guarita.policy.access import Kept, Made

SERVICE: Final = "guarita gateway"
_UNREADABLE: Final = {"(erased)", "(sealed)"}


@dataclass
class Record:
    """What a stretch of the ledger says. Iterate over `decisions` first; the counts are of what was read by then."""

    others: int = 0
    """Requests that no rule refused: wrong credentials, limits, what could not be decided, what a route asks besides."""
    untold: int = 0
    """Decisions that were made and are not there, which the gateway itself tells."""
    _fields: frozenset[str] = field(default=frozenset(Made.__struct_fields__), repr=False)

    def decisions(self, events: Iterable[Mapping[str, Any]]) -> Iterator[Kept]:
        """The decisions in these events (OCSF 6003), those that hung on the same together."""
        for event in events:
            api = event.get("api") or {}
            if (api.get("service") or {}).get("name") != SERVICE:
                continue
            said = (event.get("unmapped") or {}).get("guarita") or {}
            match api.get("operation"):
                case "gateway.granted":
                    decisions = said.get("decisions")
                    if decisions is None:
                        self.untold += said.get("count", 1)
                    for one in decisions or ():
                        yield from self._kept(one, one.get("count", 1))
                case "gateway.refused-again":
                    yield from self._kept(said, said.get("count", 1), code=said.get("code", ""))
                case "gateway.untold":
                    self.untold += said.get("count", 1)
                case _:
                    yield from self._kept(
                        said,
                        1,
                        code=event.get("status_code", ""),
                        path=_readable(said.get("path")),
                        subject=_readable(((event.get("actor") or {}).get("user") or {}).get("uid")),
                    )

    def _kept(
        self,
        said: Mapping[str, Any],
        count: int,
        *,
        code: str = "",
        path: str | None = None,
        subject: str | None = None,
    ) -> Iterator[Kept]:
        if not said.get("policy"):
            if code:
                self.others += count
            else:
                self.untold += count
            return
        made = msgspec.convert({name: said[name] for name in said if name in self._fields}, Made)
        yield Kept(made=made, count=count, path=path, subject=subject if made.known else None)


def _readable(value: Any) -> str | None:
    return value if isinstance(value, str) and value not in _UNREADABLE else None
