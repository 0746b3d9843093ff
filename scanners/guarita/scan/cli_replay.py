"""`guarita scan replay`: a verdict of the ledger, run again."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import click

from guarita.audit import open_configured
from guarita.cli import Context, command_options
from guarita.cli.ending import terminable
from guarita.errors import ExitStatus
from guarita.policy.gate.verdict import Verdict
from guarita.scan.gate import Request, judge
from guarita.scan.progress import engines_here, shown
from guarita.scan.replay import (
    Difference,
    Past,
    differences,
    find_baseline,
    find_policy_of,
    find_trees,
    past_verdict,
)
from guarita.scan.replay.compare import other_version, tools
from guarita.scan.replay.find import check_advisories, check_scanners


class ScanCommand(click.Command):
    """`guarita scan`, whose first word may be `replay`. A folder of that name is scanned as `./replay`."""

    def make_context(
        self, info_name: str | None, args: list[str], parent: click.Context | None = None, **extra: Any
    ) -> click.Context:
        if args[:1] == [replay.name]:
            return replay.make_context(f"{info_name} {replay.name}", args[1:], parent, **extra)
        return super().make_context(info_name, args, parent, **extra)


@click.command("replay")
@click.argument("index", type=click.IntRange(0))
@click.argument("paths", nargs=-1, type=click.Path(path_type=Path))
@click.option(
    "--policy",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The policy as it was then. [default: looked for where the verdict had it from]",
)
@click.option(
    "--baseline",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The baseline as it was then, where one was named.",
)
@click.option(
    "--advisories",
    multiple=True,
    envvar="GUARITA_ADVISORIES",
    type=click.Path(path_type=Path, dir_okay=False, exists=True),
    metavar="FILE",
    help="The known vulnerabilities as they were then. May be given again.",
)
@click.option(
    "--jobs", "-j", type=click.IntRange(1, 64), default=None, metavar="N", help="Processes for each scanner."
)
@command_options
def replay(
    context: Context,
    index: int,
    paths: tuple[Path, ...],
    policy: Path | None,
    *,
    baseline: Path | None,
    advisories: tuple[Path, ...],
    jobs: int | None,
) -> ExitStatus:
    """Run the verdict at INDEX of the ledger again; it must come out the same.

    The entry is proved to stand in the log. Its tree is taken from the commit that it names, or from PATH (default:
    this folder), its policy from where it came from, each by its digest; waivers are judged by the time of then.
    Nothing is cached and nothing recorded.

    Exit status: 0 it agrees, 1 it does not, 3 it cannot be run again, and why.
    """
    engines_here()
    with open_configured(context.ledger, context.config, create=False, read_only=True, sign=False) as ledger:
        past, records = past_verdict(ledger, index), ledger.paths()
    check_scanners(past)
    with terminable():
        tree, base = find_trees(past, paths, records)
        chosen = find_policy_of(
            past.digests.get("policy", ""), past.policy_origin, tree, base, policy or context.config
        )
        known = find_baseline(past, chosen, baseline)
        check_advisories(past, advisories)
        with context.progress() as bars:
            verdict = judge(
                Request(
                    tree=tree,
                    policy=chosen,
                    base=base,
                    baseline=known,
                    scanners=tuple(past.scanners),
                    fail_on=past.threshold if past.threshold_given else None,
                    jobs=jobs or os.cpu_count() or 1,
                    advisories=advisories,
                    moment=past.started,
                    progress=shown(bars),
                )
            )
    return _told(context, past, verdict)


def _told(context: Context, past: Past, verdict: Verdict) -> ExitStatus:
    found, others = differences(past, verdict), tools(past, verdict)
    if found and (own := other_version(past)):
        others.append(own)
    status = ExitStatus.UNKNOWN if others else ExitStatus.REFUSED if found else ExitStatus.PASSED
    if context.json:
        answer = {ExitStatus.PASSED: "agrees", ExitStatus.REFUSED: "differs", ExitStatus.UNKNOWN: "unknown"}
        context.emit(
            {
                "index": past.index,
                "origin": past.origin,
                "checkpoint": past.signed,
                "answer": answer[status],
                "then": past.result.value,
                "now": verdict.result.value,
                "tools": others,
                "differences": found,
            }
        )
        return status
    signed = f"signed by a checkpoint of {past.signed}" if past.signed else "in no signed checkpoint yet"
    _line(context, f"entry {past.index} of {past.origin}: it stands in the log, {signed}")
    _line(
        context,
        f"judged {past.started:%Y-%m-%d %H:%M:%S} UTC: {past.result.value}; now: {verdict.result.value}",
    )
    for one in others:
        _differing(context, one)
    for one in found:
        _differing(context, one)
    said = {
        ExitStatus.PASSED: "AGREES: verdict, digests and failing findings are the same",
        ExitStatus.REFUSED: "DIFFERS: the same tools give another answer",
        ExitStatus.UNKNOWN: "UNKNOWN: other tools than then; install those versions and run this again",
    }
    _line(context, said[status])
    return status


def _differing(context: Context, one: Difference) -> None:
    _line(context, f"  {one.what}: then {one.then or 'none'}, now {one.now or 'none'}")


def _line(context: Context, text: str) -> None:
    context.out.print(text, markup=False, soft_wrap=True)
