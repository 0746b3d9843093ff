"""One transaction at one moment, under one configuration: what every step is taken with."""

from __future__ import annotations

from typing import NamedTuple

from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.state import State


class Turn(NamedTuple):
    """A step's surroundings. `now` is in ms since the epoch."""

    state: State
    routing: Routing
    now: int
