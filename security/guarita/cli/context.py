"""What every command gets: where to write, what was asked everywhere, progress on a terminal."""

from __future__ import annotations

import functools
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Self, cast

import msgspec

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import TaskID


def _console(*, stderr: bool) -> Console:
    from rich.console import Console  # noqa: PLC0415  # most runs for machines show nothing by it

    # rich follows NO_COLOR, FORCE_COLOR and TERM=dumb by itself, and drops colour when not on a terminal.
    return Console(stderr=stderr, highlight=False, soft_wrap=False)


class Bars(Protocol):
    """What commands do with a progress display."""

    def add_task(self, description: str, *, total: float | None = None) -> TaskID:
        """Show a task with `total` steps."""
        ...

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
    ) -> None:
        """Say how far it is."""
        ...

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Say that it is so much further."""
        ...


class _Unseen:
    """Stands in for a display that nobody watches."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None: ...

    def add_task(self, description: str, *, total: float | None = None) -> TaskID:
        """Take a task, and show none."""
        del description, total
        return cast("TaskID", 0)

    def update(
        self,
        task_id: TaskID,
        *,
        completed: float | None = None,
        total: float | None = None,
        description: str | None = None,
    ) -> None:
        """Show nothing."""

    def advance(self, task_id: TaskID, advance: float = 1) -> None:
        """Show nothing."""


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

    @functools.cached_property
    def out(self) -> Console:
        """The console on stdout."""
        return _console(stderr=False)

    @functools.cached_property
    def err(self) -> Console:
        """The console on stderr."""
        return _console(stderr=True)

    @property
    def interactive(self) -> bool:
        """Whether a person watches: a terminal on stderr, and neither `--quiet` nor `--json`."""
        # Asked of the stream: rich calls a pipe a terminal under FORCE_COLOR, and bars in a log help nobody.
        return sys.stderr.isatty() and not (self.quiet or self.json)

    def progress(self) -> AbstractContextManager[Bars]:
        """A progress display on stderr, which shows nothing unless a person watches."""
        if not self.interactive:
            return _Unseen()
        from rich.progress import (  # noqa: PLC0415
            BarColumn,
            MofNCompleteColumn,
            Progress,
            SpinnerColumn,
            TextColumn,
            TimeElapsedColumn,
        )

        return Progress(
            SpinnerColumn(finished_text="[green]✓[/green]"),
            TextColumn("{task.description}"),
            BarColumn(bar_width=28),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self.err,
            transient=True,
        )

    def note(self, text: str) -> None:
        """Say something beside the answer, unless `--quiet`. `text` is plain: markup in it stays as it is."""
        if not self.quiet:
            self.err.print(text, markup=False, soft_wrap=True)

    def emit(self, document: Any) -> None:
        """Write one JSON document on one line to stdout."""
        sys.stdout.write(msgspec.json.encode(document).decode() + "\n")
        sys.stdout.flush()
