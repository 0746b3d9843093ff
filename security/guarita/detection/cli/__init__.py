"""`guarita detect`: what the ledger shows, and who hears of it."""

from __future__ import annotations

import click

from guarita.detection.cli.alerts import alerts


@click.group()
def detect() -> None:
    """Detect attacks in the ledger, and tell who must know."""


for command in (alerts,):
    detect.add_command(command)
