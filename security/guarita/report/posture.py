"""From a ledger and a configuration to the posture."""

from __future__ import annotations

import datetime as dt

from guarita.audit import Ledger, LedgerCorruptError
from guarita.config.model import Config
from guarita.report.facts.findings import findings, waiver_ends
from guarita.report.facts.interface import Window
from guarita.report.health import damaged, health
from guarita.report.interface import Facts, LedgerHealth, Posture
from guarita.report.reading import Progress, Reading
from guarita.report.steps import steps
from guarita.report.tally import DAY_MS, iso


class Surveyor:
    """Looks at one ledger again and again, and each time reads only what is new.

    After midnight (UTC) it reads from the beginning once, since other days are counted then.
    """

    def __init__(self, ledger: Ledger, config: Config | None, *, days: int) -> None:
        """`config` is None where there is no guarita.yaml; `days` is how many are counted, today among them."""
        self._ledger = ledger
        self._config = config
        self._days = days
        self._reading: Reading | None = None

    def survey(self, now: int, progress: Progress = lambda *_: None) -> Posture:
        """The posture at `now` (ms since the epoch). A damaged ledger is an answer too. Raises LedgerUnavailableError."""
        window = Window.ending(now, self._days)
        reading = self._reading
        if reading is None or reading.window.last != window.last:
            reading = Reading(window)
        # What is half read when something is raised is not read on from.
        self._reading = None
        try:
            reading.read(self._ledger, now, progress)
            ledger = health(self._ledger, reading, self._config.ledger.sinks if self._config else ())
        except LedgerCorruptError as error:
            return broken(error, now, days=self._days, origin=self._ledger.origin)
        self._reading = reading
        return self._posture(reading, ledger)

    def _posture(self, reading: Reading, ledger: LedgerHealth) -> Posture:
        window, config = reading.window, self._config or Config()
        found = Facts(
            configured=self._config is not None,
            gates=reading.gates.gates(window),
            findings=findings(
                reading.gates.standing(),
                config.scan.waivers,
                window,
                reading.first_time if reading.started_at else None,
            ),
            waivers=waiver_ends(config.scan.waivers, _date(window.now)),
            secrets=reading.secrets.ages(config.rotation.secrets, window),
            denials=reading.denials.denials(window),
            personal=reading.personal.personal(window),
            detections=reading.detections.detections(window),
            alerts=reading.alerts.alerts(window),
            frameworks=reading.gates.frameworks(),
            unread=reading.unread(),
        )
        return Posture(
            generated=window.now,
            window_days=self._days,
            first_day=iso(window.first),
            ledger=ledger,
            facts=found,
            steps=steps(ledger, found, window.now),
        )


def broken(error: LedgerCorruptError, now: int, *, days: int, origin: str | None = None) -> Posture:
    """The posture where the ledger does not hold: only that."""
    ledger = damaged(error, origin)
    return Posture(
        generated=now,
        window_days=days,
        first_day=iso(Window.ending(now, days).first),
        ledger=ledger,
        facts=None,
        steps=steps(ledger, None, now),
    )


def _date(now: int) -> dt.date:
    return dt.date.fromisoformat(iso(now // DAY_MS))
