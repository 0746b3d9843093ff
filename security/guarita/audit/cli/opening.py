"""How the audit commands open the ledger that the common options name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from guarita.audit.ledger import Ledger
from guarita.audit.locate import open_configured
from guarita.cli import Context


def opened(
    context: Context,
    *,
    read_only: bool = True,
    vkey: str | None = None,
    archive: Path | None = None,
    check: bool = True,
) -> Ledger:
    """The ledger of `--ledger`, the environment or guarita.yaml. It must exist: reading makes none."""
    return open_configured(
        context.ledger,
        context.config,
        create=False,
        read_only=read_only,
        vkey=vkey,
        archive=archive,
        check=check,
    )


def archive_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--archive`, for commands that read bodies."""
    return click.option(
        "--archive",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        metavar="FOLDER",
        help="Where `guarita audit archive` put the entries that are no longer in the ledger.",
    )(function)
