"""`guarita rotate`: every secret under its maximum age, and no failed login on the way."""

from __future__ import annotations

import click

from guarita.rotation.cli.drill import drill
from guarita.rotation.cli.plan import plan
from guarita.rotation.cli.rollback import rollback
from guarita.rotation.cli.run import resume, run
from guarita.rotation.cli.status import status
from guarita.rotation.rbac.cli import rbac
from guarita.rotation.rbac.cli_manifests import manifests


@click.group()
def rotate() -> None:
    """Rotate secrets: plan, run, look, go on, go back."""


for command in (plan, run, status, resume, rollback, drill, rbac, manifests):
    rotate.add_command(command)
