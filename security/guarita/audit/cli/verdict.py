"""`guarita audit verdict`: whether the gate passed a revision, by what the ledger proves."""

from __future__ import annotations

import datetime as dt
import re
from typing import Any

import click
from rich.text import Text

from guarita.audit.cli.opening import opened
from guarita.audit.errors import LedgerError
from guarita.audit.verdict import ProvedVerdict, proved_verdict
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError

_STATUS = {"passed": ExitStatus.PASSED, "failed": ExitStatus.REFUSED, "unknown": ExitStatus.UNKNOWN}


class Pattern(click.ParamType[str]):
    """A word of a form."""

    def __init__(self, name: str, pattern: str, form: str) -> None:
        self.name = name
        self._pattern = re.compile(pattern)
        self._form = form

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not self._pattern.fullmatch(value):
            self.fail(f"{value!r} is not {self._form}", param, ctx)
        return str(value)


@click.command()
@click.option(
    "--revision",
    required=True,
    type=Pattern("commit", r"[0-9a-f]{40}|[0-9a-f]{64}", "a commit in full"),
    help="The commit, in full.",
)
@click.option(
    "--policy",
    type=Pattern("digest", r"[0-9a-f]{64}", "a SHA-256 in hex"),
    help="Only verdicts by the policy of this digest count.",
)
@click.option(
    "--max-age",
    type=Pattern("age", r"[1-9][0-9]{0,4}[hd]", "an age such as 12h or 30d"),
    help="No older ones count.",
)
@click.option("--vkey", metavar="KEY", help="The log's first public key, as you know it (C2SP vkey).")
@command_options
def verdict(
    context: Context, /, *, revision: str, policy: str | None, max_age: str | None, vkey: str | None
) -> ExitStatus:
    """Say what the gate's newest verdict on a revision is, proved to stand under a signed checkpoint.

    Exit status 0 when it passed, 1 when it failed or the log is not what it was, 3 when there is none, it is
    unknown, or nobody has signed for it yet.
    """
    with opened(context, vkey=vkey) as ledger:
        try:
            found = proved_verdict(ledger, revision, policy=policy, since=_since(max_age))
        except UsageError as error:
            # The call is right; the answer is not there yet.
            raise LedgerError(error.code, error.message, hint=error.hint) from error
    if found is None:
        raise LedgerError(
            "audit.no-verdict",
            f"the ledger holds no verdict on {revision} that counts",
            hint="guarita scan, on a checkout of this commit without changes and with this ledger",
        )
    if context.json:
        context.emit({"verdict": found})
    elif not context.quiet:
        _show(context, found)
    return _STATUS[found.result]


def _since(max_age: str | None) -> int:
    if max_age is None:
        return 0
    age = dt.timedelta(**{{"h": "hours", "d": "days"}[max_age[-1]]: int(max_age[:-1])})
    return int((dt.datetime.now(dt.UTC) - age).timestamp() * 1000)


def _show(context: Context, found: ProvedVerdict) -> None:
    colour = {"passed": "green", "failed": "red"}.get(found.result, "yellow")
    context.out.print(Text.assemble((found.result, colour), f" {found.revision}"))
    lines = {
        "entry": f"{found.index}, in the tree of {found.signed} that was signed",
        "policy": f"sha256:{found.policy} ({found.policy_origin})",
    }
    for name, text in lines.items():
        context.out.print(f"  {name:<8}{text}", markup=False, soft_wrap=True)
