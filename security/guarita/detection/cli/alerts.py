"""`guarita detect alerts`: deliver, list, test, acknowledge, silence."""

from __future__ import annotations

import click

from guarita.detection.cli.alerts_desk import ack, silence, silences, unsilence
from guarita.detection.cli.alerts_list import list_
from guarita.detection.cli.alerts_run import run
from guarita.detection.cli.alerts_test import test


@click.group()
def alerts() -> None:
    """Tell people of what was detected, in time and at least once."""


for command in (run, list_, test, ack, silence, unsilence, silences):
    alerts.add_command(command)
