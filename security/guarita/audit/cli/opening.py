"""How the audit commands open the ledger that the common options name."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from guarita import config
from guarita.audit.ledger import Ledger
from guarita.audit.locate import open_configured, project
from guarita.cli import Context


def opened(
    context: Context,
    *,
    read_only: bool = True,
    vkey: str | None = None,
    archive: Path | None = None,
    check: bool = True,
    sign: bool = True,
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
        sign=sign,
    )


def archive_option(function: Callable[..., Any]) -> Callable[..., Any]:
    """The option `--archive`, for commands that read bodies."""
    return click.option(
        "--archive",
        type=click.Path(path_type=Path, file_okay=False, exists=True),
        metavar="FOLDER",
        help="Where `guarita audit archive` put the entries that are no longer in the ledger.",
    )(function)


def ledger_section(context: Context) -> config.LedgerSection:
    """What the project's guarita.yaml says of its ledger; the defaults where there is no such file."""
    file = context.config or project() / config.FILE_NAME
    return config.load(file).ledger if file.exists() else config.LedgerSection()
