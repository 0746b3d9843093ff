"""`guarita rotate manifests`: the kustomize base that comes with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from guarita.cli import Context, command_options
from guarita.deploy import write_and_tell
from guarita.errors import ExitStatus

DEPLOY: Final = Path(__file__).parents[1] / "deploy"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Write over what stands there.")
@command_options
def manifests(context: Context, /, folder: Path, *, force: bool) -> ExitStatus:
    """Write what a cluster needs for rotation into FOLDER: base/ for kustomize. `guarita chart` has all of it for Helm."""
    then = f"guarita rotate rbac --only kubernetes > {folder / 'roles.yaml'}"
    return write_and_tell(context, DEPLOY, folder, force=force, then=then)
