"""Many secrets side by side: each is moved a step when its time has come, until all are done or have to wait long.

One thread: what is on its way in one place is waited for while another is moved.
"""

from __future__ import annotations

import enum
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from guarita.errors import ExitStatus, GuaritaError, UsageError
from guarita.rotation.engine.machine import Machine
from guarita.rotation.errors import FencedOutError, NotYetError, TransientError
from guarita.rotation.journal import Phase

_FIRST_PAUSE: Final = 0.1


class Result(enum.StrEnum):
    """How a run leaves a secret."""

    DONE = "done"
    WAITING = "waiting"
    """On its way, and not to be hurried: the next run goes on."""
    ROLLED_BACK = "rolled-back"
    HALTED = "halted"
    """A person is needed."""
    UNKNOWN = "unknown"
    """Something could not be reached; the next run goes on."""
    TAKEN_OVER = "taken-over"
    """Another runner has it."""
    SKIPPED = "skipped"
    """What it comes after did not get there."""


STATUS: Final[Mapping[Result, ExitStatus]] = {
    Result.DONE: ExitStatus.PASSED,
    Result.WAITING: ExitStatus.PASSED,
    Result.ROLLED_BACK: ExitStatus.REFUSED,
    Result.HALTED: ExitStatus.REFUSED,
    Result.SKIPPED: ExitStatus.UNKNOWN,
    Result.UNKNOWN: ExitStatus.UNKNOWN,
    Result.TAKEN_OVER: ExitStatus.UNKNOWN,
}


@dataclass(frozen=True)
class Report:
    """What became of one secret in a run."""

    secret: str
    result: Result
    phase: Phase | None
    rotation: str | None
    error: GuaritaError | None = None
    delay: float | None = None
    """Seconds until it goes on, where it waits."""


@dataclass
class Task:
    """A secret in a run."""

    machine: Machine
    begins: bool
    """Whether a rotation is begun, or only what is under way goes on."""
    emergency: bool = False
    after: Sequence[str] = ()
    ready: float = 0.0
    attempts: int = 0
    last: GuaritaError | None = None


