"""`guarita policy what-if`: stored verdicts by another policy or on another day."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from guarita.audit import Ledger, open_configured
from guarita.cli import Context, command_options
from guarita.config import Waiver
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.policy.gate.judge import waiver_name, waives
from guarita.policy.gate.verdict import Result
from guarita.scan.digests import policy_digest
from guarita.scan.gate import Policy, find_policy
from guarita.scan.replay import Past, find_policy_of, past_verdict
from guarita.scan.replay.past import is_verdict
from guarita.scan.reports.escape import printable
from guarita.scan.tree import Folder, Revision, Tree, TreeError, open_trees
from guarita.scan.whatif import Answer, StoredReport, by_date, by_policy, read_report


class Days(click.ParamType[int]):
    """Days from today, as `30d`."""

    name = "days"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> int:
        found = re.fullmatch(r"([0-9]{1,5})d", str(value))
        if found is None:
            self.fail(f"{value!r} is not a number of days such as 30d", param, ctx)
        return int(found[1])


class RunsOut(msgspec.Struct, frozen=True):
    """A waiver that ends before the day that is asked about."""

    waiver: str
    """Its rule or fingerprint."""
    owner: str
    expires: dt.date
    reason: str
    findings: int
    """How many findings of the reports it means."""


@click.group()
def policy() -> None:
    """Ask what another policy, or another day, would make of the gate's verdicts."""


