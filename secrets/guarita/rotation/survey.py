"""What can be seen before a rotation begins: the target, the consumers, who else writes there. Nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from guarita.errors import GuaritaError
from guarita.rotation.errors import TransientError
from guarita.rotation.interface import Consumer, Problem
from guarita.rotation.journal import Entry
from guarita.rotation.templates import secret_data
from guarita.rotation.tools import Subject, Tools


@dataclass(frozen=True)
class Survey:
    """What was found of one secret."""

    problems: Sequence[Problem]
    consumers: Sequence[Consumer]
    created: float | None
    """When what is published was written, by Vault's clock; None where nothing is."""

    @property
    def hindering(self) -> Sequence[Problem]:
        """Why a rotation is not begun."""
        return [problem for problem in self.problems if problem.hinders]


def survey(subject: Subject, tools: Tools, entry: Entry | None) -> Survey:
    """Look at everything that a rotation of this secret would touch. Raises TransientError."""
    place = subject.place
    there = None if place is None else tools.kv.get(place)
    fields = {} if there is None or there.data is None else dict(there.data)
    created = None if there is None or there.data is None else there.created
    problems: list[Problem] = []
    try:
        current = subject.rotator.current(fields)
        problems += subject.rotator.check(current)
        if place is None and current is not None:
            created = current.created or 0.0
    except TransientError:
        raise
    except GuaritaError as error:
        problems.append(_problem(error))
    known = None if entry is None else entry.current
    if known is not None and there is not None and known.version != there.version:
        problems.append(
            Problem(
                code="rotation.drift",
                message=f"{place}: version {there.version} was not written by Guarita, whose last is {known.version}",
                hint="what stands there is taken as the value in force, and its age counts",
                hinders=False,
            )
        )
    elif known is not None and known.created is not None:
        created = known.created
    problems += _templates(subject, fields)
    consumers: list[Consumer] = []
    for supply in subject.supplies:
        cluster = tools.clusters[supply.delivery.cluster]
        problems += cluster.check(supply.delivery)
        consumers += cluster.consumers(supply.delivery)
    return Survey(problems, consumers, created)


def _templates(subject: Subject, fields: dict[str, object]) -> Iterator[Problem]:
    for supply in subject.supplies if fields else ():
        try:
            secret_data(supply.keys, fields)
        except GuaritaError as error:
            yield _problem(error)


def _problem(error: GuaritaError) -> Problem:
    return Problem(code=error.code, message=error.message, hint=error.hint or "")
