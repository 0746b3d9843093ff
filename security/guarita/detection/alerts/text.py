"""A message in plain words, for people. What an attacker wrote cannot become more than the text of a value."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from typing import Final

from guarita.cli.visible import visible
from guarita.detection.alerts.model import Line, Message

VALUE: Final = 200
"""Characters of a value that are shown."""
_VERB: Final = {"trigger": "", "refresh": "", "acknowledge": "acknowledged: ", "resolve": "resolved: "}


def plain(text: str, limit: int = VALUE) -> str:
    """A value as one line that is plainly visible, at most so long."""
    return visible(text, limit)


def subject(message: Message) -> str:
    """What it is about, on one line of at most 200 characters."""
    more = f" (+{message.total - 1} more)" if message.total > 1 else ""
    about = "" if message.total > 1 else "".join(f", {part}" for part in _group(message.alerts[:1]))
    verb = _VERB[message.kind]
    test = "test: " if message.test else ""
    return plain(f"[{message.level}] {test}{verb}{message.title}{more}{about}")


def body(message: Message) -> str:
    """The whole message, a fact on each line."""
    return "\n".join(_lines(message)) + "\n"


def moment(milliseconds: int) -> str:
    """A time as people and APIs read it: RFC 3339, in UTC. One that no calendar has is shown as the nearest."""
    seconds = min(max(milliseconds, 0), 253_402_300_799_000) / 1000
    return (
        dt.datetime.fromtimestamp(seconds, dt.UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    )


def _lines(message: Message) -> Iterator[str]:
    yield subject(message)
    if message.failing is not None:
        yield f"The channel {message.failing} does not take this alert. It comes here instead."
    if message.kind == "acknowledge":
        yield f"Acknowledged by {plain(message.by or 'somebody')}."
    if message.kind == "resolve":
        said = f"by {plain(message.by)}" if message.by else "by nobody"
        yield f"Nothing more was detected since {moment(message.quiet_since or message.last)}. Acknowledged {said}."
    if message.flood:
        yield "This rule finds so much that its further alerts are told together."
    yield ""
    yield f"incident: {message.incident}"
    yield f"rule: {plain(message.rule)}"
    yield f"level: {message.level}"
    yield f"alerts: {message.total}, detections: {message.count}"
    yield f"from {moment(message.first)} to {moment(message.last)}"
    for line in message.alerts:
        yield ""
        yield from _alert(line)
    if message.total > len(message.alerts):
        yield ""
        yield f"… and {message.total - len(message.alerts)} more: guarita detect alerts list {message.incident}"


def _alert(line: Line) -> Iterator[str]:
    yield f"- {plain(line.title)} [{line.level}], {line.count} times, last {moment(line.last)}"
    for part in _group([line]):
        yield f"  {part}"
    if line.evidence:
        yield f"  entries of the ledger: {', '.join(map(str, line.evidence))}"


def _group(lines: list[Line]) -> list[str]:
    return [plain(f"{name}={value}") for line in lines for name, value in line.group.items()]
