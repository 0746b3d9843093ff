"""`guarita audit evidence`: one file that shows an outsider, offline, what happened, and what it cannot show."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO, TypeVar

import click
from rich.text import Text

from guarita.audit.cli.opening import archive_option, ledger_section, opened
from guarita.audit.cli.query import Moment
from guarita.audit.evidence.build import Made, make
from guarita.audit.evidence.pack import pack_verifier
from guarita.audit.evidence.verifier.report import document
from guarita.cli import Context, command_options
from guarita.cli.replacing import replacing
from guarita.cli.visible import visible
from guarita.errors import ExitStatus, UsageError

T = TypeVar("T")
_FILE = click.Path(path_type=Path, dir_okay=False)


@click.command()
@click.option("--from", "since", type=Moment(), metavar="TIME", help="From this time on (ISO 8601, UTC).")
@click.option(
    "--to", "--until", "until", type=Moment(), metavar="TIME", help="Before this time (ISO 8601, UTC)."
)
@click.option("--output", "-o", type=_FILE, metavar="FILE", help="[default: evidence-DATE.pyz]")
@click.option(
    "--as-is", is_flag=True, help="Sign no fresh checkpoint before: what came after the last is left out."
)
@archive_option
@click.option("--verifier", type=_FILE, metavar="FILE", help="Write the verifier alone, and nothing else.")
@command_options
def evidence(
    context: Context,
    /,
    *,
    since: int | None,
    until: int | None,
    output: Path | None,
    as_is: bool,
    archive: Path | None,
    verifier: Path | None,
) -> ExitStatus:
    """Write the evidence of a period into one file, for somebody who trusts neither this machine nor us.

    It holds every entry of the period, the signed checkpoints, the proofs between them, and a program in plain
    Python that verifies them offline and says which gates ran, which secrets were rotated, what was denied,
    and what all that cannot prove: `python3 -I FILE --vkey KEY`.
    """
    if verifier is not None:
        digest = _write(verifier, pack_verifier)
        _say(
            context, {"verifier": {"file": str(verifier), "sha256": digest}}, [f"{verifier}  sha256 {digest}"]
        )
        return ExitStatus.PASSED
    if since is not None and until is not None and since >= until:
        raise UsageError("audit.period", "the period ends before it begins", hint="--from is before --to")
    section = ledger_section(context)
    target = output or Path(f"evidence-{dt.datetime.now(dt.UTC):%Y-%m-%d}.pyz")
    with opened(context, read_only=as_is, archive=archive) as ledger, context.progress() as bars:
        if not as_is and ledger.signing.signs:
            ledger.checkpoint()
        task = bars.add_task("entries", total=None)
        made = _write(
            target,
            lambda out: make(
                ledger,
                out,
                since=since,
                until=until,
                witnesses=[one.vkey for one in section.witnesses],
                quorum=section.witness_quorum or len(section.witnesses) // 2 + 1,
                progress=lambda done, total: bars.update(task, completed=done, total=total),
            ),
        )
    _show(context, target, made)
    return ExitStatus.PASSED


def _show(context: Context, target: Path, made: Made) -> None:
    report = made.report
    checked, facts = report.checked, report.facts
    _say(
        context,
        {"evidence": {"file": str(target), **document(report), "file_sha256": made.sha256}},
        [
            f"{target}: entries {checked.start} to {checked.stop - 1}",
            f"  sha256  {made.sha256}",
            f"  key     {checked.keys[0]}",
            f"  shows   {len(facts.gates)} gates, {len(facts.changes)} rotations, {len(facts.denials)} denials",
            *(f"  not     {limit.text}" for limit in report.limits),
        ],
    )
    context.note(f"verify: python3 -I {target} --vkey '{checked.keys[0]}'")


def _say(context: Context, answer: object, lines: list[str]) -> None:
    if context.json:
        context.emit(answer)
    for line in lines if not context.json else ():
        context.out.print(Text(visible(line)), soft_wrap=True)


def _write(path: Path, write: Callable[[BinaryIO], T]) -> T:
    with replacing(path, code="audit.output") as out:
        return write(out)
