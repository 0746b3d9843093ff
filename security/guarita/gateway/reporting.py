"""What the gateway tells the audit ledger, from a thread of its own: no request waits for a disk.

Refusals and privileged grants are events of their own, until one kind comes in a flood: then its repetitions are
counted, and the count is an event. Ordinary grants are counted by rule.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, Self

from guarita.audit import Ledger, LedgerError, Personal, events
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Principal, Request
from guarita.gateway.refusal import RefusalError, UndecidedError

INTERVAL = 10.0
"""Seconds between two summaries, and within which the same refusal is counted instead of told again."""
MAX_WAITING = 10_000
"""Decisions that wait to be written at most."""
BATCH = 500
HTTP_OK = 200


class UnrecordedError(UndecidedError):
    """Decisions cannot be recorded, and it was declared that none is made then."""

    def __init__(self) -> None:
        super().__init__("audit.unavailable", "decisions cannot be recorded now")


@dataclass(frozen=True, slots=True)
class _Told:
    """One decision, as far as it is told."""

    at: float
    allowed: bool
    code: str
    status: int
    method: str
    rule: str
    subject: str
    issuer: str
    client: str
    session: str = ""
    """For a login or its end: the session's fingerprint."""
    ended: bool = False

    @property
    def kind(self) -> tuple[str, str, str]:
        """What makes two refusals the same."""
        return self.code, self.client, self.subject


class LedgerReporter:
    """Writes decisions to the ledger, at the latest `interval` seconds after they were made.

    `when_unwritable` says what becomes of requests while the ledger takes nothing and the queue is full:
    `deny` refuses them with 503, `drop` lets them be decided, and records how many decisions were not told.
    Use it as a context manager, or `close` it: what waits is written then.
    """

    def __init__(
        self,
        ledger: Ledger,
        *,
        when_unwritable: Literal["deny", "drop"] = "deny",
        interval: float = INTERVAL,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.dropped = 0
        """Decisions that were not told, since the last event that says so."""
        self.tally: Counter[str] = Counter()
        """Ordinary grants by rule, since the last summary."""
        self._ledger = ledger
        self._deny = when_unwritable == "deny"
        self._interval = interval
        self._clock = clock
        self._waiting: deque[_Told] = deque()
        self._seen: dict[tuple[str, str, str], float] = {}
        self._repeated: Counter[tuple[str, str, str]] = Counter()
        self._batch: list[events.Event] = []
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="guarita-gateway-audit", daemon=True)
        self._thread.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> None:
        """Raise UnrecordedError while decisions could not be recorded and `deny` was declared."""
        if self._deny and len(self._waiting) >= MAX_WAITING:
            raise UnrecordedError

    def granted(self, grant: Grant, request: Request) -> None:
        """A privileged grant is an event, another is counted."""
        if grant.privileged:
            self._tell("access.granted", HTTP_OK, request, grant.principal, rule=grant.rule)
        else:
            self.tally[grant.rule] += 1

    def refused(self, refusal: RefusalError, request: Request, principal: Principal | None) -> None:
        """A refusal is an event, unless the same one was told a moment ago: then it is counted."""
        self._tell(refusal.audit_code, refusal.status, request, principal)

    def session(self, what: Literal["begun", "ended"], principal: Principal, request: Request) -> None:
        """A login, or the end of its session, is an event."""
        self._tell(
            f"session.{what}",
            HTTP_OK,
            request,
            principal,
            session=principal.credential_id,
            ended=what == "ended",
        )

    def close(self) -> None:
        """Write what waits, as far as the ledger takes it, and end the thread."""
        self._closing.set()
        self._thread.join()

    def _tell(
        self,
        code: str,
        status: int,
        request: Request,
        principal: Principal | None,
        *,
        rule: str = "",
        session: str = "",
        ended: bool = False,
    ) -> None:
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        known = principal or Principal(subject="")
        self._waiting.append(
            _Told(
                at=self._clock(),
                allowed=status == HTTP_OK,
                code=code,
                status=status,
                method=request.method,
                rule=rule,
                subject=known.subject,
                issuer=known.issuer,
                client=request.client,
                session=session,
                ended=ended,
            )
        )

    def _run(self) -> None:
        last = time.monotonic()
        while not self._closing.wait(min(0.1, self._interval)):
            self._drain()
            if time.monotonic() - last >= self._interval and not self._batch:
                last = time.monotonic()
                self._write(self._summaries())
        self._drain()
        self._write(self._summaries())

    def _drain(self) -> None:
        """Write what waits. What the ledger does not take stays, and is tried again."""
        self._write(self._due())
        while self._waiting and not self._batch:
            self._write(self._due())

    def _write(self, made: Iterator[events.Event]) -> None:
        self._batch.extend(made)
        if self._batch:
            try:
                self._ledger.append_all(self._batch)
            except LedgerError:
                return
            self._batch = []

    def _due(self) -> Iterator[events.Event]:
        for _ in range(min(BATCH - len(self._batch), len(self._waiting))):
            told = self._waiting.popleft()
            since = self._seen.get(told.kind)
            if not told.allowed and since is not None and told.at - since < self._interval:
                self._repeated[told.kind] += 1
                continue
            self._seen[told.kind] = told.at
            yield _event(told)

    def _summaries(self) -> Iterator[events.Event]:
        now = self._clock()
        self._seen = {kind: at for kind, at in self._seen.items() if now - at < self._interval}
        repeated, self._repeated = self._repeated, Counter()
        granted, self.tally = self.tally, Counter()
        dropped, self.dropped = self.dropped, 0
        for (code, client, subject), count in repeated.items():
            yield _summary(now, "gateway.refused-again", {"code": code, "count": count}, client, subject)
        if granted:
            yield _summary(now, "gateway.granted", {"by_rule": dict(granted), "count": granted.total()})
        if dropped:
            yield _summary(now, "gateway.untold", {"count": dropped})


def _event(told: _Told) -> events.Event:
    if told.session:
        return events.authentication(
            time=round(told.at * 1000),
            user=_person(told.issuer, told.subject),
            service="guarita gateway",
            success=True,
            ended=told.ended,
            source=_address(told.client),
            protocol="openid",
            session=told.session,
        )
    return events.api_activity(
        time=round(told.at * 1000),
        operation=told.method,
        actor=_person(told.issuer, told.subject),
        source=_address(told.client),
        allowed=told.allowed,
        service="guarita gateway",
        code=told.status,
        reason=told.code,
        severity="info" if told.allowed else "low",
        details={"rule": told.rule} if told.rule else None,
    )


def _summary(
    now: float, operation: str, details: dict[str, object], client: str = "", subject: str = ""
) -> events.Event:
    return events.api_activity(
        time=round(now * 1000),
        operation=operation,
        actor=_person("", subject),
        source=_address(client),
        allowed=operation == "gateway.granted",
        service="guarita gateway",
        details=details,
    )


def _person(issuer: str, subject: str) -> Personal | str:
    """Who called, sealed under a key of his own: a subject is a person until somebody shows otherwise."""
    return Personal(f"{issuer}|{subject}", subject) if subject else "nobody"


def _address(client: str) -> Personal | None:
    return Personal(f"address|{client}", client) if client else None
