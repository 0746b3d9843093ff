"""Metrics after a run. What cannot be told there is said, and makes no run fail."""

from __future__ import annotations

from collections.abc import Sequence

from guarita.cli import Context
from guarita.errors import ExitStatus, GuaritaError
from guarita.rotation.engine.runner import Report, status_of
from guarita.rotation.metrics.collect import RunState, exposition
from guarita.rotation.metrics.publish import publish
from guarita.rotation.metrics.standings import state_of
from guarita.rotation.sealed.configured import sealing_ages
from guarita.rotation.service import Service


def tell_metrics(context: Context, service: Service, reports: Sequence[Report]) -> None:
    """Publish how every secret stands, where `rotation.metrics` says so."""
    section = service.section.metrics
    if section is None:
        return
    try:
        now = service.clock.now()
        states = [state_of(service.standing(name, now)) for name in service.section.secrets]
        ages = sealing_ages(service.section.sealing, service.folder, now.server)
        run = RunState(ended=now.server, success=status_of(reports) is ExitStatus.PASSED)
        publish(exposition(states, run=run, sealing=ages), section, service.folder)
    except GuaritaError as error:
        context.err.print(f"metrics: {error.message}", markup=False, soft_wrap=True)
