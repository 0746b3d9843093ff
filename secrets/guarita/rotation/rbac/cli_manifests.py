"""`guarita rotate manifests`: the kustomize base, the Helm chart and the Dockerfile that come with the package."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Final

import click

from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError, UsageError

DEPLOY: Final = Path(__file__).parents[1] / "deploy"


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False))
@click.option("--force", is_flag=True, help="Write over what stands there.")
@command_options
def manifests(context: Context, /, folder: Path, *, force: bool) -> ExitStatus:
    """Write what a cluster needs into FOLDER: base/ for kustomize, chart/ for Helm, a Dockerfile."""
    if folder.exists() and any(folder.iterdir()) and not force:
        raise UsageError(
            "rotation.manifests",
            f"{folder}: is not empty",
            hint="name a new folder, or --force writes over it",
        )
    try:
        shutil.copytree(DEPLOY, folder, dirs_exist_ok=True)
    except OSError as error:
        raise GuaritaError("file.unwritable", f"{folder}: {error.strerror or 'cannot be written'}") from error
    written = sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())
    if context.json:
        context.emit({"written": written})
        return ExitStatus.PASSED
    context.note(f"wrote {len(written)} files to {folder}")
    context.note(f"  next: guarita rotate rbac --only kubernetes > {folder / 'roles.yaml'}")
    return ExitStatus.PASSED
