"""What nobody would finish: rotations under way of secrets that the configuration no longer names."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

from guarita.cli import Context
from guarita.errors import GuaritaError
from guarita.rotation.engine.runner import Report, Result
from guarita.rotation.errors import TransientError
from guarita.rotation.journal import Entry
from guarita.rotation.orphans import orphaned
from guarita.rotation.service import Service

_NAME = "journals"


def left_behind(service: Service, failed: MutableMapping[str, GuaritaError]) -> Sequence[Entry]:
    """Their journals. What could not be read stands in `failed` after it."""
    try:
        return service.orphans()
    except GuaritaError as error:
        failed[_NAME] = error
        return ()


def show(context: Context, entries: Sequence[Entry]) -> None:
    """A line for each, with what to do."""
    for entry in entries:
        error = orphaned(entry)
        context.err.print(f"{error.message} → {error.hint}", style="bold red", markup=False, soft_wrap=True)


def reports(service: Service) -> list[Report]:
    """The same as reports of a run, which needs a person for each of them."""
    failed: dict[str, GuaritaError] = {}
    found = [
        Report(entry.secret, Result.HALTED, work.phase, work.rotation, orphaned(entry))
        for entry in left_behind(service, failed)
        if (work := entry.work) is not None
    ]
    for name, error in failed.items():
        result = Result.UNKNOWN if isinstance(error, TransientError) else Result.HALTED
        found.append(Report(name, result, None, None, error))
    return found
