"""`guarita detect alerts test`: whether a channel takes an alert."""

from __future__ import annotations

import secrets

import click
from msgspec.structs import replace

from guarita.cli import Context, command_options
from guarita.config.detection_alerts import LEVELS, LOG
from guarita.detection.alerts.channels.build import build
from guarita.detection.alerts.courier import clock
from guarita.detection.alerts.interface import Channel
from guarita.detection.alerts.model import Line, Message
from guarita.detection.cli.opening import section
from guarita.errors import ExitStatus, UsageError


@click.command()
@click.argument("channel")
@click.option("--level", type=click.Choice(LEVELS), default="info", show_default=True)
@command_options
def test(context: Context, /, *, channel: str, level: str) -> ExitStatus:
    """Send a test alert to a CHANNEL, and say what it answered. Where it stands until its end, end it.

    Exit status: 0 accepted, 1 refused, 3 not to be had. Nothing is tried again, and nothing is written down.
    """
    wanted, folder = section(context)
    found = wanted.channels.get(channel)
    if found is None:
        raise UsageError(
            "alerts.no-channel",
            f"{channel} sends nothing" if channel == LOG else f"no channel is called {channel!r}",
            hint=f"one of: {', '.join(wanted.channels)}" if wanted.channels else "name some under `channels`",
        )
    answers = send_test(build(found, folder), level, now=clock())
    if context.json:
        context.emit({"channel": channel, "answers": answers})
    else:
        context.out.print(f"{channel}: {'; '.join(answers)}", markup=False)
    return ExitStatus.PASSED


def send_test(channel: Channel, level: str, *, now: int) -> list[str]:
    """Send a test alert, and its end where it would stand else; gives the answers. Raises as `Channel.send`."""
    incident = f"test-{secrets.token_hex(4)}"
    line = Line(
        key="test", rule="guarita-test", level=level, title="This is a test", first=now, last=now, count=1
    )
    message = Message(
        id=f"{incident}-1",
        kind="trigger",
        incident=incident,
        route="test",
        level=level,
        rule=line.rule,
        title=line.title,
        opened=now,
        first=now,
        last=now,
        count=1,
        total=1,
        alerts=[line],
        test=True,
    )
    answers = [channel.send(message, now=now)]
    if channel.keeps:
        ended = replace(message, id=f"{incident}-2", kind="resolve", quiet_since=now)
        answers.append(channel.send(ended, now=now))
    return answers
