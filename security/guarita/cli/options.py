"""The options that every command takes."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import Any, Concatenate, ParamSpec

import click

from guarita.cli.context import Context

P = ParamSpec("P")


def command_options(function: Callable[Concatenate[Context, P], Any]) -> Callable[..., Any]:
    """Add the common options to a command, whose first parameter becomes a `Context`."""

    @click.option(
        "--ledger",
        metavar="URL",
        envvar="GUARITA_LEDGER",
        help="The audit ledger. [default: .guarita/ledger.db beside guarita.yaml]",
    )
    @click.option(
        "--config",
        type=click.Path(path_type=Path, dir_okay=False, exists=True),
        metavar="FILE",
        help="The configuration file. [default: guarita.yaml]",
    )
    @click.option("--quiet", "-q", is_flag=True, help="Only the answer, nothing beside it.")
    @click.option("--json", is_flag=True, help="The answer as JSON, for machines.")
    @functools.wraps(function)
    def wrapper(*args: Any, **options: Any) -> Any:
        context = Context(**{name: options.pop(name) for name in ("ledger", "config", "quiet", "json")})
        return function(context, *args, **options)

    return wrapper
