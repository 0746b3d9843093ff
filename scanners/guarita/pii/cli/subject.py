"""`guarita pii subject`: which documents name a person."""

from __future__ import annotations

import sys
import time

import click
import msgspec

from guarita.audit import events, ledger_settings, open_settings
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.pii.cli.checking import (
    check_all,
    jobs_option,
    named,
    opened_gate,
    tenant_option,
)
from guarita.pii.documents import Source
from guarita.pii.ingest import IngestGate, Outcome
from guarita.pii.ingest.build import NONE, keyring, settings, subject_index
from guarita.pii.places.interface import Item
from guarita.pii.subjects import SubjectIndex


@click.group()
def subject() -> None:
    """Answer who is named where: LGPD art. 18, GDPR art. 15."""


@subject.command()
@click.argument("values", nargs=-1, metavar="VALUE...")
@tenant_option
@command_options
def find(context: Context, /, values: tuple[str, ...], tenant: str) -> ExitStatus:
    """Find the documents in which a person's data stand.

    VALUE is a number, an address, a telephone or a name, in any spelling; `-` reads them from standard input, one a
    line, so that they stand in no list of processes. That it was asked is recorded, not for whom.
    """
    wanted = [line for value in values for line in _lines(value)]
    if not wanted:
        raise UsageError("pii.subject", "name a VALUE, or `-` for standard input")
    found = _index(context)
    matches = found.find(tenant, wanted)
    _record(context, tenant, len(wanted), len(matches))
    if context.json:
        context.emit({"matches": msgspec.to_builtins(matches)})
        return ExitStatus.PASSED
    for match in matches:
        context.out.print(f"{match.reference}  {match.document}", markup=False, soft_wrap=True)
        for entity, place in match.found:
            context.out.print(f"  {place}: {entity.removeprefix('PII_')}", markup=False, soft_wrap=True)
    context.note(f"{len(matches)} documents")
    return ExitStatus.PASSED


@subject.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@tenant_option
@jobs_option
@command_options
def index(context: Context, /, paths: tuple[str, ...], tenant: str, jobs: int | None) -> ExitStatus:
    """Put documents into the index, in the place of what was known of them.

    PATH is as in `guarita pii scan`. A document that cannot be read is not in it: exit status 3.
    """
    found = named(paths, context, stdin_name="stdin.txt")
    if any(item.reference == "-" for item in found.items):
        raise UsageError("pii.subject", "standard input has no place where it could be found again")
    into = _index(context)

    def check(gate: IngestGate, item: Item, source: Source) -> Outcome:
        return gate.check(source, tenant=tenant, source=item.reference)

    with opened_gate(context, jobs, index=into.add) as gate:
        answers = check_all(gate, found, context, check)
    unread = [item for item, answer in answers if isinstance(answer, GuaritaError) or answer.unknown]
    if context.json:
        context.emit({"indexed": len(answers) - len(unread), "unread": len(unread)})
    else:
        context.note(f"{len(answers) - len(unread)} documents indexed, {len(unread)} not read")
    return ExitStatus.UNKNOWN if unread else ExitStatus.PASSED


@subject.command()
@click.argument("references", nargs=-1, required=True, metavar="REFERENCE...")
@tenant_option
@command_options
def remove(context: Context, /, references: tuple[str, ...], tenant: str) -> ExitStatus:
    """Take documents out of the index, by the reference they were indexed under."""
    into = _index(context)
    gone = [reference for reference in references if into.remove(tenant, reference)]
    if context.json:
        context.emit({"removed": len(gone)})
    else:
        context.note(f"{len(gone)} of {len(references)} were in the index, and are gone")
    return ExitStatus.PASSED


def _index(context: Context) -> SubjectIndex:
    section, folder = settings(context.config)
    return subject_index(section, folder, keyring(section, folder))


def _lines(value: str) -> list[str]:
    if value != "-":
        return [value]
    return [line for line in sys.stdin.read().splitlines() if line.strip()]


def _record(context: Context, tenant: str, asked: int, matches: int) -> None:
    """Before anything is shown: who looks people up leaves a trace."""
    found = ledger_settings(context.ledger, context.config)
    if found.url == NONE:
        return
    with open_settings(found) as ledger:
        ledger.append(
            events.api_activity(
                time=time.time_ns() // 1_000_000,
                operation="pii:subject-find",
                actor="guarita pii subject find",
                activity="read",
                service="guarita.pii",
                details={"tenant": tenant, "values": asked, "documents": matches},
            )
        )
