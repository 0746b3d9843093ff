"""Which secrets a run moves: what is due or was named, what is under way, and what waits for a window or another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

from guarita.errors import GuaritaError, UsageError
from guarita.rotation.engine.machine import Machine
from guarita.rotation.engine.runner import Report, Result, Runner, Task
from guarita.rotation.errors import NotYetError, TransientError
from guarita.rotation.journal import Phase
from guarita.rotation.leases import leased
from guarita.rotation.service import Service
from guarita.rotation.spans import span
from guarita.rotation.standing import Age
from guarita.rotation.windows import is_open, opens

_PAUSES: Final = (0.2, 2.0)
"""Seconds before a secret is looked at once more, when nobody answered."""


class Chosen:
    """The secrets of one run."""

    def __init__(
        self,
        service: Service,
        *,
        anytime: bool,
        takes_over: bool = False,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """With `takes_over` another runner's claim is waited for, not respected for good."""
        self._sleep = sleep
        self._service = service
        self._anytime = anytime
        self._takes_over = takes_over
        self._now = service.clock.now()
        self._tasks: list[Task] = []
        self._reports: list[Report] = []
        self.leaked: set[str] = set()
        """Those for an emergency whose new value consumers may have had before it, or that go back to the old one."""

    def add(self, name: str, *, asked: bool = False, emergency: bool = False, resumes: bool = False) -> None:
        """Look at a secret, and take it up if there is something to do.

        `asked`: whether due or not. `resumes`: only go on with what is under way. Raises UsageError.
        """
        for pause in (*_PAUSES, None):
            try:
                self._add(name, asked=asked, emergency=emergency, resumes=resumes)
            except TransientError as error:
                if pause is None or isinstance(error, NotYetError):
                    self._report(name, Result.UNKNOWN, error)
                    return
                self._sleep(pause)
            except UsageError:
                raise
            except GuaritaError as error:
                self._report(name, Result.HALTED, error)
                return
            else:
                return

    def _add(self, name: str, *, asked: bool, emergency: bool, resumes: bool) -> None:
        machine = self._service.machine(name, anytime=self._anytime or emergency)
        if machine.work is not None:
            self._goes_on(machine, emergency=emergency)
        elif resumes:
            for proof in machine.tidy():
                self._service.tools.say(f"{name}: ended what was left behind: {proof.facts['ended']}")
        else:
            self._begins(machine, asked=asked, emergency=emergency)

    def _goes_on(self, machine: Machine, *, emergency: bool) -> None:
        held = machine.held_by_another()
        if held and self._takes_over:
            self._service.tools.say(f"{machine.name}: another runner is at it; waiting up to {span(held)}")
            self._sleep(held)
            machine.reread()
        elif held and not emergency:
            self._report(machine.name, Result.TAKEN_OVER, _busy(machine.name, held))
            return
        work = machine.work
        if emergency and work is not None and ("publish" in work.begun or work.phase is Phase.ROLLING_BACK):
            self.leaked.add(machine.name)
        self._tasks.append(Task(machine, begins=False, emergency=emergency))

    def _begins(self, machine: Machine, *, asked: bool, emergency: bool) -> None:
        name, section = machine.name, self._service.section
        standing = self._service.standing(name, self._now)
        if not (asked or emergency or standing.wanted):
            return
        waits = not (self._anytime or emergency or standing.state is Age.OVERDUE)
        if waits and not is_open(section.windows, self._now.server):
            opening = opens(section.windows, self._now.server) - self._now.server
            self._report(name, Result.WAITING, _closed(name), delay=opening)
            return
        after = section.secrets[name].after
        self._tasks.append(Task(machine, begins=True, emergency=emergency, after=after))

    def moved(self) -> list[Report]:
        """Move all of them; gives every report."""
        section = self._service.section
        subjects = [task.machine.subject for task in self._tasks]
        with leased(self._service, subjects, waits=self._takes_over) as alive:
            reports = Runner(patience=section.patience_seconds, alive=alive).run(self._tasks)
        return [*self._reports, *reports]

    def _report(self, name: str, result: Result, error: GuaritaError, *, delay: float | None = None) -> None:
        self._reports.append(Report(name, result, None, None, error, delay))


def _busy(name: str, held: float) -> NotYetError:
    return NotYetError(
        "rotation.busy",
        f"{name}: another runner is at it, and has been heard of",
        hint=f"`guarita rotate resume` takes over when it is silent for {span(held)}",
        delay=held,
    )


def _closed(name: str) -> NotYetError:
    return NotYetError("rotation.window", f"{name}: waits for a maintenance window", hint="--anytime")
