"""All sinks side by side: a thread for each, so that one that hangs delays itself alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import NamedTuple

from guarita.audit.ledger import Ledger
from guarita.audit.sinks.interface import Sink
from guarita.audit.sinks.shipper import Pace, Shipper
from guarita.errors import GuaritaError

_LOOK = 0.2
_GRACE = 5.0


class Task(NamedTuple):
    """A sink to ship to."""

    name: str
    sink: Sink
    batch: int
    pace: Pace


class Crew:
    """Ships one ledger to several sinks."""

    def __init__(
        self,
        ledger: Ledger,
        tasks: list[Task],
        *,
        stop: threading.Event,
        follow: bool,
        told: Callable[[str, GuaritaError], None] = lambda *_: None,
    ) -> None:
        """`told` hears at once which sink ended with what error, from that sink's thread."""
        self._stop = stop
        self._follow = follow
        self._told = told
        self._sinks = [task.sink for task in tasks]
        self._shippers = {
            task.name: Shipper(ledger, task.name, task.sink, batch=task.batch, pace=task.pace, stop=stop)
            for task in tasks
        }
        self._errors: dict[str, GuaritaError] = {}

    @property
    def sent(self) -> dict[str, int]:
        """Entries confirmed, by sink."""
        return {name: shipper.sent for name, shipper in self._shippers.items()}

    def run(self) -> dict[str, GuaritaError]:
        """Ship until every sink has all, or has failed, or `stop` is set; gives the errors by sink.

        A request that is under way when `stop` is set has some seconds to end; the cursor does not need it.
        """
        # Daemons: a peer that hangs must not keep the process from ending.
        threads = [
            threading.Thread(target=self._ship, args=(name, shipper), name=f"sink-{name}", daemon=True)
            for name, shipper in self._shippers.items()
        ]
        for thread in threads:
            thread.start()
        while any(thread.is_alive() for thread in threads) and not self._stop.is_set():
            self._stop.wait(_LOOK)
        for thread in threads:
            thread.join(_GRACE)
        if not any(thread.is_alive() for thread in threads):
            for sink in self._sinks:
                sink.close()
        return dict(self._errors)

    def _ship(self, name: str, shipper: Shipper) -> None:
        try:
            shipper.run(follow=self._follow)
        except GuaritaError as error:
            self._ended(name, error)
        except Exception as error:  # noqa: BLE001  # a thread's end must not go unseen
            self._ended(
                name, GuaritaError("audit.sink-internal", f"an internal error ({type(error).__name__})")
            )

    def _ended(self, name: str, error: GuaritaError) -> None:
        self._errors[name] = error
        self._told(name, error)
