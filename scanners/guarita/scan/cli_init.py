"""`guarita init`: a commented starting configuration."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from guarita import config
from guarita.cli import Context, command_options
from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.scan.init import configuration, survey
from guarita.scan.scanners.known import choose
from guarita.scan.tree import open_trees


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, file_okay=False, exists=True), default=Path())
@click.option("--force", is_flag=True, help="Replace a guarita.yaml that stands there.")
@click.option("--stdout", is_flag=True, help="Show it, and write nothing.")
@click.option("--schema", is_flag=True, help="Show the JSON Schema of guarita.yaml instead, for an editor.")
@command_options
def init(context: Context, folder: Path, *, force: bool, stdout: bool, schema: bool) -> ExitStatus:
    """Write a commented starting guarita.yaml that fits the tree in FOLDER (default: here)."""
    if schema:
        click.echo(json.dumps(config.json_schema(), indent=2))
        return ExitStatus.PASSED
    target = folder / config.FILE_NAME
    if os.path.lexists(target) and not (force or stdout):
        raise UsageError(
            "init.exists",
            f"{target}: stands there already",
            hint="--force replaces it, --stdout shows a new one",
        )
    tree, _ = open_trees((folder,), policy_named=True)
    found = survey(tree, choose(None))
    text = configuration(found)
    config.parse(text.encode(), str(target))  # what we write, we can read
    if stdout:
        click.echo(text, nl=False)
        return ExitStatus.PASSED
    _write(target, text)
    if context.json:
        context.emit({"written": str(target), "files": found.files, "claimed": found.claimed})
        return ExitStatus.PASSED
    context.note(f"wrote {target}")
    for words, command in (
        ("judge the tree", f"guarita scan {folder}"),
        (
            "or keep what is known, and fail on what is new",
            f"guarita scan {folder} --write-baseline known.json",
        ),
        ("make the tools for manifests and infrastructure, once", "guarita tools sync"),
    ):
        context.note(f"  next: {command}  # {words}")
    return ExitStatus.PASSED


def _write(target: Path, text: str) -> None:
    partial = target.with_name(f".{target.name}.{os.getpid()}.partial")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, target)  # noqa: PTH105  # atomic; a link there is replaced, not followed
    except OSError as error:
        partial.unlink(missing_ok=True)
        raise GuaritaError("init.unwritable", f"{target}: {error.strerror}") from error
