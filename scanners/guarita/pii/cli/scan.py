"""`guarita pii scan`: what the policy says of documents."""

from __future__ import annotations

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError
from guarita.pii.cli import reports
from guarita.pii.cli.checking import (
    Checked,
    check_all,
    fail_on_option,
    jobs_option,
    name_option,
    named,
    opened_gate,
    output_option,
    shown_reference,
    status_of,
    tenant_option,
)
from guarita.pii.documents import Source
from guarita.pii.handling import Decision
from guarita.pii.ingest import IngestGate, Outcome
from guarita.pii.places.interface import Item


@click.command()
@click.argument("paths", nargs=-1, metavar="PATH...")
@fail_on_option
@tenant_option
@name_option
@output_option
@jobs_option
@command_options
def scan(  # noqa: PLR0917  # click passes the context by position, the rest by name
    context: Context,
    /,
    paths: tuple[str, ...],
    fail_on: str,
    tenant: str,
    name: str,
    outputs: tuple[str, ...],
    jobs: int | None,
) -> ExitStatus:
    """Find personal data in documents, and say what the policy makes of it.

    PATH is a file, a folder whose documents are read, s3://BUCKET/PREFIX, or `-` for standard input. Each document
    leaves an event in the audit ledger; `--ledger none` declares that none is wanted. No report shows a value.
    """
    targets = reports.chosen(outputs, context)
    found = named(paths, context, stdin_name=name)

    def check(gate: IngestGate, item: Item, source: Source) -> Outcome:
        return gate.check(source, tenant=tenant, source=item.reference)

    with opened_gate(context, jobs) as gate:
        answers = check_all(gate, found, context, check)
    checked = [
        Checked(
            shown_reference(item, answer),
            None if isinstance(answer, GuaritaError) else answer,
            answer if isinstance(answer, GuaritaError) else None,
        )
        for item, answer in answers
    ]
    status = status_of(checked, Decision(fail_on))
    reports.write(targets, checked, found.passed_over, status, context)
    return status
