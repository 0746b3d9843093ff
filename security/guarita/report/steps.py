"""What to do next, by the facts: the worst first, each with a command where one helps."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Sequence
from typing import Final

from guarita.report.interface import Facts, LedgerHealth, Standing, Step
from guarita.report.tally import DAY_MS

NAMED: Final = 5
STALE: Final = 1
"""Days that entries may wait for a checkpoint before somebody should look."""
_ORDER: Final = ("bad", "attention", "unknown", "good")


def steps(ledger: LedgerHealth, facts: Facts | None, now: int) -> list[Step]:
    """Nothing where all is well."""
    found = [*_ledger(ledger, now)]
    if facts is not None:
        found += [*_gates(facts), *_secrets(facts), *_alerts(facts), *_rest(facts)]
    return sorted(found, key=lambda step: _ORDER.index(step.standing))


def _ledger(ledger: LedgerHealth, now: int) -> Iterator[Step]:
    if ledger.damage is not None:
        yield _step("ledger.damaged", "bad", 1, command="guarita audit verify")
        return
    behind = [sink.name for sink in ledger.sinks if sink.failing_since is not None]
    if behind:
        yield _step("ledger.sinks", "attention", len(behind), behind, "guarita audit sinks")
    if ledger.gap_count:
        yield _step(
            "ledger.gaps", "attention", ledger.gap_count, command="guarita audit query --class lifecycle"
        )
    silent = [writer.name for writer in ledger.writers if writer.silent]
    if silent:
        yield _step(
            "ledger.silent", "attention", len(silent), silent, "guarita audit query --class lifecycle"
        )
    waiting = (ledger.size or 0) - (ledger.signed or 0)
    old = ledger.unsigned_since is not None and now - ledger.unsigned_since > STALE * DAY_MS
    if waiting and (old or ledger.signed is None):
        yield _step("ledger.unsigned", "attention", waiting, command="guarita audit checkpoint")


def _gates(facts: Facts) -> Iterator[Step]:
    standing = [row for row in facts.gates.rows if row.stands]
    for result, code, kind in (("failed", "gates.failed", "bad"), ("unknown", "gates.unknown", "unknown")):
        names = [row.project for row in standing if row.result == result]
        if names:
            yield _step(code, kind, len(names), names, "guarita scan .")  # type: ignore[arg-type]
    if not standing:
        yield _step("gates.none", "unknown", 1, command="guarita scan .")
    nobody = facts.findings.by_owner.get("", 0)
    if nobody:
        yield _step(
            "findings.unowned", "attention", nobody, command="guarita scan . --output html=report.html"
        )
    ended = [waiver for waiver in facts.waivers if waiver.standing == "bad"]
    if ended:
        yield _step("waivers.ended", "bad", len(ended), [one.what for one in ended])
    ending = [waiver for waiver in facts.waivers if waiver.standing == "attention"]
    if ending:
        yield _step("waivers.ending", "attention", len(ending), [one.owner for one in ending])


def _secrets(facts: Facts) -> Iterator[Step]:
    limited = [secret for secret in facts.secrets if secret.limit_days is not None]
    for state, code, kind, command in (
        ("overdue", "secrets.overdue", "bad", "guarita rotate run {}"),
        ("due", "secrets.due", "attention", "guarita rotate run --due"),
        ("unknown", "secrets.unknown", "unknown", "guarita rotate status"),
    ):
        names = [secret.name for secret in limited if secret.state == state]
        if names:
            filled = command.format(shlex.join(names[:NAMED]))
            yield _step(code, kind, len(names), names, filled)  # type: ignore[arg-type]
    failed = [secret.name for secret in facts.secrets if secret.failed]
    if failed:
        yield _step("secrets.failed", "bad", len(failed), failed, "guarita rotate status")
    stray = [secret.name for secret in facts.secrets if secret.limit_days is None]
    if stray:
        yield _step("secrets.stray", "unknown", len(stray), stray)


def _alerts(facts: Facts) -> Iterator[Step]:
    alerts = facts.alerts
    waiting = [one for one in alerts.open if not one.acknowledged]
    if waiting:
        kind: Standing = "bad" if waiting[0].level == "critical" else "attention"
        command = f"guarita detect alerts ack {shlex.quote(waiting[0].incident)} --by NAME"
        yield _step("alerts.open", kind, len(waiting), [one.rule for one in waiting], command)
    missed = sum(times.missed for times in alerts.times)
    if missed:
        yield _step("alerts.missed", "attention", missed, command="guarita audit query --text alert.sent")
    if alerts.failed + alerts.abandoned:
        yield _step(
            "alerts.failed",
            "attention",
            alerts.failed + alerts.abandoned,
            command="guarita detect alerts list",
        )


def _rest(facts: Facts) -> Iterator[Step]:
    if facts.personal.unread:
        yield _step(
            "personal.unread",
            "unknown",
            facts.personal.unread,
            command="guarita audit query --class data-security",
        )
    if facts.denials.untold:
        yield _step(
            "denials.untold",
            "unknown",
            facts.denials.untold,
            command="guarita audit query --text gateway.untold",
        )
    if facts.unread.malformed:
        yield _step("unread.malformed", "unknown", facts.unread.malformed, command="guarita audit verify")
    if facts.unread.future:
        yield _step("unread.future", "unknown", facts.unread.future, command="date -u")
    if not facts.configured:
        yield _step("config.none", "unknown", 1, command="guarita init")


def _step(
    code: str, standing: Standing, count: int, names: Sequence[str] = (), command: str | None = None
) -> Step:
    return Step(
        code=code,
        standing=standing,
        count=count,
        names=list(dict.fromkeys(name for name in names if name))[:NAMED],
        command=command,
    )