@policy.command("what-if")
@click.argument("reports", nargs=-1, type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option(
    "--index", "indexes", multiple=True, type=click.IntRange(0), metavar="N", help="A verdict of the ledger."
)
@click.option(
    "--last", type=click.IntRange(1, 1000), metavar="N", help="The newest N verdicts of the ledger. [1]"
)
@click.option(
    "--policy",
    "file",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The policy to judge by. [default: the one that judged]",
)
@click.option(
    "--at",
    "at",
    type=click.DateTime(["%Y-%m-%d"]),
    metavar="DATE",
    help="The day to judge on. [default: today, UTC]",
)
@click.option("--in", "within", type=Days(), metavar="DAYS", help="The same, from today: 30d.")
@command_options
def what_if(
    context: Context,
    reports: tuple[Path, ...],
    indexes: tuple[int, ...],
    last: int | None,
    file: Path | None,
    *,
    at: dt.datetime | None,
    within: int | None,
) -> ExitStatus:
    """Judge stored findings by another policy or on another day; nothing is scanned.

    REPORT is what `guarita scan --output json=FILE` wrote. Without one, verdicts of the ledger are judged: they hold
    enough for another day, not for another policy.

    Exit status: 0 all would pass, 1 one would fail, 3 it cannot be said of one: a verdict that was unknown stays so.
    """
    if at is not None and within is not None:
        raise UsageError("what-if.date", "either --at or --in")
    today = dt.datetime.now(dt.UTC).date()
    day = at.date() if at is not None else today + dt.timedelta(days=within or 0)
    named = file or context.config
    chosen = _named(named) if named else None
    stored = [(path, read_report(path)) for path in reports]
    answers, waivers = [], []
    for path, report in stored:
        by = chosen or _policy_then(report.digests.get("policy", ""), report)
        answers.append(by_policy(str(path), report, by.section, day, by.baseline if chosen else frozenset()))
        waivers += [w for w in by.section.waivers if w not in waivers]
    if indexes or last or not reports:
        for past in _pasts(context, indexes, last or (0 if indexes else 1)):
            answers.append(_dated(past, day, chosen))
            waivers += [w for w in _waivers_of(past, chosen) if w not in waivers]
    ending = list(_ending(waivers, today, day, [report for _, report in stored]))
    _show(context, day, answers, ending)
    results = {answer.now for answer in answers}
    if Result.UNKNOWN in results:
        return ExitStatus.UNKNOWN
    return ExitStatus.REFUSED if Result.FAILED in results else ExitStatus.PASSED


def _named(file: Path) -> Policy:
    tree, _ = open_trees((Path(),), policy_named=True)
    return find_policy(tree, file=file, base=None)


def _policy_then(digest: str, verdict: StoredReport | Past) -> Policy:
    """The policy that judged, by its digest: of the commits that the verdict names, or of the folder now.

    Raises GuaritaError (`replay.no-policy`).
    """
    here, _ = open_trees((Path(),))
    root = here.root if isinstance(here, Folder) else Path()
    base = _revision(root, verdict.base)
    then = _revision(root, verdict.revision.removesuffix("+dirty"))
    trees: list[Tree] = [tree for tree in (then, here) if tree is not None]
    for tree in trees[:-1]:
        try:
            return find_policy_of(digest, verdict.policy_origin, tree, base, None)
        except GuaritaError:
            continue
    return find_policy_of(digest, verdict.policy_origin, trees[-1], base, None)


def _revision(root: Path, commit: str) -> Revision | None:
    try:
        return Revision(root, commit) if commit else None
    except TreeError:
        return None


def _pasts(context: Context, indexes: Sequence[int], last: int) -> list[Past]:
    with open_configured(context.ledger, context.config, create=False, read_only=True, sign=False) as ledger:
        chosen = list(dict.fromkeys((*indexes, *_newest(ledger, last))))
        if not chosen:
            raise UsageError("what-if.no-verdict", f"{ledger.origin} holds no verdict of the gate")
        return [past_verdict(ledger, index) for index in chosen]


def _newest(ledger: Ledger, count: int) -> list[int]:
    return (
        [leaf.index for leaf in ledger.entries(ledger.archived) if is_verdict(leaf)][-count:] if count else []
    )


def _dated(past: Past, day: dt.date, chosen: Policy | None) -> Answer:
    if chosen is not None and policy_digest(chosen.section) != past.digests.get("policy"):
        return Answer(
            source=f"entry {past.index} of {past.origin}",
            judged=past.started,
            then=past.result,
            now=Result.UNKNOWN,
            unknown=("the ledger holds no paths, which another policy asks about: judge a JSON report",),
        )
    return by_date(past, day)


def _waivers_of(past: Past, chosen: Policy | None) -> list[Waiver]:
    try:
        return (chosen or _policy_then(past.digests.get("policy", ""), past)).section.waivers
    except GuaritaError:
        return []  # the verdict names what runs out, and only the owners are missing


def _ending(
    waivers: Sequence[Waiver], today: dt.date, day: dt.date, reports: Sequence[StoredReport]
) -> Iterator[RunsOut]:
    found = [decision.as_found() for report in reports for decision in report.decisions]
    for waiver in sorted(waivers, key=lambda w: (w.expires, w.owner)):
        if today <= waiver.expires < day:
            count = sum(waives(waiver, finding) for finding in found)
            yield RunsOut(waiver_name(waiver), waiver.owner, waiver.expires, waiver.reason, count)


def _show(context: Context, day: dt.date, answers: Sequence[Answer], ending: Sequence[RunsOut]) -> None:
    if context.json:
        context.emit({"at": day, "waivers": ending, "verdicts": answers})
        return
    _line(context, f"On {day}:")
    for one in ending:
        meant = f", meant {one.findings} findings" if one.findings else ""
        _line(
            context,
            f"  the waiver for {one.waiver} ({one.owner}) has run out on {one.expires}{meant}: {one.reason}",
        )
    for answer in answers:
        then = f"{answer.then.value} on {answer.judged:%Y-%m-%d}"
        _line(context, f"{answer.source}: {then}, then {answer.now.value.upper()}")
        for reason in answer.unknown:
            _line(context, f"  unknown: {reason}")
        for change in answer.changes:
            where = f" {change.place}" if change.place else ""
            why = f" ({change.reason})" if change.reason else ""
            _line(
                context,
                f"  {change.rule} {change.fingerprint[:12]}{where}: {change.then} → {change.now}{why}",
            )


def _line(context: Context, text: str) -> None:
    context.out.print(printable(text), markup=False, soft_wrap=True)
