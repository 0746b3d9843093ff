"""`guarita gateway`: keys, and what else a gateway's operator does."""

from __future__ import annotations

import click

from guarita.gateway.cli.access import explain, routes, test
from guarita.gateway.cli.keys import keys
from guarita.gateway.cli.replay import replay
from guarita.gateway.cli.revoke import revoke
from guarita.gateway.cli.serve import serve


@click.group()
def gateway() -> None:
    """Decide who may call what: policy, keys, revocation."""


for command in (explain, test, routes, replay, keys, revoke, serve):
    gateway.add_command(command)
