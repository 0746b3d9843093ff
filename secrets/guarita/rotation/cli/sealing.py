"""The sealing key's age beside the secrets' own."""

from __future__ import annotations

from collections.abc import MutableMapping, Sequence

from guarita.cli import Context
from guarita.errors import GuaritaError
from guarita.rotation.sealed.ages import SealingKeyAge
from guarita.rotation.sealed.configured import line, sealing_ages
from guarita.rotation.service import Service

_NAME = "sealing"


def looked_at(service: Service, failed: MutableMapping[str, GuaritaError]) -> Sequence[SealingKeyAge]:
    """The ages, where a certificate is configured. What could not be read stands in `failed` after it."""
    try:
        return sealing_ages(service.section.sealing, service.folder, service.clock.now().server)
    except GuaritaError as error:
        failed[_NAME] = error
        return ()


def show(context: Context, ages: Sequence[SealingKeyAge]) -> None:
    """A line for each."""
    for age in ages:
        style = "bold red" if age.overdue else None
        context.out.print(line(age), style=style, markup=False, soft_wrap=True)
