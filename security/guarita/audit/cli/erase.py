"""`guarita audit erase`: destroy the key under which a person's values are sealed."""

from __future__ import annotations

import sys

import click

from guarita.audit.cli.opening import opened
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, UsageError


@click.command()
@click.argument("subject", required=False)
@click.option(
    "--replay", is_flag=True, help="Erase again what the log says was erased: after restoring a key store."
)
@command_options
def erase(context: Context, /, subject: str | None, *, replay: bool) -> ExitStatus:
    """Erase a person: destroy the key of SUBJECT, so that values sealed for it open no more, and record that.

    SUBJECT is the identifier that the values were sealed for; `-` reads it from standard input, so that it
    stands in no list of processes. The log keeps every entry, and every proof still verifies. There is no way
    back. Run it again after an interruption: it finishes what was begun.
    """
    if (subject is None) != replay:
        raise UsageError("audit.erase", "name a SUBJECT, or say --replay")
    if subject == "-":
        subject = sys.stdin.readline().rstrip("\r\n")
    if subject == "":
        raise UsageError("audit.erase", "the SUBJECT is empty")
    with opened(context, read_only=False) as ledger:
        done = ledger.replay_erasures() if replay else ledger.erase(subject)
    if context.json:
        context.emit({"erased": done})
        return ExitStatus.PASSED
    for one in done:
        context.out.print(f"erased: key {one.key_id}, recorded as entry {one.index}", markup=False)
    if not done:
        context.note("nothing to erase: no value is sealed for this subject, or it was erased before")
    return ExitStatus.PASSED
