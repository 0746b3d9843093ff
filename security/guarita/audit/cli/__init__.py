"""`guarita audit`: verify, query, export, prove, checkpoint, erase."""

from __future__ import annotations

import click

from guarita.audit.cli.archive import archive
from guarita.audit.cli.checkpoint import checkpoint, key
from guarita.audit.cli.erase import erase
from guarita.audit.cli.evidence import evidence
from guarita.audit.cli.export import export
from guarita.audit.cli.prove import prove
from guarita.audit.cli.query import query, tail
from guarita.audit.cli.ship import ship, sinks
from guarita.audit.cli.verdict import verdict
from guarita.audit.cli.verify import verify
from guarita.audit.cli.witness import witness


@click.group()
def audit() -> None:
    """Read, verify and prove the audit ledger."""


for command in (
    verify,
    verdict,
    prove,
    query,
    tail,
    export,
    archive,
    ship,
    sinks,
    checkpoint,
    key,
    erase,
    witness,
    evidence,
):
    audit.add_command(command)
