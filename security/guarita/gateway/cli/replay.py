"""`guarita gateway replay`: recorded decisions, against a candidate policy."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from guarita import config
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError
from guarita.gateway.cli.access import configured
from guarita.policy.access import Recorded, diff, load
from guarita.policy.access.replay import Replay

_FILE = click.Path(path_type=Path, dir_okay=False, exists=True)


@click.command()
@click.argument("candidate", type=_FILE)
@click.argument("recorded", type=_FILE)
@command_options
def replay(context: Context, /, *, candidate: Path, recorded: Path) -> ExitStatus:
    """Say which recorded decisions a candidate policy would flip.

    CANDIDATE is a guarita.yaml. RECORDED has one JSON object on a line: method, path, allowed, and of the
    principal subject, issuer, scopes, roles and claims, as far as they were kept.

    Exit status 0 when nothing flips, 1 when something does, 3 when the record does not say enough of a decision
    to make it again.
    """
    answer = diff(configured(context), load(candidate), _read(recorded))
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
