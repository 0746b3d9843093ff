"""What every command gets: where to write, what was asked everywhere, progress on a terminal."""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import msgspec
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeElapsedColumn,
)


def _console(*, stderr: bool) -> Console:
    # rich follows NO_COLOR, FORCE_COLOR and TERM=dumb by itself, and drops colour when not on a terminal.
    return Console(stderr=stderr, highlight=False, soft_wrap=False)


@dataclass(frozen=True)
class Context:
    """The options common to all commands, and the two consoles.

    `out` is for the answer (stdout), `err` for everything beside it (stderr), so that piping an answer
    into another program always works.
    """

    ledger: str | None = None
    config: Path | None = None
    quiet: bool = False
    json: bool = False
    out: Console = field(default_factory=lambda: _console(stderr=False))
    err: Console = field(default_factory=lambda: _console(stderr=True))

    @property
    def interactive(self) -> bool:
        """Whether a person watches: a terminal on stderr, and neither `--quiet` nor `--json`."""
        # Asked of the stream: rich calls a pipe a terminal under FORCE_COLOR, and bars in a log help nobody.
        return sys.stderr.isatty() and not (self.quiet or self.json)

    def progress(self) -> Progress:
        """A progress display on stderr, which shows nothing unless a person watches."""
        return Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
            disable=not self.interactive,
        )

    def note(self, text: str) -> None:
        """Say something beside the answer, unless `--quiet`. `text` is plain: markup in it stays as it is."""
        if not self.quiet:
            self.err.print(text, markup=False, soft_wrap=True)

    def emit(self, document: Any) -> None:
        """Write one JSON document on one line to stdout."""
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        sys.stdout.flush()
