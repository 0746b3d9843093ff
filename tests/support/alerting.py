"""A ledger, a clock that only the test turns, channels that do as they are told, and couriers between them."""

import contextlib
import random
from pathlib import Path

import msgspec

from guarita import config
from guarita.audit import events, open_ledger
from guarita.detection.alerts import desk
from guarita.detection.alerts.channels.build import build_all
from guarita.detection.alerts.courier import Courier, write_records
from guarita.detection.alerts.interface import Channel, ChannelRefusedError, ChannelUnavailableError
from guarita.detection.alerts.model import Message
from guarita.detection.alerts.routing import Routing
from guarita.detection.alerts.state import State
from guarita.detection.alerts.stores.locate import beside
from guarita.detection.alerts.turn import Turn

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
START = 1_800_000_000_000
REST = "      - {name: rest, levels: [info, low, medium, high, critical], channels: [log]}\n"


def section(routes, *, channels="a b c", more=""):
    """A section with these channels: by name as they are written, or names whose kind does not matter."""
    if isinstance(channels, str):
        channels = {
            name: f"{{type: webhook, url: 'http://127.0.0.1:9/{name}', secrets: [{{env: X}}]}}"
            for name in channels.split()
        }
    named = "".join(f"      {name}: {written}\n" for name, written in channels.items())
    text = f"detection:\n  alerts:\n    channels:\n{named}    routes:\n{routes}{more}"
    return config.parse(text.encode(), "test").detection.alerts


class Scripted(Channel):
    """Takes every message, or fails as `faults` says: one word for each attempt."""

    kinds = frozenset({"trigger", "acknowledge", "resolve", "refresh"})

    def __init__(self, *, refreshes=False):
        if not refreshes:
            self.kinds = self.kinds - {"refresh"}
        self.faults = []
        self.sent = []
        self.attempts = 0

    def send(self, message, *, now):
        self.attempts += 1
        fault = self.faults.pop(0) if self.faults else "ok"
        if callable(fault):
            fault = fault(message) or "ok"
        if fault == "away":
            raise ChannelUnavailableError("alerts.unreachable", "away")
        if fault.startswith("wait"):
            raise ChannelUnavailableError("alerts.busy", "busy", retry_after=float(fault[4:]))
        if fault == "no":
            raise ChannelRefusedError("alerts.refused", "no")
        self.sent.append((now, message))
        if fault == "lost":
            raise ChannelUnavailableError("alerts.unreachable", "the answer was lost")
        return "ok"

    def kinds_sent(self):
        return [message.kind for _, message in self.sent]


class Filed(Channel):
    """Writes what it takes to a file, which outlives whoever sends."""

    def __init__(self, path):
        self.path = path

    def send(self, message, *, now):
        with self.path.open("ab", buffering=0) as file:
            file.write(msgspec.json.encode(message) + b"\n")
        return "ok"

    def messages(self):
        lines = self.path.read_bytes().splitlines() if self.path.exists() else []
        return [msgspec.json.decode(line, type=Message) for line in lines]


class Steps:
    """Counts the steps of whatever is made to count, and calls `at` before and after each."""

    def __init__(self, at):
        self.at, self.count = at, 0

    def step(self):
        self.count += 1
        self.at(self.count)

    def around(self, scene):
        """Make every transaction, every message and every writing to the ledger of a scene count."""
        whole, append = scene.database.transaction, scene.ledger.append_all

        @contextlib.contextmanager
        def transaction():
            self.step()
            with whole() as execute:
                yield execute
                self.step()
            self.step()

        scene.database.transaction = transaction
        scene.ledger.append_all = lambda made: self._both(append, list(made))
        for channel in scene.channels.values():
            send = channel.send
            channel.send = lambda message, now, send=send: self._both(send, message, now=now)

    def _both(self, act, *arguments, **named):
        self.step()
        done = act(*arguments, **named)
        self.step()
        return done


class Scene:
    """Everything that a courier works with."""

    def __init__(self, url, routes, *, channels="a b c", more="", key="none", refreshing=()):
        self.now = START
        self.ledger = open_ledger(str(url), key=key)
        self.database = beside(self.ledger)
        self.section = section(routes, channels=channels, more=more)
        self.channels = (
            {name: Scripted(refreshes=name in refreshing) for name in channels.split()}
            if isinstance(channels, str)
            else build_all(self.section, Path(url).parent)
        )
        self.routing = Routing(self.section, self.channels)
        self.courier = self.hire()
        self.courier.begin()
        self._count = 0

    def hire(self):
        return Courier(self.ledger, self.database, self.routing, now=lambda: self.now, rng=random.Random(1))

    def detect(self, rule="rule-1", level="critical", *, uid=None, time=None, **details):
        """An entry as the detection engine writes it."""
        self._count += 1
        details.setdefault("group", {"user": "ana"})
        return self.ledger.append(
            events.detection_finding(
                time=self.now if time is None else time,
                finding_uid=uid or f"finding-{self._count}",
                rule=rule,
                title=f"Title of {rule}",
                severity=level,
                details=details,
            )
        ).index

    def go(self, ms=0, *, step=None):
        """Let time pass, in steps at which the courier works."""
        end = self.now + ms
        while True:
            self.courier.once()
            if self.now >= end:
                return
            self.now = min(end, self.now + (step or max(ms, 1)))

    def turn(self, act, *arguments, **named):
        with self.database.transaction() as execute:
            done = act(Turn(State(execute), self.routing, self.now), *arguments, **named)
        write_records(self.ledger, self.database)
        return done

    def ack(self, by="ana"):
        return self.turn(desk.acknowledge, self.incidents()[0].id, by)

    def silence(self, ms, **matchers):
        return self.turn(
            desk.silence,
            {name.replace("_", "."): value for name, value in matchers.items()},
            owner="ops",
            reason="planned",
            until=self.now + ms,
        )

    def incidents(self, *, closed=False):
        with self.database.transaction() as execute:
            return State(execute).incidents(closed=closed)

    def alerts(self, incident):
        with self.database.transaction() as execute:
            return State(execute).alerts(incident.id)

    def events(self, operation=None):
        """What stands in the ledger about alerts: operation, details and the event itself."""
        found = []
        for one in self.ledger.query():
            if one.event["class_uid"] == 6003:
                name = one.event["api"]["operation"]
                if operation in {None, name}:
                    found.append(
                        {"operation": name, **one.event["unmapped"]["guarita"]["alert"], "event": one.event}
                    )
        return found

    def close(self):
        self.database.close()
        self.ledger.close()
