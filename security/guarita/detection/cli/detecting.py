"""`guarita detect run`, `rules` and `test`: what the ledger shows, by which rules, and whether they hold."""

from __future__ import annotations

import datetime as dt
import re
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import click
from rich.table import Table
from rich.text import Text

from guarita import config
from guarita.audit import open_configured
from guarita.audit.events.common import SEVERITY
from guarita.audit.locate import project
from guarita.cli import Context, command_options
from guarita.cli.visible import visible
from guarita.config.detection import DetectionSection
from guarita.detection.cli.delivering import delivering
from guarita.errors import ExitStatus

if TYPE_CHECKING:
    from guarita.detection.rule import Detection, Rule

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


class Since(click.ParamType[int]):
    """A time ago (`24h`) or a moment in ISO 8601, as ms since the epoch."""

    name = "since"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> int:
        if found := re.fullmatch(r"([0-9]{1,6})([smhdw])", str(value)):
            return (int(time.time()) - int(found[1]) * _UNITS[found[2]]) * 1000
        try:
            moment = dt.datetime.fromisoformat(str(value))
        except ValueError:
            self.fail(f"{value!r} is neither a time such as 24h nor one in ISO 8601", param, ctx)
        return int((moment if moment.tzinfo else moment.replace(tzinfo=dt.UTC)).timestamp() * 1000)


def chosen(context: Context) -> tuple[DetectionSection, dict[str, Rule], list[Path]]:
    """The section of guarita.yaml, its rules, and where they stand."""
    from guarita.detection.sigma.load import PACK, load  # noqa: PLC0415  # alerts alone need no pySigma

    file = context.config or project() / config.FILE_NAME
    section = config.load(file).detection if context.config or file.exists() else DetectionSection()
    places = [PACK] * section.pack + [file.parent / one for one in section.rules]
    return section, load(places, section.overrides), places


@click.command()
@click.option("--since", type=Since(), metavar="TIME", help="Judge again from here on: 24h, or ISO 8601.")
@click.option("--follow", "-f", is_flag=True, help="Go on with further entries, until interrupted.")
@click.option(
    "--fail-on", type=click.Choice(list(SEVERITY)), default="low", show_default=True,
    help="Exit with 1 for a detection of this level or worse.",
)  # fmt: skip
@command_options
def run(context: Context, /, *, since: int | None, follow: bool, fail_on: str) -> ExitStatus:
    """Evaluate the rules over the ledger, from where the last run ended, and write down what they detect.

    Exit status: 0 nothing, 1 detections at or above --fail-on, 3 the ledger cannot be read or written.
    """
    from guarita.detection.detector import Detector  # noqa: PLC0415
    from guarita.detection.engine.engine import Engine  # noqa: PLC0415

    section, rules, _ = chosen(context)
    lateness = section.lateness * 1000
    engine = Engine(rules, lateness=lateness, most=section.max_groups)
    stop, worst = threading.Event(), 0
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    folder = context.config.parent if context.config else project()
    alerts = section.alerts if follow else None
    with (
        open_configured(context.ledger, context.config, create=False) as ledger,
        delivering(context, ledger, alerts, folder, stop),
        context.progress() as bars,
    ):
        task = bars.add_task("entries", total=ledger.size)
        detector = Detector(ledger, engine, clock=lambda: time.time_ns() // 1_000_000, lateness=lateness)
        for found in detector.run(since=since, follow=follow, stop=stop):
            bars.update(task, completed=detector.read)
            worst = max(worst, SEVERITY[found.rule.level])
            _show(context, found)
        for name, count in engine.evicted.items():
            context.note(f"{name}: {count} groups were let go for want of room: raise detection.max_groups")
    context.note(f"{detector.read} entries, {len(rules)} rules")
    return ExitStatus.REFUSED if worst >= SEVERITY[fail_on] else ExitStatus.PASSED


def _show(context: Context, found: Detection) -> None:
    if context.json:
        context.emit(
            {
                "uid": found.uid, "rule": found.rule.name, "level": found.rule.level, "title": found.rule.title,
                "kind": found.kind, "time": found.time, "group": dict(found.group), "count": found.count,
                "evidence": list(found.evidence),
            }
        )  # fmt: skip
        return
    when = dt.datetime.fromtimestamp(found.time / 1000, dt.UTC).strftime("%Y-%m-%d %H:%M:%S")
    group = " ".join(f"{name}={value}" for name, value in found.group)
    line = f"{when} {found.rule.level:<8} {found.rule.name} ({found.count}) {group}"
    context.out.print(Text(visible(line)), soft_wrap=True)


@click.command()
@command_options
def rules(context: Context, /) -> ExitStatus:
    """List the rules with their level and what they are in MITRE ATT&CK."""
    _, found, _ = chosen(context)
    shown = [one for one in found.values() if one.output]
    if context.json:
        for one in shown:
            context.emit(
                {
                    "rule": one.name,
                    "level": one.level,
                    "title": one.title,
                    "tags": one.tags,
                    "place": one.place,
                }
            )
        return ExitStatus.PASSED
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("rule", "level", "ATT&CK", "title"):
        table.add_column(column)
    for one in shown:
        techniques = [tag[7:].upper() for tag in one.tags if tag.startswith("attack.t")]
        table.add_row(one.name, one.level, " ".join(techniques), Text(one.title))
    context.out.print(table)
    return ExitStatus.PASSED


@click.command()
@click.argument("places", nargs=-1, type=click.Path(path_type=Path, exists=True), metavar="[RULES]...")
@command_options
def test(context: Context, /, places: tuple[Path, ...]) -> ExitStatus:
    """Run the cases beside the rules: events that must fire, and events that must not. Exit status 1 when one fails."""
    from guarita.detection.cases import judged  # noqa: PLC0415

    found = list(places) or chosen(context)[2]
    failed = 0
    for case in judged(found):
        failed += not case.holds
        if context.json:
            context.emit(case)
        elif not case.holds:
            context.out.print(Text(f"failed: {case.rule}: {case.name}: {case.message}"), soft_wrap=True)
    context.note(f"{failed} failed")
    return ExitStatus.REFUSED if failed else ExitStatus.PASSED
