"""Interrupt a rotation after its n-th effect, resume it, and see that it ended well; for every n that there is."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from typing import Final

from guarita.errors import GuaritaError
from guarita.rotation.drill.meddling import How, Trap
from guarita.rotation.engine.delivering import on_this_rotation
from guarita.rotation.engine.runner import Result, Runner, Task
from guarita.rotation.errors import NotYetError, StillValidError
from guarita.rotation.interface import Credential
from guarita.rotation.journal import Phase, Work
from guarita.rotation.service import Service
from guarita.rotation.tools import Job

Open = Callable[[Trap | None], AbstractContextManager[Service]]
"""Opens the service of a drill, with a trap for a victim and without one for who resumes."""

_SLACK: Final = 60.0
_MANY: Final = 500


@dataclass(frozen=True)
class Attempt:
    """One interruption, and what became of it."""

    number: int
    how: How
    what: str
    """The effect after which it happened; empty for the rotation that was not interrupted any more."""
    faults: tuple[str, ...]
    """What does not hold after `resume`; none is good."""


def explore(open_service: Open, name: str, how: How) -> Iterator[Attempt]:
    """An attempt for every effect of a rotation of this secret, until one has none of that number.

    Raises RotationError when the secret cannot even be looked at.
    """
    for number in range(1, _MANY):
        with open_service(None) as service:
            before = _published(service, name)
            patience = service.section.patience_seconds + _SLACK
        what = _interrupted(open_service, name, partial(Trap, number, how), patience)
        with open_service(None) as service:
            faults = [*_resumed(service, name), *wrong(service, name, before)]
        yield Attempt(number, how, what, tuple(faults))
        if not what:
            return


def _interrupted(
    open_service: Open, name: str, set_trap: Callable[[Callable[[str], None]], Trap], patience: float
) -> str:
    """Rotate in a process of its own that the trap may kill; gives after which effect it sprang."""
    read, write = os.pipe()
    child = os.fork()
    if not child:
        os.close(read)
        status = 1
        try:
            with open_service(set_trap(lambda what: _told(write, what))) as service:
                machine = service.machine(name, anytime=True)
                Runner(patience=service.section.patience_seconds).run([Task(machine, begins=True)])
            status = 0
        except GuaritaError:
            # Who resumes finds out what it was.
            status = 3
        finally:
            os._exit(status)
    os.close(write)
    until = time.monotonic() + patience
    while os.waitpid(child, os.WNOHANG) == (0, 0):
        if time.monotonic() > until:
            os.kill(child, 9)
            os.waitpid(child, 0)
            break
        time.sleep(0.01)
    with os.fdopen(read) as told:
        return told.read()


def _told(pipe: int, what: str) -> None:
    os.write(pipe, what.encode())


def _resumed(service: Service, name: str) -> Iterator[str]:
    machine = service.machine(name, anytime=True)
    if machine.work is not None:
        report = Runner(patience=service.section.patience_seconds).run([Task(machine, begins=False)])[0]
        if report.result not in {Result.DONE, Result.ROLLED_BACK}:
            said = "" if report.error is None else f": {report.error.message}"
            yield f"resume ends as {report.result} in phase {report.phase}{said}"
    elif machine.entry.current is not None:
        machine.tidy()


def wrong(service: Service, name: str, before: Credential | None) -> Iterator[str]:
    """What does not hold: the published value logs in, pods run it, nothing else is valid or left over."""
    machine = service.machine(name)
    entry = machine.entry
    if entry.work is not None:
        yield f"a rotation is still under way, in phase {entry.work.phase}"
        return
    now = _published(service, name)
    if now is None or entry.current is None:
        yield "nothing is published"
        return
    rotator = machine.subject.rotator
    try:
        rotator.probe(now)
    except GuaritaError as error:
        yield f"what is published does not work: {error.message}"
    if before is not None and dict(before.values) != dict(now.values):
        try:
            rotator.refused(before)
        except (StillValidError, NotYetError) as error:
            yield f"what was replaced is still valid: {error.message}"
    job = Job(
        machine.subject, service.tools, Work(rotation=entry.current.rotation, phase=Phase.DONE), entry.current
    )
    try:
        on_this_rotation(job, entry.current.rotation)
    except NotYetError as error:
        yield error.message
    left = service.tools.staging(machine.subject).left()
    if left:
        yield f"staged values are left of {', '.join(left)}"


def _published(service: Service, name: str) -> Credential | None:
    subject = service.subject(name)
    there = None if subject.place is None else service.kv.get(subject.place)
    return subject.rotator.current({} if there is None or there.data is None else dict(there.data))
