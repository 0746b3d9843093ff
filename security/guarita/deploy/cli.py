"""`guarita chart`: the Helm chart and the ArgoCD Application that come with the package."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from guarita.cli import Context, command_options
from guarita.deploy.writing import write_and_tell
from guarita.errors import ExitStatus

FILES: Final = Path(__file__).parent / "files"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Write over what stands there.")
@command_options
def chart(context: Context, /, folder: Path, *, force: bool) -> ExitStatus:
    """Write what a cluster needs into FOLDER: chart/ for Helm, argocd/ for a sync that needs a passed verdict."""
    then = f"helm lint {folder / 'chart'} -f {folder / 'chart' / 'values-production.yaml'}"
    return write_and_tell(context, FILES, folder, force=force, then=then)
