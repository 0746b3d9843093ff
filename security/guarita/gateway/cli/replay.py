"""`guarita gateway replay`: recorded decisions, against a candidate policy."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import click
import msgspec

from guarita import config
from guarita.audit import Query
from guarita.audit.cli.opening import archive_option, opened
from guarita.audit.cli.query import Moment
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.gateway.cli.access import configured
from guarita.gateway.recorded import Record
from guarita.policy.access import AccessPolicy, Decision, Made, Recorded, diff, load, remake
from guarita.policy.access.remake import Outcome
from guarita.policy.access.replay import Replay

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)
_API_ACTIVITY = 6003


@click.command()
@click.argument("candidate", type=_FILE)
@click.argument("recorded", type=_FILE, required=False)
@click.option(
    "--from", "since", type=Moment(), metavar="TIME", help="Decisions from this time on (ISO 8601)."
)
@click.option("--until", "--to", type=Moment(), metavar="TIME", help="Decisions before this time (ISO 8601).")
@archive_option
@command_options
def replay(
    context: Context,
    /,
    *,
    candidate: Path,
    recorded: Path | None,
    since: int | None,
    until: int | None,
    archive: Path | None,
) -> ExitStatus:
    """Say which recorded decisions a candidate policy would flip.

    CANDIDATE is a guarita.yaml. The decisions are those in the audit ledger, or those of the file RECORDED with one
    JSON object on a line: method, path, allowed, and of the principal subject, issuer, scopes, roles and claims, as far
    as they were kept.

    Exit status 0 when nothing flips, 1 when something does, 3 when the record does not say enough of a decision
    to make it again.
    """
    old, new = configured(context), load(candidate)
    if recorded is not None:
        return _of_file(context, diff(old, new, _read(recorded)))
    with opened(context, archive=archive) as ledger:
        found = ledger.query(Query(class_uid=_API_ACTIVITY, since=since, until=until), reveal=True)
        return _of_ledger(context, old, new, (one.event for one in found))


def _of_ledger(
    context: Context, old: AccessPolicy, new: AccessPolicy, events: Iterable[dict[str, Any]]
) -> ExitStatus:
    record = Record()
    counts: Counter[Outcome] = Counter()
    flips: Counter[tuple[Made, Decision]] = Counter()
    unknown: Counter[Made] = Counter()
    for one in remake(old, new, record.decisions(events)):
        counts[one.outcome] += one.kept.count
        if one.outcome == "unknown":
            unknown[one.kept.made] += one.kept.count
        elif one.after is not None:
            flips[one.kept.made, one.after] += one.kept.count
    if context.json:
        context.emit(
            {
                "same": counts["same"],
                "opened": counts["opened"],
                "closed": counts["closed"],
                "unknown": counts["unknown"] + record.untold,
                "not_by_policy": record.others,
                "flips": [
                    {"count": count, "made": made, "after": after}
                    for (made, after), count in flips.most_common()
                ],
                "undecidable": [{"count": count, "made": made} for made, count in unknown.most_common()],
            }
        )
    else:
        for (made, after), count in flips.most_common():
            what = "refused" if made.allowed else "let through"
            by = f" by {after.rule} ({after.place})" if after.rule else ""
            context.out.print(
                f"{count} times {_said(made)}: would be {what} ({after.code}){by}",
                markup=False,
                soft_wrap=True,
            )
        for made, count in unknown.most_common():
            context.out.print(
                f"{count} times {_said(made)}: the record does not say enough", markup=False, soft_wrap=True
            )
        total = counts.total() + record.untold
        context.out.print(
            f"{total} decisions: {counts['opened'] + counts['closed']} flip, {counts['unknown'] + record.untold} unknown"
        )
        if record.untold:
            context.note(f"{record.untold} decisions were counted and not kept")
        if record.others:
            context.note(f"{record.others} more requests were refused by something else than the policy")
    if counts["unknown"] or record.untold:
        return ExitStatus.UNKNOWN
    return ExitStatus.REFUSED if flips else ExitStatus.PASSED


def _said(made: Made) -> str:
    """A kind of decision in words."""
    who = "nobody" if not made.known else f"roles {', '.join(sorted(made.roles)) or 'none'}"
    return f"{made.method} {made.rule.rpartition(' ')[2] or '(no rule)'} as {who}"


def _of_file(context: Context, answer: Replay) -> ExitStatus:
    if context.json:
        context.emit({"same": answer.same, "flips": answer.flips, "unknown": answer.unknown})
    else:
        for line in _lines(answer):
            context.out.print(line, markup=False, soft_wrap=True)
    if answer.unknown:
        return ExitStatus.UNKNOWN
    return ExitStatus.REFUSED if answer.flips else ExitStatus.PASSED


def _read(file: Path) -> Iterator[Recorded]:
    number = 0
    for number, line in enumerate(config.read(file).splitlines(), 1):
        try:
            yield msgspec.json.decode(line, type=Recorded)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise UsageError("access.recorded", f"{file}:{number}: no recorded decision: {error}") from error
    if number == 0:
        raise UsageError("access.recorded", f"{file}: nothing is recorded there")


def _lines(answer: Replay) -> Iterator[str]:
    for title, flips in (("let through", answer.opened), ("refused", answer.closed)):
        for flip in flips:
            record, after = flip.recorded, flip.after
            by = f" by {after.rule} ({after.place})" if after.rule else ""
            yield f"{record.method} {record.path}: would be {title} ({after.code}){by}"
    for record in answer.unknown:
        yield f"{record.method} {record.path}: the record does not say enough to decide it again"
    total = answer.same + len(answer.flips) + len(answer.unknown)
    yield f"{total} decisions: {len(answer.flips)} flip, {len(answer.unknown)} unknown"
