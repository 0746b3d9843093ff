"""One transaction at one moment, under one configuration: what every step is taken with."""

from __future__ import annotations

from typing import Any, NamedTuple

from guarita.detection.alerts.model import Incident
from guarita.detection.alerts.records import Operation, of
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.state import State


class Turn(NamedTuple):
    """A step's surroundings. `now` is in ms since the epoch."""

    state: State
    routing: Routing
    now: int

    def tell(self, operation: Operation, incident: Incident, **facts: Any) -> None:
        """Have the ledger told of an incident, at this moment."""
        self.state.record(of(operation, incident, time=self.now, **facts))
