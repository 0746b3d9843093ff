"""What the gateway tells the audit ledger, from a thread of its own: no request waits for a disk.

Refusals and privileged grants are events of their own, until one kind comes in a flood: then its repetitions are
counted, and the count is an event. Ordinary grants are counted by what they hung on: rule, method, roles, scopes, issuer.
So each decision can be made again by another policy (`guarita gateway replay`), though nothing says who asked, but for
what is sealed under a key of his own.
"""

from __future__ import annotations

import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Self

import msgspec

from guarita.audit import Ledger, LedgerError, Personal, events
from guarita.gateway.grant import Grant
from guarita.gateway.interface import Principal, Request
from guarita.gateway.metering import UNMEASURED, Meter
from guarita.gateway.refusal import RefusalError, UndecidedError
from guarita.policy.access.made import Made

INTERVAL = 10.0
"""Seconds between two summaries, and within which the same refusal is counted instead of told again."""
MAX_WAITING = 10_000
"""Decisions that wait to be written at most."""
BATCH = 500
MAX_KINDS = 1_000
"""Kinds of ordinary grants that are told apart between two summaries; what is beyond is counted by its rule alone."""
SUMMARY_BYTES = 32_768
"""Of the kinds in one event."""
LONGEST_PATH = 256
"""Characters of a path that is kept, sealed."""
STRANGERS = 50
"""Refusals of people who are not known that are events of their own between two summaries. Each new address costs a key of
its own, and somebody may have 2^64 of them: what is beyond is counted by code and rule, without addresses."""
METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
"""Others do not tell refusals apart: anybody may invent them."""
HTTP_OK = 200


class UnrecordedError(UndecidedError):
    """Decisions cannot be recorded, and it was declared that none is made then."""

    def __init__(self) -> None:
        super().__init__("audit.unavailable", "decisions cannot be recorded now")


class _Kind(NamedTuple):
    code: str
    client: str
    subject: str
    made: Made | None


@dataclass(frozen=True, slots=True)
class _Told:
    """One decision, as far as it is told."""

    at: float
    allowed: bool
    code: str
    status: int
    method: str
    subject: str
    issuer: str
    client: str
    session: str = ""
    """For a login or its end: the session's fingerprint."""
    ended: bool = False
    made: Made | None = None
    path: str = ""

    @property
    def kind(self) -> _Kind:
        """What makes two refusals the same."""
        made = self.made
        if made is not None and made.method not in METHODS:
            made = msgspec.structs.replace(made, method="")
        return _Kind(self.code, self.client, self.subject, made)


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
        self.tally: Counter[Made] = Counter()
        """Ordinary grants by what they hung on, since the last summary."""
        self.meter: Meter = UNMEASURED
        self._ledger = ledger
        self._deny = when_unwritable == "deny"
        self._interval = interval
        self._clock = clock
        self._waiting: deque[_Told] = deque()
        self._seen: dict[_Kind, float] = {}
        self._strangers = 0
        self._repeated: Counter[_Kind] = Counter()
        self._counting = threading.Lock()
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
            self._tell("access.granted", HTTP_OK, request, grant.principal, made=grant.made)
            return
        made = grant.made
        if made not in self.tally and len(self.tally) >= MAX_KINDS:
            made = Made(method="", rule=made.rule, code=made.code, policy="", whole=False)
        self.tally[made] += 1

    def refused(self, refusal: RefusalError, request: Request, principal: Principal | None) -> None:
        """A refusal is an event, unless the same one was told a moment ago: then it is counted."""
        self._tell(refusal.audit_code, refusal.status, request, principal, made=refusal.made)

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
        made: Made | None = None,
        session: str = "",
        ended: bool = False,
    ) -> None:
        known = principal or Principal(subject="")
        told = _Told(
            at=self._clock(),
            allowed=status == HTTP_OK,
            code=code,
            status=status,
            method=request.method,
            made=made,
            path=request.path if len(request.path) <= LONGEST_PATH else "",
            subject=known.subject,
            issuer=known.issuer,
            client=request.client,
            session=session,
            ended=ended,
        )
        if not told.allowed and self._counted(told):
            return
        if len(self._waiting) >= MAX_WAITING:
            self.dropped += 1
            return
        self._waiting.append(told)

    def _counted(self, told: _Told) -> bool:
        """Whether a refusal is one of many: then it is counted, and takes no place among those that wait."""
        kind = told.kind
        with self._counting:
            since = self._seen.get(kind)
            if since is None and not told.subject and self._strangers >= STRANGERS:
                kind = kind._replace(client="")
            elif since is None or abs(told.at - since) >= self._interval:
                self._seen[kind] = told.at
                self._strangers += not told.subject
                return False
            self._repeated[kind] += 1
            return True

    def _run(self) -> None:
        last = time.monotonic()
        while not self._closing.wait(min(0.1, self._interval)):
            self._drain()
            self.meter.ledger(waiting=len(self._waiting), untold=0)
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
                self.meter.asked("ledger", answered=False)
                return
            self.meter.asked("ledger", answered=True)
            self._batch = []

    def _due(self) -> Iterator[events.Event]:
        for _ in range(min(BATCH - len(self._batch), len(self._waiting))):
            yield _event(self._waiting.popleft())

    def _summaries(self) -> Iterator[events.Event]:
        now = self._clock()
        with self._counting:
            self._seen = {kind: at for kind, at in self._seen.items() if abs(now - at) < self._interval}
            self._strangers = 0
            repeated, self._repeated = self._repeated, Counter()
        granted, self.tally = self.tally, Counter()
        dropped, self.dropped = self.dropped, 0
        for kind, count in repeated.items():
            details = {**_kept(kind.made), "code": kind.code, "count": count}
            yield _summary(now, "gateway.refused-again", details, kind.client, kind.subject)
        for decisions in _portions(granted):
            counts = [decision["count"] for decision in decisions]
            yield _summary(now, "gateway.granted", {"decisions": decisions, "count": sum(counts)})
        if dropped:
            self.meter.ledger(waiting=len(self._waiting), untold=dropped)
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
        details={**_kept(told.made), "path": _path(told)} if told.made else None,
    )


def _kept(made: Made | None) -> dict[str, Any]:
    """As it stands in an event."""
    return {} if made is None else msgspec.to_builtins(made, order="sorted")


def _path(told: _Told) -> Personal | None:
    """Sealed with who asked: paths name people, too."""
    owner = (
        f"{told.issuer}|{told.subject}" if told.subject else f"address|{told.client}" if told.client else ""
    )
    return Personal(owner, told.path) if owner and told.path else None


def _portions(granted: Counter[Made]) -> Iterator[list[dict[str, Any]]]:
    """Kinds of grants with their counts, so many together as fit into one event."""
    portion: list[dict[str, Any]] = []
    size = 0
    for made, count in granted.items():
        one = {**_kept(made), "count": count}
        size += len(msgspec.json.encode(one))
        if portion and size > SUMMARY_BYTES:
            yield portion
            portion, size = [], len(msgspec.json.encode(one))
        portion.append(one)
    if portion:
        yield portion


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
