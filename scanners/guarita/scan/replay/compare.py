"""Two answers held against each other: the one in the ledger, and the one of now."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import version

import msgspec

from guarita.policy.gate.verdict import Verdict
from guarita.scan.replay.past import Past
from guarita.scan.reports.summary import place


class Difference(msgspec.Struct, frozen=True):
    """One thing in which they do not agree."""

    what: str
    then: str
    now: str


def differences(past: Past, verdict: Verdict) -> list[Difference]:
    """Where the verdict of now says anything else than the ledger's; empty when they agree."""
    return [one for one in _pairs(past, verdict) if one.then != one.now]


def tools(past: Past, verdict: Verdict) -> list[Difference]:
    """Engines that were others then. Guarita itself counts only where something else differs too."""
    now = {run.name: run.tool for run in verdict.scanners}
    pairs = [
        Difference(f"scanner {name}", past.scanners.get(name, "not run"), now.get(name, "not run"))
        for name in dict.fromkeys((*past.scanners, *now))
    ]
    return [pair for pair in pairs if pair.then != pair.now]


def other_version(past: Past) -> Difference | None:
    """The difference between the Guarita of then and this one, or None."""
    now = version("guarita")
    return Difference("guarita", past.version, now) if past.version != now else None


def _pairs(past: Past, verdict: Verdict) -> Iterator[Difference]:
    yield Difference("verdict", past.result.value, verdict.result.value)
    for name in dict.fromkeys((*past.digests, *verdict.digests)):
        yield Difference(f"digest {name}", past.digests.get(name, "none"), verdict.digests.get(name, "none"))
    now = {d.finding.fingerprint: d for d in verdict.failing}
    # A verdict lists only so many; the digest `findings` stands for the rest.
    whole = len(past.failing) == past.failing_count
    for mark, rule in past.failing.items():
        yield Difference(
            f"finding {rule} {mark[:12]}", "failing", "failing" if mark in now else "not failing"
        )
    for mark, decision in now.items():
        if whole and mark not in past.failing:
            what = f"finding {decision.finding.rule} {mark[:12]} at {place(decision)}"
            yield Difference(what, "not failing", "failing")
    yield from _counts("findings", past.by_decision, verdict.by_state())
    yield from _counts("files", past.coverage, verdict.coverage.counts())
    yield Difference(
        "problems", ", ".join(sorted(past.problems)), ", ".join(sorted(p.code for p in verdict.problems))
    )


def _counts(what: str, then: dict[str, int], now: dict[str, int]) -> Iterator[Difference]:
    for name in dict.fromkeys((*then, *now)):
        yield Difference(f"{what} {name}", str(then.get(name, 0)), str(now.get(name, 0)))
