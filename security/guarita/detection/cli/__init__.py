"""`guarita detect`: what the ledger shows, and who hears of it."""

from __future__ import annotations

import click

from guarita.detection.cli.alerts import alerts
from guarita.detection.cli.detecting import rules, run, test


@click.group()
def detect() -> None:
    """Detect attacks in the ledger, and tell who must know."""


for command in (alerts, run, rules, test):
    detect.add_command(command)