class Runner:
    """Moves tasks until each has a report."""

    def __init__(
        self,
        *,
        patience: float,
        alive: Callable[[], None] = lambda: None,
        sleep: Callable[[float], None] = time.sleep,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        """`patience` is how many seconds are waited in all; `alive` is called about every second meanwhile."""
        self._patience = patience
        self._alive = alive
        self._sleep = sleep
        self._monotonic = monotonic

    def run(self, tasks: Iterable[Task]) -> list[Report]:
        """The reports, in the order in which the secrets came to rest."""
        until = self._monotonic() + self._patience
        left = list(tasks)
        reports: dict[str, Report] = {}
        while left:
            now = self._monotonic()
            task = min(left, key=lambda one: (self._blocked(one, left), one.ready))
            if task.ready > now:
                self._wait(min(task.ready, until) - now, left)
                if self._monotonic() >= until and task.ready > until:
                    for one in left:
                        reports[one.machine.name] = self._parked(one)
                    break
                continue
            report = self._moved(task, reports, until)
            if report is not None:
                reports[task.machine.name] = report
                left.remove(task)
        return list(reports.values())

    def _blocked(self, task: Task, left: Sequence[Task]) -> bool:
        """Whether it comes after a secret that is still moving towards its new value."""
        if task.machine.work is not None or not task.begins:
            return False
        moving = {one.machine.name: one.machine for one in left if one is not task}
        return any(name in moving and not _has_switched(moving[name]) for name in task.after)

    def _moved(self, task: Task, reports: Mapping[str, Report], until: float) -> Report | None:
        machine = task.machine
        try:
            if machine.work is None:
                if not task.begins:
                    return _report(machine, _ended_as(machine))
                failed = [name for name in task.after if not _may_follow(reports.get(name))]
                if failed:
                    return _report(machine, Result.SKIPPED, error=_skipped(machine.name, failed))
                machine.begin(emergency=task.emergency)
                task.begins = False
            else:
                if task.emergency and not task.begins and not machine.work.emergency:
                    machine.hurry()
                machine.advance()
            task.attempts, task.last = 0, None
            if machine.work is None and not task.begins:
                return _report(machine, _ended_as(machine))
        except FencedOutError as error:
            return _report(machine, Result.TAKEN_OVER, error=error)
        except TransientError as error:
            return self._waits(task, error, until)
        except GuaritaError as error:
            return self._halted(task, error)
        return None

    def _waits(self, task: Task, error: TransientError, until: float) -> Report | None:
        task.last, task.attempts = error, task.attempts + 1
        now = self._monotonic()
        if now + error.delay > until:
            return self._parked(task)
        # What usually is quick is looked at soon, and ever more rarely up to what the step itself asks for.
        task.ready = now + min(error.delay, _FIRST_PAUSE * 2 ** min(task.attempts, 16))
        return None

    def _parked(self, task: Task) -> Report:
        error = task.last
        result = Result.WAITING if error is None or isinstance(error, NotYetError) else Result.UNKNOWN
        delay = error.delay if isinstance(error, TransientError) else None
        return self._stopped(task, result, error, delay)

    def _halted(self, task: Task, error: GuaritaError) -> Report:
        wrong = isinstance(error, UsageError) or error.exit_status is ExitStatus.REFUSED
        return self._stopped(task, Result.HALTED if wrong else Result.UNKNOWN, error, None)

    def _stopped(self, task: Task, result: Result, error: GuaritaError | None, delay: float | None) -> Report:
        try:
            task.machine.stop(error)
        except FencedOutError as taken:
            return _report(task.machine, Result.TAKEN_OVER, error=taken)
        except TransientError as failed:
            # Why it waits could not be written down; where it is stands in the journal all the same.
            return _report(task.machine, Result.UNKNOWN, error=error or failed)
        return _report(task.machine, result, error=error, delay=delay)

    def _wait(self, seconds: float, left: Sequence[Task]) -> None:
        self._sleep(min(max(seconds, 0.0), 1.0))
        self._alive()
        for task in left:
            try:
                task.machine.keep_claim()
            except GuaritaError:
                # Its next step finds out why.
                task.ready = min(task.ready, self._monotonic() + 1.0)


def _has_switched(machine: Machine) -> bool:
    """Whether consumers have the new value already, so that others may follow."""
    return machine.work is not None and (
        Phase.VERIFIED in machine.work.since or Phase.DESTROYED in machine.work.since
    )


def _may_follow(report: Report | None) -> bool:
    if report is None or report.result is Result.DONE:
        return True
    return report.result is Result.WAITING and report.phase in {
        Phase.VERIFIED,
        Phase.DISABLED,
        Phase.REFUSED,
        Phase.DESTROYED,
    }


def _ended_as(machine: Machine) -> Result:
    last = machine.entry.last
    return Result.ROLLED_BACK if last is not None and last.phase is Phase.ROLLED_BACK else Result.DONE


def _skipped(name: str, failed: Sequence[str]) -> GuaritaError:
    return GuaritaError(
        "rotation.skipped",
        f"{name}: comes after {', '.join(failed)}, which did not get there",
        hint="the next run tries again",
    )


def _report(
    machine: Machine, result: Result, *, error: GuaritaError | None = None, delay: float | None = None
) -> Report:
    work, last = machine.entry.work, machine.entry.last
    phase = work.phase if work is not None else last.phase if last is not None else None
    rotation = work.rotation if work is not None else last.rotation if last is not None else None
    if error is None and result is Result.ROLLED_BACK and last is not None and last.reason is not None:
        error = GuaritaError(last.reason.code, last.reason.message, hint=last.reason.hint or None)
    return Report(machine.name, result, phase, rotation, error, delay)


def status_of(reports: Iterable[Report]) -> ExitStatus:
    """The worst of them; what is unknown is worse than what is refused."""
    return max((STATUS[report.result] for report in reports), default=ExitStatus.PASSED)
