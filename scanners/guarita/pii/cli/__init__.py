"""`guarita pii`: documents checked and redacted, people found in them, pseudonyms turned back."""

from __future__ import annotations

import click

from guarita.pii.cli.redact import redact
from guarita.pii.cli.reveal import reveal
from guarita.pii.cli.scan import scan
from guarita.pii.cli.subject import subject


@click.group()
def pii() -> None:
    """Find personal data in documents, and handle it by policy."""


for command in (scan, redact, reveal, subject):
    pii.add_command(command)
